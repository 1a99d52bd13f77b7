"""The local cloud as a target of deployments: of the stage ``local``, and of any other one beside it."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from chalicelib.settings import log_level
from infra.gateway import API_STAGE, put_gateway_responses
from infra.secret_store import put_secret
from infra.stages import Stage
from infra.target import Addresses
from localcloud import ministack
from localcloud.layout import STAGE, Endpoints, Layout
from localcloud.ministack import ACCOUNT, REGION
from localcloud.overlooked import enable_expiry
from localcloud.processes import StartError
from localcloud.template import PARAMETERS, localize_app, localize_data


@dataclass(frozen=True)
class LocalTarget:
    """A running local cloud. A stage beside ``local`` is reached at MiniStack's own addresses, and has a database of
    its own on the same PostgreSQL; the model and the bank are the same.
    """

    stage: Stage
    endpoints: Endpoints
    bank_api_key: str
    account: str = ACCOUNT
    region: str = REGION
    tls: bool = False

    def client(self, service: str) -> Any:
        return ministack.client(service, self.endpoints.aws_endpoint_url)

    def parameters(self, stack: str) -> Mapping[str, str]:
        if stack == "data":
            return PARAMETERS["data"]
        here = {
            "LogLevel": log_level(),
            "ModelEndpointUrl": self.endpoints.model or "",
            "BankUrl": self.endpoints.bank or "",
        }
        if self._is_local:
            here |= {"PublicUrl": self.endpoints.http, "WebsocketUrl": self.endpoints.websocket or ""}
        return PARAMETERS["app"] | here

    def localize(self, stack: str, template: dict[str, Any]) -> dict[str, Any]:
        if stack == "data":
            return localize_data(template)
        return localize_app(template, self.endpoints.aws_endpoint_url)

    def prepare(self) -> None:
        url = urlsplit(self.endpoints.postgres_dsn)
        credentials = {
            "host": url.hostname,
            "port": url.port,
            "dbname": self._database(),
            "username": url.username,
            "password": url.password,
        }
        put_secret(self.client("secretsmanager"), self.stage.secret("database"), credentials, replace=True)
        name = f"/{self.stage.secret('bank-api-key')}"
        self.client("ssm").put_parameter(Name=name, Value=self.bank_api_key, Type="SecureString", Overwrite=True)

    def complete(self, stack: str, template: Mapping[str, Any], outputs: Mapping[str, str]) -> None:
        if stack == "data":
            enable_expiry(self.client, self.stage.stack("data"), template)
        else:
            put_gateway_responses(self.client("apigateway"), outputs["RestAPIId"], template)

    def addresses(self, outputs: Mapping[str, str]) -> Addresses:
        if self._is_local:
            return Addresses(self.endpoints.http, self.endpoints.websocket or "")
        own = f"{self.endpoints.aws_endpoint_url}/_aws/execute-api"
        websocket = f"{own.replace('http', 'ws', 1)}/{outputs['WebsocketAPIId']}/{API_STAGE}"
        return Addresses(f"{own}/{outputs['RestAPIId']}/{API_STAGE}", websocket)

    @property
    def _is_local(self) -> bool:
        return self.stage.name == STAGE

    def _database(self) -> str:
        """The name of the stage's database, which is made where there is none."""
        url = urlsplit(self.endpoints.postgres_dsn)
        own = url.path.lstrip("/")
        if self._is_local:
            return own
        name = f"{own}_{self.stage.name}"
        superuser = url._replace(netloc=url.netloc.replace(f"{url.username}:", "postgres:", 1), path="/postgres")
        with psycopg.connect(superuser.geturl(), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                owner = sql.Identifier(url.username or own)
                # Another deployment may make it in this moment: PostgreSQL then has either of two errors.
                with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(name), owner))
        return name


def running_target(stage: Stage, directory: Path | None) -> LocalTarget:
    """The local cloud that runs from ``directory``, or from the usual place; ``StartError`` when none does, or when
    ``AWS_ENDPOINT_URL`` names another one.
    """
    layout = Layout(directory.absolute()) if directory else Layout()
    endpoints = layout.endpoints()
    named = os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/")
    if named and named.replace("localhost", "127.0.0.1") != endpoints.aws_endpoint_url:
        raise StartError(
            f"AWS_ENDPOINT_URL names {named}, but the local cloud in {layout.directory} is at "
            f"{endpoints.aws_endpoint_url}: unset the one, or name the other with --directory."
        )
    return LocalTarget(stage, endpoints, layout.settings()["bank_api_key"])
