"""A stage as an operator reaches it: its names, its AWS clients and its address."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.aws.tables import Table
from chalicelib.settings import APP_NAME

STAGES = ("local", "dev", "prod")

_API_STAGE = "api"

# Invoking twice what takes its time would do it twice; the other calls are quick and safe to repeat.
_PATIENCE = {"lambda": Config(connect_timeout=5, read_timeout=70, retries={"total_max_attempts": 1})}
_USUAL = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 4, "mode": "standard"})


@dataclass
class Stage:
    """One stage. ``directory`` is where the local cloud of the stage ``local`` lives, None for the usual place."""

    name: str
    directory: Path | None = None
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """The one client of a service, with the operator's own credentials."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]

    @property
    def emulator(self) -> str | None:
        """Where AWS is emulated, None where the stage lives on AWS itself.

        What a template says of addresses counts on AWS alone; on an emulator nothing of AWS is ever asked.
        """
        if self.name == "local":
            return str(_local_endpoints(self.directory).aws_endpoint_url)
        return os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/") or None

    @cached_property
    def is_deployed(self) -> bool:
        """False only where it is certain that the stage has no functions."""
        client = self.client("lambda")
        try:
            client.get_function_configuration(FunctionName=self.deployed_name("api_handler"))
        except ClientError as error:
            return str(error.response["Error"]["Code"]) != "ResourceNotFoundException"
        return True

    @cached_property
    def _make(self) -> Callable[[str], Any]:
        if self.name != "local":
            session = boto3.Session()
            return lambda service: session.client(service, config=_PATIENCE.get(service, _USUAL))
        from localcloud.ministack import client

        return partial(client, url=_local_endpoints(self.directory).aws_endpoint_url)

    def deployed_name(self, name: str) -> str:
        """The name of a queue, function or stack, ``frontdesk-<stage>-<name>``."""
        return f"{APP_NAME}-{self.name}-{name}"

    def source_secret(self, source: str) -> str:
        """The name of a source's secret in Secrets Manager."""
        return f"{APP_NAME}/{self.name}/webhooks/{source}"

    def chat_secret(self, name: str) -> str:
        """The name of one of the chat's secrets in Secrets Manager."""
        return f"{APP_NAME}/{self.name}/{name}"

    def sessions_table(self) -> Table:
        """The chat's sessions, under the operator's own leave to read and write them."""
        return Table(self.client("dynamodb"), self.deployed_name("sessions"))

    def address(self) -> str:
        """Where the HTTP door answers."""
        if self.name == "local":
            return str(_local_endpoints(self.directory).http)
        stacks = self.client("cloudformation").describe_stacks(StackName=self.deployed_name("app"))["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
        if self.emulator:
            return f"{self.emulator}/_aws/execute-api/{outputs['RestAPIId']}/{_API_STAGE}"
        return str(outputs["EndpointURL"]).rstrip("/")

    def variables(self, function: str) -> dict[str, str]:
        """The environment with which a function was deployed."""
        name = self.deployed_name(function)
        found = self.client("lambda").get_function_configuration(FunctionName=name)
        return dict(found["Environment"]["Variables"])

    def model_address(self) -> str:
        """Where the stand-in for the model answers, beside an emulator."""
        if address := self.variables("answer_messages")["MODEL_ENDPOINT_URL"]:
            return address
        raise click.ClickException("has no stand-in on this emulator: set the parameter ModelEndpointUrl.")

    def model_client(self) -> Any:
        """A client of the model."""
        if not self.emulator:
            return self.client("bedrock-runtime")
        from localcloud.ministack import client

        return client("bedrock-runtime", url=self.model_address())


def _local_endpoints(directory: Path | None) -> Any:
    # Only here, since no other stage needs the local cloud to be installed.
    from localcloud.layout import Layout
    from localcloud.processes import StartError

    try:
        return (Layout(directory.absolute()) if directory else Layout()).endpoints()
    except StartError as error:
        raise click.ClickException(str(error)) from error


pass_stage = click.make_pass_decorator(Stage)
