"""AWS clients, made from one botocore session, with time limits that fit a caller who waits.

botocore by default waits a minute for an answer; a webhook's sender gives up after three seconds at the least.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

if TYPE_CHECKING:
    from botocore.session import Session

QUICK = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"})
"""For calls a sender waits for: mostly milliseconds, and two attempts of three seconds at the very worst."""


MODEL = Config(connect_timeout=2, read_timeout=12, retries={"total_max_attempts": 1})
"""For the language model: twelve seconds of silence, before the first word or between two, count as a failure."""

SLOW = Config(connect_timeout=1, read_timeout=20, retries={"total_max_attempts": 1})
"""For asking another function, which may start cold and ask a database."""

CALLER = Config(connect_timeout=0.5, read_timeout=1, retries={"total_max_attempts": 1})
"""For a caller on the telephone, who hears silence meanwhile."""

SERVICES = ("apigatewaymanagementapi", "bedrock-runtime", "dynamodb", "lambda", "s3", "secretsmanager", "sqs", "ssm")


class _Loader(Loader):  # type: ignore[misc]
    """Knows our services by name, where botocore would list its folders of all four hundred at each cold start."""

    def list_available_services(self, type_name: str) -> list[str]:
        return [*SERVICES]


@cache
def _session() -> "Session":
    session = botocore.session.get_session()
    session.register_component("data_loader", _Loader())
    return session


def credentials() -> Any:
    """botocore's credentials of this process, which it renews by itself; None when there are none."""
    return _session().get_credentials()


@cache
def client(service: str, endpoint_url: str | None = None, config: Config = QUICK) -> Any:
    """The one client of a service in this process, one of ``SERVICES``."""
    return _session().create_client(service, endpoint_url=endpoint_url, config=config)
