"""Deploying to the local cloud: both stacks, the secrets, the schema, and new code while it runs."""

import json
import secrets as random_secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from chalicelib.aws.secret_lists import active_secrets
from chalicelib.webhooks.secret_forms import new_secret
from chalicelib.webhooks.sources import SOURCES
from infra.gateway import API_STAGE, put_gateway_responses
from infra.packaging import DATA_TEMPLATE, Package, application_zip, package
from infra.templates import read_template
from localcloud.layout import STAGE
from localcloud.overlooked import enable_expiry
from localcloud.processes import StartError
from localcloud.template import PARAMETERS, localize_app, localize_data

BUCKET = f"frontdesk-{STAGE}-packages"
DATA_STACK = f"frontdesk-{STAGE}-data"
APP_STACK = f"frontdesk-{STAGE}-app"

MIGRATION = f"frontdesk-{STAGE}-migrate_database"

_NOTHING_TO_DO = "No updates are to be performed"


@dataclass
class Deployment:
    """Deploys through ``client``, which makes a client of a service.

    ``directory`` receives the package. ``aws_endpoint_url`` is MiniStack's address as the functions reach it;
    ``addresses`` are those that the app's template has parameters for, by the parameter's name.
    """

    client: Callable[[str], Any]
    directory: Path
    aws_endpoint_url: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)

    def package(self) -> Package:
        """Package the present sources; the interpreter that runs the functions has the dependencies already."""
        return package(STAGE, self.directory, dependencies=False)

    def create_data(self) -> None:
        template = localize_data(read_template(DATA_TEMPLATE))
        self._apply(DATA_STACK, json.dumps(template), {"Stage": STAGE, **PARAMETERS["data"]})
        enable_expiry(self.client, DATA_STACK, template)

    def create_app(self, packaged: Package) -> None:
        """Create or update the app's stack from a package. The schema comes first, where there is a function for it."""
        exists = self._status(APP_STACK) is not None
        if exists:
            self._migrate_ahead(packaged.application.read_bytes())
        template = localize_app(json.loads(packaged.template.read_text(encoding="utf-8")), self.aws_endpoint_url)
        key = f"{time.time_ns()}.zip"
        self._empty_bucket()
        self._upload(key, packaged.application.read_bytes())
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = f"s3://{BUCKET}/{key}"
        declared = template["Parameters"]
        addresses = {name: address for name, address in self.addresses.items() if name in declared}
        self._apply(APP_STACK, json.dumps(template), {"Stage": STAGE, **addresses, **PARAMETERS["app"]})
        put_gateway_responses(self.client("apigateway"), self._rest_api_id(), template)
        if not exists:
            self.migrate()

    def push_code(self, packaged: Package, *, migrate: bool) -> int:
        """Give every function the present sources, without touching the stack; returns how many functions there are.

        ``migrate`` says that there may be new migrations, which then come first.
        """
        archive = self.directory.with_name("code.zip")
        application_zip(packaged, archive)
        code = archive.read_bytes()
        if migrate:
            self._migrate_ahead(code)
        names = list(self._functions())
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda name: self._update_code(name, code), names))
        return len(names)

    def seed_webhook_secrets(self, sources: Mapping[str, str]) -> list[str]:
        """Make a secret for each source (name to scheme) that has none; returns which those were."""
        return [
            name
            for name, scheme in sources.items()
            if self._put_secret(f"frontdesk/{STAGE}/webhooks/{name}", _new_webhook_document(scheme), replace=False)
        ]

    def seed_chat_secrets(self) -> None:
        """Make the secrets that sign the chat's tokens, and those of the shop's backend, where there are none."""
        for name in ("chat-identity", "chat-signing"):
            document = {"secrets": [random_secrets.token_urlsafe(32)]}
            self._put_secret(f"frontdesk/{STAGE}/{name}", document, replace=False)

    def put_bank_key(self, api_key: str) -> None:
        """Let the functions find the key of the bank's API."""
        name = f"/frontdesk/{STAGE}/bank-api-key"
        self.client("ssm").put_parameter(Name=name, Value=api_key, Type="SecureString", Overwrite=True)

    def put_database_secret(self, database: str) -> None:
        """Let the database's secret name its present address, a libpq URL."""
        url = urlsplit(database)
        credentials = {
            "host": url.hostname,
            "port": url.port,
            "dbname": url.path.lstrip("/"),
            "username": url.username,
            "password": url.password,
        }
        self._put_secret(f"frontdesk/{STAGE}/database", credentials, replace=True)

    def migrate(self) -> int:
        """Apply the schema and return its version."""
        answer = self.client("lambda").invoke(FunctionName=MIGRATION, Payload=b"{}")
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise StartError(f"The schema cannot be applied: {result.get('errorMessage', result)}")
        return int(result["version"])

    def _migrate_ahead(self, code: bytes) -> None:
        """Bring new migrations in before any other function has the code that relies on them."""
        self._update_code(MIGRATION, code)
        self.migrate()

    def _update_code(self, function: str, code: bytes) -> None:
        self.client("lambda").update_function_code(FunctionName=function, ZipFile=code)

    def api_url(self) -> str:
        """Where MiniStack serves the REST API, whose id changes when its routes do."""
        return self._execute_url(self._rest_api_id())

    def socket_url(self) -> str | None:
        """Where MiniStack serves the WebSocket API, if the application has one."""
        api = self.outputs(APP_STACK).get("WebsocketAPIId")
        return None if api is None else self._execute_url(api)

    def _execute_url(self, api: str) -> str:
        return f"{self.aws_endpoint_url}/_aws/execute-api/{api}/{API_STAGE}"

    def _rest_api_id(self) -> str:
        return self.outputs(APP_STACK)["RestAPIId"]

    def outputs(self, stack: str) -> dict[str, str]:
        """What a stack says of itself."""
        description = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}

    def _functions(self) -> Iterator[str]:
        pages = self.client("lambda").get_paginator("list_functions").paginate()
        prefix = f"frontdesk-{STAGE}-"
        return (
            function["FunctionName"]
            for page in pages
            for function in page["Functions"]
            if function["FunctionName"].startswith(prefix)
        )

    def _empty_bucket(self) -> None:
        s3 = self.client("s3")
        for old in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=old["Key"])

    def _upload(self, key: str, body: bytes) -> None:
        s3 = self.client("s3")
        try:
            s3.head_bucket(Bucket=BUCKET)
        except ClientError:
            s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def _apply(self, stack: str, template: str, parameters: Mapping[str, str]) -> None:
        """Update a stack, or create it: to create it over surviving queues and tables would empty them.

        The template goes through the bucket: within a request CloudFormation takes 51,200 bytes at most.
        """
        cloudformation = self.client("cloudformation")
        key = f"{stack}.json"
        self._upload(key, template.encode())
        arguments = {
            "StackName": stack,
            "TemplateURL": f"{self.aws_endpoint_url}/{BUCKET}/{key}",
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        }
        try:
            if self._status(stack) is None:
                cloudformation.create_stack(**arguments)
            else:
                cloudformation.update_stack(**arguments)
        except ClientError as error:
            if _NOTHING_TO_DO in str(error):
                return
            raise StartError(f"The stack {stack} is refused: {error}") from error
        self._wait(stack)

    def _wait(self, stack: str, patience: float = 60) -> None:
        deadline = time.monotonic() + patience
        while (status := self._status(stack) or "").endswith("_IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise StartError(f"The stack {stack} is still {status} after {patience:.0f} seconds.")
            time.sleep(0.05)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise StartError(f"The stack {stack} ended as {status}:\n{self._failures(stack)}")

    def _status(self, stack: str) -> str | None:
        try:
            description = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        except ClientError:
            return None
        status = str(description["StackStatus"])
        return None if status == "DELETE_COMPLETE" else status

    def _failures(self, stack: str) -> str:
        events = self.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        return "\n".join(
            f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
            for event in events
            if event["ResourceStatus"].endswith("FAILED")
        )

    def _put_secret(self, name: str, value: Mapping[str, Any], *, replace: bool) -> bool:
        """Store a secret; whether it is new."""
        client = self.client("secretsmanager")
        text = json.dumps(value)
        try:
            client.create_secret(Name=name, SecretString=text)
        except client.exceptions.ResourceExistsException:
            if replace:
                client.put_secret_value(SecretId=name, SecretString=text)
            return False
        return True


def _new_webhook_document(scheme: str) -> dict[str, Any]:
    secret = new_secret(scheme)
    # Elsewhere the two must differ, since a verify token travels in URLs; here `localcloud secrets` shows all there is.
    return {"secrets": [secret], **({"verify_token": secret} if scheme == "meta" else {})}


def read_webhook_secrets(client: Callable[[str], Any]) -> dict[str, list[str]]:
    """The active secrets of every source that has some, newest first."""
    manager = client("secretsmanager")
    found = {}
    for name in SOURCES:
        try:
            text = manager.get_secret_value(SecretId=f"frontdesk/{STAGE}/webhooks/{name}")["SecretString"]
        except manager.exceptions.ResourceNotFoundException:
            continue
        found[name] = list(active_secrets(text, time.time()))
    return found
