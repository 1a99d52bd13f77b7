"""The stand-in for Bedrock as a part of the local cloud."""

from pathlib import Path

from localcloud.stand_in import StandIn


def model_server(log: Path, temporary: Path, port: int = 0, upstream: str | None = None) -> StandIn:
    """The program of ``localcloud.model``; ``upstream`` is a server of chat completions to ask instead of the rules."""
    environment = {"MODEL_URL": upstream} if upstream else {}
    return StandIn("localcloud.model", "/control", log, temporary, port, environment=environment)
