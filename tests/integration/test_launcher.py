"""The patches of MiniStack: each test fails when a new version makes its patch wrong."""

import asyncio
import json
import random
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from localcloud.launcher import SAVE_EVERY_SECONDS
from localcloud.patches import FIFO_CONCURRENCY, REFUSED
from localcloud.samples import make_event
from tests.builders import make_envelope
from tests.iam.leave import as_function
from tests.integration.cloud import STAGE_PREFIX, Cloud, eventually
from tests.integration.scratch import Scratch, scratch_cloud


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    with scratch_cloud(tmp_path_factory.mktemp("scratch")) as running:
        yield running


def test_what_functions_log_is_seen_at_once(cloud: Cloud) -> None:
    """Of REST functions MiniStack itself writes nothing to its standard output."""
    event = make_event("github", random.Random(uuid.uuid4().int))

    cloud.deliver("github", event)

    eventually(lambda: re.search(f"api_handler .*webhook accepted .*{event.event_id}", cloud.printed()), seconds=20)
    eventually(lambda: re.search(f"process_webhooks .*webhooks stored .*{event.event_id}", cloud.printed()), seconds=20)


def test_state_is_saved_while_it_runs(cloud: Cloud) -> None:
    name = f"test/{uuid.uuid4()}"
    cloud.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps({}))

    saved = cloud.layout.ministack / "secretsmanager.json"
    eventually(lambda: saved.exists() and name in saved.read_text(), seconds=SAVE_EVERY_SECONDS + 20)
    time.sleep(0.1)
    assert "Persistence: failed" not in (cloud.layout.logs / "ministack.log").read_text()


def test_the_sender_is_told_the_id_that_log_and_row_have(cloud: Cloud) -> None:
    event = make_event("github", random.Random(uuid.uuid4().int))

    answer = cloud.deliver("github", event)

    ((_, _, correlation_id),) = eventually(lambda: cloud.arrived(event.event_id))
    assert answer.headers["x-amzn-requestid"] == correlation_id
    eventually(lambda: f'"correlation_id":"{correlation_id}"' in cloud.logs())


def test_what_iam_refuses_is_told(cloud: Cloud) -> None:
    table, key = as_function(cloud, "look_up_order", "dynamodb"), {"sessionId": {"S": uuid.uuid4().hex}}

    with pytest.raises(Exception, match="not authorized"):
        table.get_item(TableName=f"{STAGE_PREFIX}calls", Key=key)

    told = rf"WARNING.* {REFUSED} \S+LookUpOrderRole\S* may not dynamodb:GetItem on \S+:table/{STAGE_PREFIX}calls$"
    eventually(lambda: re.search(told, (cloud.layout.logs / "ministack.log").read_text(), re.MULTILINE))


def test_a_batch_of_messages_needs_the_leave_for_one(cloud: Cloud) -> None:
    sqs, url = as_function(cloud, "api_handler", "sqs"), cloud.queue_url("webhook-events")
    entry = {"Id": "1", "MessageBody": make_envelope(external_id=uuid.uuid4().hex).to_message()}

    assert sqs.send_message_batch(QueueUrl=url, Entries=[entry])["Successful"]
    with pytest.raises(Exception, match="not authorized"):
        sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": "1", "ReceiptHandle": "x"}])


def under_way(shown: list[dict[str, Any]]) -> int:
    """How many calls there were at once, at most."""
    now = most = 0
    for report in sorted(shown, key=lambda report: report["at"]):
        now += 1 if report["begins"] else -1
        most = max(most, now)
    return most


class TestFifoQueues:
    WORK = """
for record in event["Records"]:
    group, number = record["attributes"]["MessageGroupId"], int(record["body"])
    show(group=group, number=number, begins=True)
    time.sleep(0.4)
    show(group=group, number=number, begins=False)
"""

    def send(self, scratch: Scratch, queue: str, groups: int, messages: int) -> None:
        sqs = scratch.ministack.client("sqs")
        for number in range(messages):
            for group in range(groups):
                sqs.send_message(
                    QueueUrl=queue,
                    MessageBody=str(number),
                    MessageGroupId=f"g{group}",
                    MessageDeduplicationId=uuid.uuid4().hex,
                )

    @pytest.mark.parametrize(("limit", "most"), [(4, 4), (None, 6)])
    def test_groups_run_at_once_and_each_in_its_order(self, scratch: Scratch, limit: int | None, most: int) -> None:
        function, queue = scratch.function(self.WORK), scratch.queue(fifo=True, VisibilityTimeout="120")
        scaling = {"ScalingConfig": {"MaximumConcurrency": limit}} if limit else {}
        self.send(scratch, queue, groups=6, messages=4)

        scratch.map_queue(queue, function, BatchSize=1, **scaling)

        eventually(lambda: len(scratch.shown(function)) >= 48, seconds=30)
        shown = scratch.shown(function)
        assert len(shown) == 48
        assert 1 < under_way(shown) <= most <= FIFO_CONCURRENCY
        for group in range(6):
            numbers = [report["number"] for report in shown if report["group"] == f"g{group}"]
            assert numbers == sorted(numbers)


class TestStreams:
    def test_a_slow_one_stalls_neither_queues_nor_another_stream(self, scratch: Scratch) -> None:
        quick = scratch.function("show(records=len(event['Records']))")
        slow = scratch.function("show(begins=True)\ntime.sleep(8)")
        table, stream = scratch.table()
        scratch.map_stream(stream, slow)
        scratch.map_stream(stream, quick)
        queue = scratch.queue(fifo=False)
        by_queue = scratch.function("show(records=len(event['Records']))")
        scratch.map_queue(queue, by_queue)

        scratch.put(table, "a")
        eventually(lambda: scratch.shown(slow))
        scratch.ministack.client("sqs").send_message(QueueUrl=queue, MessageBody="hello")

        eventually(lambda: scratch.shown(quick) and scratch.shown(by_queue), seconds=7.5)

    def test_they_live_on_after_a_restart(self, scratch: Scratch) -> None:
        function = scratch.function("show(keys=[record['dynamodb']['Keys']['PK']['S'] for record in event['Records']])")
        table, stream = scratch.table()
        scratch.map_stream(stream, function, BatchSize=1)
        for key in ("a", "b", "c"):
            scratch.put(table, key)
        eventually(lambda: len(scratch.shown(function)) == 3)

        scratch.stop()
        scratch.start()
        scratch.put(table, "d")

        eventually(lambda: {"keys": ["d"]}.items() <= scratch.shown(function)[-1].items())

    def test_a_record_of_an_expired_item_says_who_removed_it(self, scratch: Scratch) -> None:
        function = scratch.function(
            "for record in event['Records']:\n"
            "    key, by = record['dynamodb']['Keys']['PK']['S'], record.get('userIdentity')\n"
            "    show(name=record['eventName'], by=by, key=key)"
        )
        table, stream = scratch.table()
        scratch.map_stream(stream, function)
        scratch.put(table, "stays", expires_in=600)
        scratch.put(table, "expires", expires_in=1)
        scratch.put(table, "deleted")
        dynamodb = scratch.ministack.client("dynamodb")
        dynamodb.delete_item(TableName=table, Key={"PK": {"S": "deleted"}})

        eventually(lambda: len(scratch.shown(function)) >= 5)

        removals = {report["key"]: report["by"] for report in scratch.shown(function) if report["name"] == "REMOVE"}
        assert removals == {
            "deleted": None,
            "expires": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
        }
        assert [item["PK"]["S"] for item in dynamodb.scan(TableName=table)["Items"]] == ["stays"]


class TestSockets:
    def test_functions_run_at_once(self, scratch: Scratch) -> None:
        function = scratch.function("show(begins=True)\ntime.sleep(3)\nshow(begins=False)\nreturn {'statusCode': 200}")
        nothing = scratch.function("return {}")
        url = scratch.socket_url(scratch.socket_api(connect=nothing, default=function, disconnect=nothing))

        async def talk() -> None:
            async with aiohttp.ClientSession() as session:
                sockets = [await session.ws_connect(url) for _ in range(5)]
                for socket in sockets:
                    await socket.send_str("hello")
                await asyncio.to_thread(eventually, lambda: len(scratch.shown(function)) == 10, seconds=30)
                for socket in sockets:
                    await socket.close()

        asyncio.run(talk())

        assert 1 < under_way(scratch.shown(function)) <= 5

    def test_a_refusal_keeps_its_status(self, scratch: Scratch) -> None:
        url = scratch.socket_url(scratch.socket_api(connect=scratch.function("return {'statusCode': 401}")))

        async def connect() -> int:
            async with aiohttp.ClientSession() as session:
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await session.ws_connect(url)
                return refused.value.status

        assert asyncio.run(connect()) == 401

    def test_neither_answers_nor_exceptions_reach_the_client(self, scratch: Scratch) -> None:
        function = scratch.function("if event['body'] == 'fail': raise KeyError('secret')\nreturn {'body': 'answer'}")
        url = scratch.socket_url(scratch.socket_api(default=function))

        async def talk() -> str:
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
                await socket.send_str("succeed")
                await socket.send_str("fail")
                return str((await socket.receive(10)).data)

        first = asyncio.run(talk())

        assert json.loads(first)["message"] == "Internal server error"
        assert "secret" not in first
        log = scratch.logs / "functions.log"
        eventually(lambda: "KeyError: 'secret'" in log.read_text(encoding="utf-8"))

    def test_the_client_s_code_and_reason_are_told(self, scratch: Scratch) -> None:
        function = scratch.function(
            "context = event['requestContext']\n"
            "show(code=context['disconnectStatusCode'], why=context['disconnectReason'])"
        )
        url = scratch.socket_url(scratch.socket_api(disconnect=function))

        async def talk() -> None:
            async with aiohttp.ClientSession() as session:
                socket = await session.ws_connect(url)
                await socket.close(code=4001, message=b"bye")
                dropped = await session.ws_connect(url)
                dropped._response.connection.transport.abort()  # type: ignore[union-attr]

        asyncio.run(talk())

        eventually(lambda: len(scratch.shown(function)) == 2)
        assert {(report["code"], report["why"]) for report in scratch.shown(function)} == {(4001, "bye"), (1006, "")}


class TestRestApis:
    def document(self, title: str, *paths: str) -> bytes:
        integration = {"type": "mock", "uri": "none", "httpMethod": "POST"}
        operation = {"get": {"x-amazon-apigateway-integration": integration}}
        return json.dumps(
            {"swagger": "2.0", "info": {"title": title}, "paths": dict.fromkeys(paths, operation)}
        ).encode()

    def paths(self, gateway: Any, api: str) -> set[str]:
        return {resource["path"] for resource in gateway.get_resources(restApiId=api)["items"]}

    def test_a_document_is_imported_and_overwritten_under_one_id(self, scratch: Scratch) -> None:
        gateway = scratch.ministack.client("apigateway")
        api = gateway.import_rest_api(body=self.document("shop", "/health", "/webhooks/{source}"))["id"]
        assert self.paths(gateway, api) == {"/", "/health", "/webhooks", "/webhooks/{source}"}

        gateway.put_rest_api(restApiId=api, mode="overwrite", body=self.document("shop", "/health"))

        assert self.paths(gateway, api) == {"/", "/health"}
        assert [found["id"] for found in gateway.get_rest_apis()["items"] if found["name"] == "shop"] == [api]

    def test_a_patch_reaches_lists_and_numbers(self, scratch: Scratch) -> None:
        gateway = scratch.ministack.client("apigateway")
        api = gateway.create_rest_api(name="patched", binaryMediaTypes=["image/png"])["id"]

        gateway.update_rest_api(
            restApiId=api,
            patchOperations=[
                {"op": "add", "path": "/binaryMediaTypes/*~1*"},
                {"op": "replace", "path": "/minimumCompressionSize", "value": ""},
                {"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "REGIONAL"},
                {"op": "replace", "path": "/description", "value": "The shop."},
            ],
        )

        patched = gateway.get_rest_api(restApiId=api)
        assert patched["binaryMediaTypes"] == ["image/png", "*/*"]
        assert patched["endpointConfiguration"]["types"] == ["REGIONAL"]
        assert patched["description"] == "The shop."
        assert "minimumCompressionSize" not in patched


def test_a_function_is_ready_at_once(scratch: Scratch) -> None:
    """Half a second of waiting would have every waiter of boto's wait for five."""
    service = scratch.ministack.client("lambda")
    name = scratch.function("show(at=time.time())")
    code = service.get_function(FunctionName=name)["Configuration"]["CodeSha256"]

    service.update_function_configuration(FunctionName=name, Timeout=7)
    states = [service.get_function_configuration(FunctionName=name) for _ in range(3)]

    assert states[-1]["LastUpdateStatus"] == "Successful"
    assert (states[-1]["Timeout"], states[-1]["CodeSha256"]) == (7, code)
