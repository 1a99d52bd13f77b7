"""The stand-in for the bank as a part of the local cloud."""

import secrets
from pathlib import Path

from localcloud.stand_in import StandIn


def bank_server(log: Path, temporary: Path, database: Path, api_key: str, port: int = 0) -> StandIn:
    """The program of ``localcloud.bank``, which keeps everything in the file ``database``."""
    environment = {"BANK_API_KEY": api_key}
    return StandIn("localcloud.bank", "/health", log, temporary, port, [str(database)], environment)


def new_api_key() -> str:
    return secrets.token_urlsafe(24)
