"""A MiniStack of a test's own, and functions that show how it calls them."""

import contextlib
import io
import json
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.logs import LogPump, Screen
from localcloud.ministack import ACCOUNT, REGION, MiniStack

ROLE = f"arn:aws:iam::{ACCOUNT}:role/scratch"
_ANYONE = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass
class Scratch:
    """A MiniStack with its patches, without Frontdesk in it. Functions report by printing JSON lines."""

    ministack: MiniStack
    logs: Path
    _reader: threading.Thread = field(init=False)

    def start(self) -> None:
        self.ministack.launch()
        self._reader = LogPump(self.logs, Screen(lambda _: None)).start(self.ministack.output)
        self.ministack.wait()

    def stop(self) -> None:
        self.ministack.stop()
        self._reader.join()
        self.ministack.output.close()

    def kill(self) -> None:
        """End it as a crash would."""
        process = self.ministack.process
        assert process is not None
        process.kill()
        self.stop()

    def create_role(self) -> None:
        iam = self.ministack.client("iam")
        iam.create_role(RoleName="scratch", AssumeRolePolicyDocument=_document(_ANYONE))
        iam.put_role_policy(RoleName="scratch", PolicyName="all", PolicyDocument=_document(_EVERYTHING))

    def function(self, body: str) -> str:
        """A new function of ``event`` and ``show``, which reports keywords; returns its name."""
        name = f"f-{uuid.uuid4().hex[:8]}"
        lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
        source = (
            "import json, sys, time\n"
            "def show(**what):\n    print(json.dumps({'at': time.time(), **what}), file=sys.stderr, flush=True)\n"
            f"def handler(event, context):\n{lines}"
        )
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as target:
            target.writestr("main.py", source)
        self.ministack.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Handler="main.handler",
            Role=ROLE,
            Code={"ZipFile": archive.getvalue()},
            Timeout=20,
        )
        return name

    def shown(self, function: str) -> list[dict[str, Any]]:
        """What a function has reported."""
        file = self.logs / "functions.log"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        found = (line.removeprefix(f"{function}\t") for line in lines if line.startswith(f"{function}\t"))
        return [json.loads(text) for text in found if text.startswith("{")]

    def queue(self, *, fifo: bool, **attributes: str) -> str:
        """A new queue's URL."""
        name = f"q-{uuid.uuid4().hex[:8]}" + (".fifo" if fifo else "")
        kind = {"FifoQueue": "true"} if fifo else {}
        return str(self.ministack.client("sqs").create_queue(QueueName=name, Attributes=kind | attributes)["QueueUrl"])

    def map_queue(self, queue: str, function: str, **options: Any) -> None:
        name = queue.rsplit("/", 1)[1]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        self.ministack.client("lambda").create_event_source_mapping(
            EventSourceArn=arn, FunctionName=function, **options
        )

    def table(self) -> tuple[str, str]:
        """A new table with a stream and the TTL attribute ``ttl``: its name and the stream's ARN."""
        name, dynamodb = f"t-{uuid.uuid4().hex[:8]}", self.ministack.client("dynamodb")
        answer = dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
        return name, str(answer["TableDescription"]["LatestStreamArn"])

    def map_stream(self, stream: str, function: str, **options: Any) -> None:
        self.ministack.client("lambda").create_event_source_mapping(
            EventSourceArn=stream, FunctionName=function, StartingPosition="LATEST", **options
        )

    def put(self, table: str, key: str, *, expires_in: float | None = None) -> None:
        ttl = {} if expires_in is None else {"ttl": {"N": str(int(time.time() + expires_in))}}
        self.ministack.client("dynamodb").put_item(TableName=table, Item={"PK": {"S": key}, **ttl})

    def socket_api(self, **functions: str) -> str:
        """A WebSocket API with a function for each of ``connect``, ``default``, ``disconnect``: its id and stage."""
        gateway = self.ministack.client("apigatewayv2")
        api = gateway.create_api(
            Name="scratch", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
        )["ApiId"]
        gateway.create_stage(ApiId=api, StageName="api", AutoDeploy=True)
        for route, function in functions.items():
            self.add_route(api, route, function)
        return f"{api}/api"

    def add_route(self, path: str, route: str, function: str) -> None:
        gateway, api = self.ministack.client("apigatewayv2"), path.split("/", maxsplit=1)[0]
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
        integration = gateway.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=uri)
        target = f"integrations/{integration['IntegrationId']}"
        gateway.create_route(ApiId=api, RouteKey=f"${route}", Target=target)

    def socket_url(self, api: str) -> str:
        return f"{self.ministack.url}/_aws/execute-api/{api}"


@contextlib.contextmanager
def scratch_cloud(directory: Path) -> Iterator[Scratch]:
    folders = {name: directory / name for name in ("state", "tmp", "logs")}
    for folder in folders.values():
        folder.mkdir()
    scratch = Scratch(MiniStack(folders["state"], folders["tmp"]), folders["logs"])
    scratch.start()
    try:
        scratch.create_role()
        yield scratch
    finally:
        scratch.stop()
