"""Where a stage is deployed: an account of AWS, or whatever speaks its protocols and says how it differs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import boto3
from botocore.config import Config

from infra.errors import DeploymentError

# A migration may take as long as a function can; invoking it twice would not make it quicker.
_PATIENCE = {"lambda": Config(connect_timeout=5, read_timeout=910, retries={"total_max_attempts": 1})}
_USUAL = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 6, "mode": "standard"})


@dataclass(frozen=True)
class Addresses:
    """Where a deployed stage answers, without a slash at the end."""

    http: str
    websocket: str


class Target(Protocol):
    """What deploying needs to know of a place."""

    @property
    def account(self) -> str:
        """Its number."""

    @property
    def region(self) -> str:
        """Its name."""

    @property
    def tls(self) -> bool:
        """Whether it is reached over TLS alone."""

    def client(self, service: str) -> Any:
        """The client of one service."""

    def parameters(self, stack: str) -> Mapping[str, str]:
        """Values that only this place can know, by the parameter's name, for the ``data`` or the ``app`` stack."""

    def localize(self, stack: str, template: dict[str, Any]) -> dict[str, Any]:
        """The template of ``data`` or ``app`` as this place can take it."""

    def prepare(self) -> None:
        """Bring in what the app's functions want to find, before they are made."""

    def complete(self, stack: str, template: Mapping[str, Any], outputs: Mapping[str, str]) -> None:
        """Bring in what this place has overlooked in the localised template of a stack that is deployed."""

    def addresses(self, outputs: Mapping[str, str]) -> Addresses:
        """Where the stage answers, from the outputs of its app stack."""


@dataclass
class AwsTarget:
    """The account and region of the shell's credentials, AWS_PROFILE or AWS_DEFAULT_REGION, say."""

    account: str
    region: str
    tls: bool = True
    _session: Any = field(default_factory=boto3.Session)

    @classmethod
    def of_the_shell(cls) -> "AwsTarget":
        session = boto3.Session()
        if session.region_name is None:
            raise DeploymentError("There is no AWS region: set AWS_DEFAULT_REGION or AWS_PROFILE.")
        account = session.client("sts", config=_USUAL).get_caller_identity()["Account"]
        return cls(account, session.region_name, _session=session)

    def client(self, service: str) -> Any:
        return self._session.client(service, config=_PATIENCE.get(service, _USUAL))

    def parameters(self, _stack: str) -> Mapping[str, str]:
        return {}

    def localize(self, _stack: str, template: dict[str, Any]) -> dict[str, Any]:
        return template

    def prepare(self) -> None:
        """The database's secret and the bank's key are an operator's to bring."""

    def complete(self, _stack: str, _template: Mapping[str, Any], _outputs: Mapping[str, str]) -> None:
        """CloudFormation overlooks nothing."""

    def addresses(self, outputs: Mapping[str, str]) -> Addresses:
        return Addresses(outputs["EndpointURL"].rstrip("/"), outputs["WebsocketConnectEndpointURL"].rstrip("/"))
