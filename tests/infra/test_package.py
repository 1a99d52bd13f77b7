"""The packaged result: what Chalice and infra/ make together, asserted as CloudFormation will read it."""

import json
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chalicelib.aws.clients import MODEL, SLOW
from chalicelib.chat.answers import ANSWER_SECONDS
from chalicelib.chat.queue import LAST_RECEIVE
from infra.folders import PACKAGE, Mark, read_mark
from infra.packaging import DATA_TEMPLATE, ROOT, Package, package
from tests.infra.templates import mapping_of, of_type, transformed_with

FUNCTIONS = {
    "APIHandler": "api_handler",
    "WebsocketConnect": "websocket_connect",
    "WebsocketMessage": "websocket_message",
    "WebsocketDisconnect": "websocket_disconnect",
    "AnswerMessages": "answer_messages",
    "WriteFailedTurns": "write_failed_turns",
    "SummarizeSessions": "summarize_sessions",
    "DeleteExpiredSessions": "delete_expired_sessions",
    "HandOffSession": "hand_off_session",
    "CheckWaiting": "check_waiting",
    "LookUpOrder": "look_up_order",
    "ProcessWebhooks": "process_webhooks",
    "PurgeOldEvents": "purge_old_events",
    "MigrateDatabase": "migrate_database",
    "ManageEvents": "manage_events",
    "LexCodehook": "lex_codehook",
}

BOT_ROLE = "LexBotRole"


def test_cfn_lint_finds_nothing_in_either_stack(packaged: Package) -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), str(packaged.template), str(DATA_TEMPLATE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_functions_are_those_of_the_contract(transformed: dict[str, Any]) -> None:
    functions = of_type(transformed, "AWS::Lambda::Function")

    assert {name: function["FunctionName"]["Fn::Sub"] for name, function in functions.items()} == {
        name: f"frontdesk-${{Stage}}-{deployed}" for name, deployed in FUNCTIONS.items()
    }


def test_every_resource_has_a_type(app: dict[str, Any]) -> None:
    """A misspelt logical id in app.yaml would add a resource that is none."""
    assert [name for name, resource in app["Resources"].items() if "Type" not in resource] == []


def test_every_event_source_has_a_type(app: dict[str, Any]) -> None:
    """A misspelt event in app.yaml would add a second event source that listens to nothing."""
    events = {
        (name, event): source
        for name, function in of_type(app, "AWS::Serverless::Function").items()
        for event, source in function.get("Events", {}).items()
    }

    assert {key: source.get("Type") for key, source in events.items()} == {
        ("ProcessWebhooks", "ProcessWebhooksSqsEventSource"): "SQS",
        ("AnswerMessages", "AnswerMessagesSqsEventSource"): "SQS",
        ("WriteFailedTurns", "WriteFailedTurnsSqsEventSource"): "SQS",
        ("SummarizeSessions", "SummarizeSessionsDynamodbEventSource"): "DynamoDB",
        ("DeleteExpiredSessions", "DeleteExpiredSessionsDynamodbEventSource"): "DynamoDB",
        ("PurgeOldEvents", "PurgeOldEventsEvent"): "Schedule",
        ("CheckWaiting", "CheckWaitingEvent"): "Schedule",
    }


def test_the_queue_delivers_partial_batches_to_a_bounded_number_of_functions(transformed: dict[str, Any]) -> None:
    mapping = mapping_of(transformed, "ProcessWebhooks")

    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert mapping["BatchSize"] == 10
    assert mapping["EventSourceArn"]["Fn::Sub"].endswith(":frontdesk-dev-webhook-events")
    assert "ReservedConcurrentExecutions" not in of_type(transformed, "AWS::Lambda::Function")["ProcessWebhooks"]


def test_one_session_is_answered_at_a_time(transformed: dict[str, Any]) -> None:
    mapping = mapping_of(transformed, "AnswerMessages")

    assert mapping["EventSourceArn"]["Fn::Sub"].endswith(":frontdesk-dev-chat-messages.fifo")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 50}
    assert mapping["BatchSize"] == 1


def test_failed_turns_come_in_partial_batches(transformed: dict[str, Any]) -> None:
    mapping = mapping_of(transformed, "WriteFailedTurns")

    assert mapping["EventSourceArn"]["Fn::Sub"].endswith(":frontdesk-dev-failed-turns")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("function", ["SummarizeSessions", "DeleteExpiredSessions"])
def test_a_poison_record_does_not_block_its_shard(transformed: dict[str, Any], function: str) -> None:
    mapping = mapping_of(transformed, function)

    assert mapping["EventSourceArn"] == {"Fn::ImportValue": {"Fn::Sub": "frontdesk-${Stage}-SessionsStreamArn"}}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == 5
    assert mapping["MaximumRecordAgeInSeconds"] == 6 * 3_600
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination == {"Fn::ImportValue": {"Fn::Sub": "frontdesk-${Stage}-StreamFailuresQueueArn"}}


def test_streams_deliver_what_their_functions_are_for_and_nothing_else(transformed: dict[str, Any]) -> None:
    def pattern(function: str) -> Any:
        (entry,) = mapping_of(transformed, function)["FilterCriteria"]["Filters"]
        return json.loads(entry["Pattern"])

    assert pattern("SummarizeSessions") == {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {"Keys": {"SK": {"S": ["META"]}}, "NewImage": {"summarise": {"BOOL": [True]}}},
    }
    assert pattern("DeleteExpiredSessions") == {
        "eventName": ["REMOVE"],
        "dynamodb": {"Keys": {"PK": {"S": [{"prefix": "SESSION#"}]}, "SK": {"S": ["META"]}}},
    }


def test_a_message_is_hidden_six_times_as_long_as_a_batch_may_take(app: dict[str, Any], data: dict[str, Any]) -> None:
    timeout = app["Parameters"]["ProcessWebhooksTimeout"]["Default"]
    visibility = data["Parameters"]["WebhookEventsVisibilityTimeout"]["Default"]

    assert (timeout, visibility) == (30, 180)
    assert app["Resources"]["ProcessWebhooks"]["Properties"]["Timeout"] == {"Ref": "ProcessWebhooksTimeout"}
    queue = data["Resources"]["WebhookEventsQueue"]["Properties"]
    assert queue["VisibilityTimeout"] == {"Ref": "WebhookEventsVisibilityTimeout"}


def test_a_session_is_hidden_half_a_minute_longer_than_its_answer_may_take(
    app: dict[str, Any], data: dict[str, Any]
) -> None:
    assert app["Resources"]["AnswerMessages"]["Properties"]["Timeout"] == 60
    assert data["Resources"]["ChatMessagesQueue"]["Properties"]["VisibilityTimeout"] == 60 + 30


def test_a_failed_turn_is_hidden_six_times_as_long_as_a_batch_may_take(
    app: dict[str, Any], data: dict[str, Any]
) -> None:
    timeout = app["Resources"]["WriteFailedTurns"]["Properties"]["Timeout"]

    assert data["Resources"]["FailedTurnsQueue"]["Properties"]["VisibilityTimeout"] == 6 * timeout


def test_the_time_of_an_answer_ends_before_its_function_does(app: dict[str, Any]) -> None:
    timeout = app["Resources"]["AnswerMessages"]["Properties"]["Timeout"]

    assert ANSWER_SECONDS + MODEL.read_timeout < timeout
    assert app["Resources"]["LookUpOrder"]["Properties"]["Timeout"] < SLOW.read_timeout


def test_after_three_receives_a_message_is_dead_lettered(data: dict[str, Any]) -> None:
    redrive = data["Resources"]["WebhookEventsQueue"]["Properties"]["RedrivePolicy"]

    assert redrive == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["WebhookEventsDeadLetterQueue", "Arn"]},
        "maxReceiveCount": 3,
    }


@pytest.mark.parametrize(
    ("queue", "dead_letters", "receives"),
    [
        ("ChatMessagesQueue", "ChatMessagesDeadLetterQueue", LAST_RECEIVE),
        ("FailedTurnsQueue", "FailedTurnsDeadLetterQueue", 10),
    ],
)
def test_the_chats_queues_have_dead_letters(data: dict[str, Any], queue: str, dead_letters: str, receives: int) -> None:
    """The session's queue counts as its function does, which apologises at the last receive."""
    assert data["Resources"][queue]["Properties"]["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": [dead_letters, "Arn"]},
        "maxReceiveCount": receives,
    }


def test_sessions_are_queued_in_high_throughput_mode(data: dict[str, Any]) -> None:
    queue = data["Resources"]["ChatMessagesQueue"]["Properties"]

    assert queue["FifoQueue"] is True
    assert (queue["DeduplicationScope"], queue["FifoThroughputLimit"]) == ("messageGroup", "perMessageGroupId")
    assert data["Resources"]["ChatMessagesDeadLetterQueue"]["Properties"]["FifoQueue"] is True


def test_the_table_keeps_sessions_safe(data: dict[str, Any]) -> None:
    table = of_type(data, "AWS::DynamoDB::Table")["SessionsTable"]

    assert table["TableName"] == {"Fn::Sub": "frontdesk-${Stage}-sessions"}
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("PK", "HASH"), ("SK", "RANGE")]
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["DeletionProtectionEnabled"] is True
    assert table["BillingMode"] == {"Ref": "TablesBillingMode"}
    assert "GlobalSecondaryIndexes" not in table


def test_the_table_of_calls_forgets(data: dict[str, Any]) -> None:
    table = of_type(data, "AWS::DynamoDB::Table")["CallsTable"]

    assert table["TableName"] == {"Fn::Sub": "frontdesk-${Stage}-calls"}
    assert table["KeySchema"] == [{"AttributeName": "sessionId", "KeyType": "HASH"}]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert "PointInTimeRecoverySpecification" not in table
    assert "StreamSpecification" not in table
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["DeletionProtectionEnabled"] is True
    assert table["BillingMode"] == {"Ref": "TablesBillingMode"}


def test_a_caller_never_waits_for_a_function_that_has_ended(app: dict[str, Any]) -> None:
    """The turn's six seconds, and a cold start before them, end within the function's time."""
    codehook = app["Resources"]["LexCodehook"]["Properties"]

    assert codehook["Timeout"] == 10
    assert codehook["Environment"]["Variables"] == {
        "STAGE": "dev",
        "LOG_LEVEL": {"Ref": "LogLevel"},
        "BANK_URL": {"Ref": "BankUrl"},
        "BANK_API_KEY_PARAMETER": {"Fn::Sub": "/frontdesk/${Stage}/bank-api-key"},
        "CALLS_TABLE": {"Fn::ImportValue": {"Fn::Sub": "frontdesk-${Stage}-CallsTableName"}},
    }


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://api.bank.example/v1", True),
        ("http://127.0.0.1:5000", True),
        ("https://bank.invalid", True),
        ("https://api.bank.example/", False),
        ("api.bank.example", False),
        ("http://api.bank.example", False),
        ("", False),
    ],
)
def test_the_banks_address_is_one(app: dict[str, Any], url: str, good: bool) -> None:
    parameter = app["Parameters"]["BankUrl"]

    assert bool(re.fullmatch(parameter["AllowedPattern"], url)) is good
    assert re.fullmatch(parameter["AllowedPattern"], parameter["Default"])


def test_data_outlive_their_stack_encrypted(data: dict[str, Any]) -> None:
    queues = of_type(data, "AWS::SQS::Queue")

    assert {queue["QueueName"]["Fn::Sub"] for queue in queues.values()} == {
        "frontdesk-${Stage}-webhook-events",
        "frontdesk-${Stage}-webhook-events-dlq",
        "frontdesk-${Stage}-chat-messages.fifo",
        "frontdesk-${Stage}-chat-messages-dlq.fifo",
        "frontdesk-${Stage}-failed-turns",
        "frontdesk-${Stage}-failed-turns-dlq",
        "frontdesk-${Stage}-stream-failures",
    }
    assert all(queue["SqsManagedSseEnabled"] for queue in queues.values())


def test_every_queue_refuses_plain_http(data: dict[str, Any]) -> None:
    refusing: list[str] = []
    for policy in of_type(data, "AWS::SQS::QueuePolicy").values():
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        queues = [arn["Fn::GetAtt"][0] for arn in statement["Resource"]]
        assert [queue["Ref"] for queue in policy["Queues"]] == queues
        refusing += queues

    assert sorted(refusing) == sorted(of_type(data, "AWS::SQS::Queue"))


def test_the_bucket_is_private_encrypted_and_forgets(data: dict[str, Any]) -> None:
    (bucket,) = of_type(data, "AWS::S3::Bucket").values()

    # In every account and region there is one.
    assert bucket["BucketName"] == {"Fn::Sub": "frontdesk-${Stage}-bodies-${AWS::AccountId}-${AWS::Region}"}
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["BucketEncryption"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 30)
    queue = data["Resources"]["WebhookEventsDeadLetterQueue"]["Properties"]
    assert rule["ExpirationInDays"] * 86_400 > queue["MessageRetentionPeriod"]


def test_the_bucket_refuses_plain_http(data: dict[str, Any]) -> None:
    (policy,) = of_type(data, "AWS::S3::BucketPolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]

    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_each_function_has_a_role_of_its_own(transformed: dict[str, Any]) -> None:
    roles = {
        name: function["Role"]["Fn::GetAtt"][0]
        for name, function in of_type(transformed, "AWS::Lambda::Function").items()
    }

    assert len(set(roles.values())) == len(FUNCTIONS)
    assert set(roles.values()) | {BOT_ROLE} == set(of_type(transformed, "AWS::IAM::Role"))


def test_what_is_imported_is_exported(app: dict[str, Any], data: dict[str, Any]) -> None:
    exported = {output["Export"]["Name"]["Fn::Sub"] for output in data["Outputs"].values() if "Export" in output}

    assert set(find_imports(app)) <= exported


def find_imports(node: Any) -> list[str]:
    if isinstance(node, dict):
        if "Fn::ImportValue" in node:
            return [node["Fn::ImportValue"]["Fn::Sub"]]
        return [name for value in node.values() for name in find_imports(value)]
    if isinstance(node, list):
        return [name for value in node for name in find_imports(value)]
    return []


def test_bodies_reach_the_function_unchanged(transformed: dict[str, Any]) -> None:
    (api,) = of_type(transformed, "AWS::ApiGateway::RestApi").values()

    assert api["Body"]["x-amazon-apigateway-binary-media-types"] == ["*/*"]
    assert "MinimumCompressionSize" not in api


def test_there_is_one_stage_and_the_definition_is_chalices(app: dict[str, Any], transformed: dict[str, Any]) -> None:
    (stage,) = of_type(transformed, "AWS::ApiGateway::Stage").values()
    (deployment,) = of_type(transformed, "AWS::ApiGateway::Deployment").values()
    without = json.loads(json.dumps(app))
    del without["Resources"]["RestAPI"]["Properties"]["OpenApiVersion"]

    assert stage["StageName"] == "api"
    assert "StageName" not in deployment
    assert transformed["Resources"]["RestAPI"] == transformed_with(without)["Resources"]["RestAPI"]
    body = transformed["Resources"]["RestAPI"]["Properties"]["Body"]
    assert (body["swagger"], body.get("openapi")) == ("2.0", None)
    responses = app["Resources"]["RestAPI"]["Properties"]["GatewayResponses"]
    assert body["x-amazon-apigateway-gateway-responses"].keys() == responses.keys()


def test_functions_are_told_where_sockets_are(app: dict[str, Any]) -> None:
    functions = of_type(app, "AWS::Serverless::Function")
    told = {name for name, one in functions.items() if "CONNECTIONS_URL" in one["Environment"]["Variables"]}

    assert told == {
        "APIHandler",
        "WebsocketConnect",
        "WebsocketMessage",
        "WebsocketDisconnect",
        "AnswerMessages",
        "HandOffSession",
        "CheckWaiting",
    }
    for name in told:
        url = functions[name]["Environment"]["Variables"]["CONNECTIONS_URL"]["Fn::Sub"]
        assert url == "https://${WebsocketAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api"


def test_stages_of_chalice_and_of_the_template_agree(app: dict[str, Any]) -> None:
    for function in of_type(app, "AWS::Serverless::Function").values():
        assert function["Environment"]["Variables"]["STAGE"] == "dev"
        assert "ENVIRONMENT_FILE" not in function["Environment"]["Variables"]


def test_every_module_ships_with_bytecode_that_is_never_checked(packaged: Package) -> None:
    with zipfile.ZipFile(packaged.application) as archive:
        names = archive.namelist()
        modules = [name for name in names if name.endswith(".py")]
        assert "app.py" in modules
        assert "chalicelib/webhooks/migrations/0001_webhook_events.sql" in names
        assert "chalicelib/web/static/chat.html" in names
        assert "chalicelib/webhooks/rds-roots.pem" in names
        for module in modules:
            folder, _, stem = module.removesuffix(".py").rpartition("/")
            compiled = f"{folder}/__pycache__/{stem}.{sys.implementation.cache_tag}.pyc".lstrip("/")
            flags = struct.unpack("<I", archive.read(compiled)[4:8])[0]
            assert flags == 0b01, f"{compiled} is checked against its source"


def test_only_the_application_is_in_the_package(packaged: Package) -> None:
    with zipfile.ZipFile(packaged.application) as archive:
        top = {name.split("/")[0] for name in archive.namelist()}

    assert top == {"app.py", "chalicelib", "chalice", "__pycache__"}


def test_equal_sources_make_equal_packages(packaged: Package, tmp_path: Path) -> None:
    again = package("dev", tmp_path / "dev", dependencies=False)

    assert again.application.read_bytes() == packaged.application.read_bytes()
    assert again.template.read_bytes() == packaged.template.read_bytes()


def test_a_package_says_what_it_is_and_is_replaced(tmp_path: Path) -> None:
    made = package("dev", tmp_path / "dev", dependencies=False)
    assert read_mark(made.directory) == Mark.of(PACKAGE, "dev")
    (made.directory / "old").touch()

    package("prod", made.directory, dependencies=False)

    assert read_mark(made.directory) == Mark.of(PACKAGE, "prod")
    assert not (made.directory / "old").exists()


def test_packaging_leaves_the_working_tree_alone(packaged: Package) -> None:
    assert not (ROOT / ".chalice" / "deployments").exists()
