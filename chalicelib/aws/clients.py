"""AWS clients, made from one botocore session, with time limits that fit a caller who waits.

botocore by default waits a minute for an answer; a webhook's sender gives up after three seconds at the least.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from botocore.session import Session

QUICK = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"})
"""For calls a sender waits for: mostly milliseconds, and two attempts of three seconds at the very worst."""


@cache
def _session() -> "Session":
    return botocore.session.get_session()


@cache
def client(service: str) -> Any:
    """The one client of a service in this process."""
    return _session().create_client(service, config=QUICK)
