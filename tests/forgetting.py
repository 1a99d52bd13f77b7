"""What a process keeps between two uses of the application, and how a test begins and ends without it."""

from chalicelib import wiring
from chalicelib.aws import clients


def forget() -> None:
    """Let the next use make every session, client and store anew, and close the database."""
    if wiring.database.cache_info().currsize:
        wiring.database().close()
    for made in (clients._session, clients.client, *vars(wiring).values()):
        if hasattr(made, "cache_clear"):
            made.cache_clear()
