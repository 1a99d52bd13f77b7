"""The local copies of templates with sockets, FIFO queues and streams: a scratch application, deployed to MiniStack."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from infra.templates import read_template
from localcloud.ministack import ACCOUNT
from localcloud.overlooked import enable_expiry
from localcloud.template import localize_app, localize_data
from tests.integration.cloud import eventually
from tests.integration.scratch import ROLE, Scratch, scratch_cloud

DATA = """
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      TableName: sessions
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: PK, AttributeType: S}]
      KeySchema: [{AttributeName: PK, KeyType: HASH}]
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
  Messages:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: messages.fifo
      FifoQueue: true
      VisibilityTimeout: 12
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadLetters.Arn, maxReceiveCount: 3}
  DeadLetters:
    Type: AWS::SQS::Queue
    Properties: {QueueName: messages-dlq.fifo, FifoQueue: true}
  StreamFailures:
    Type: AWS::SQS::Queue
    Properties: {QueueName: stream-failures}
  QueuesPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Messages, !Ref DeadLetters]
      PolicyDocument:
        Statement:
          - Sid: TlsOnly
            Effect: Deny
            Principal: "*"
            Action: sqs:*
            Resource: [!GetAtt Messages.Arn, !GetAtt DeadLetters.Arn]
            Condition: {Bool: {"aws:SecureTransport": "false"}}
Outputs:
  StreamArn: {Value: !GetAtt Table.StreamArn, Export: {Name: StreamArn}}
  StreamFailuresArn: {Value: !GetAtt StreamFailures.Arn, Export: {Name: StreamFailuresArn}}
  MessagesUrl: {Value: !Ref Messages, Export: {Name: MessagesUrl}}
"""

APP = """
import json, os, sys
import boto3
from chalice import Chalice

app = Chalice(app_name="scratch")
app.experimental_feature_flags.update(["WEBSOCKETS"])

def show(**what):
    print(json.dumps(what), file=sys.stderr, flush=True)

@app.on_ws_connect()
def websocket_connect(event):
    show(url=os.environ["WEBSOCKET_URL"])

@app.on_ws_message()
def websocket_message(event):
    message = {"connection": event.connection_id, "text": event.body}
    boto3.client("sqs").send_message(
        QueueUrl=os.environ["MESSAGES_URL"], MessageBody=json.dumps(message), MessageGroupId=event.connection_id,
        MessageDeduplicationId=event.to_dict()["requestContext"]["messageId"])

@app.on_ws_disconnect()
def websocket_disconnect(event):
    pass

@app.on_sqs_message(queue="messages.fifo", batch_size=1)
def answer_messages(event):
    connections = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["CONNECTIONS_URL"])
    for record in event:
        message = json.loads(record.body)
        boto3.client("dynamodb").put_item(TableName="sessions", Item={"PK": {"S": message["text"]}})
        connections.post_to_connection(ConnectionId=message["connection"], Data=message["text"].encode())

@app.on_dynamodb_record(stream_arn="", batch_size=10)
def summarize(event):
    show(keys=[record.keys["PK"]["S"] for record in event])
"""

FILTER = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"PK": {"S": [{"prefix": "hello"}]}}}}

_VARIABLES = """
      Environment:
        Variables:
          WEBSOCKET_URL: !Ref WebsocketUrl
          CONNECTIONS_URL: !Sub https://${WebsocketAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api
          MESSAGES_URL: !ImportValue MessagesUrl
"""
MERGE = f"""
Parameters:
  WebsocketUrl: {{Type: String}}
Resources:
  WebsocketConnect:
    Properties: {_VARIABLES}
  WebsocketMessage:
    Properties: {_VARIABLES}
  AnswerMessages:
    Properties: {_VARIABLES}
      Events:
        AnswerMessagesSqsEventSource:
          Properties:
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {{MaximumConcurrency: 20}}
  Summarize:
    Properties:
      FunctionName: summarize
      Events:
        SummarizeDynamodbEventSource:
          Properties:
            Stream: !ImportValue StreamArn
            MaximumRetryAttempts: 3
            BisectBatchOnFunctionError: true
            FunctionResponseTypes: [ReportBatchItemFailures]
            DestinationConfig: {{OnFailure: {{Destination: !ImportValue StreamFailuresArn}}}}
            FilterCriteria:
              Filters:
                - Pattern: '{json.dumps(FILTER)}'
"""
WEBSOCKET_URL = "ws://127.0.0.1:1/socket"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    with scratch_cloud(tmp_path_factory.mktemp("scratch")) as running:
        yield running


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `chalice package` makes of the scratch application."""
    project = tmp_path_factory.mktemp("application")
    (project / ".chalice").mkdir()
    (project / ".chalice" / "config.json").write_text(
        json.dumps(
            {
                "version": "2.0",
                "app_name": "scratch",
                "autogen_policy": False,
                "manage_iam_role": False,
                "iam_role_arn": ROLE,
                "api_gateway_stage": "api",
                "lambda_timeout": 20,
            }
        )
    )
    (project / "app.py").write_text(APP)
    (project / "requirements.txt").touch()
    (project / "merge.yaml").write_text(MERGE)
    chalice = [sys.executable, "-c", "from chalice.cli import main; main()"]
    command = [*chalice, "package", "--merge-template", "merge.yaml", "out"]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    return project / "out"


def apply(scratch: Scratch, stack: str, template: dict[str, Any], **parameters: str) -> dict[str, str]:
    """Create or update a stack; its outputs."""
    cloudformation = scratch.ministack.client("cloudformation")
    known = {entry["StackName"] for entry in cloudformation.describe_stacks()["Stacks"]}
    (cloudformation.update_stack if stack in known else cloudformation.create_stack)(
        StackName=stack,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )

    def settled() -> dict[str, Any] | None:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        return None if found["StackStatus"].endswith("IN_PROGRESS") else found

    found = eventually(settled, seconds=30)
    assert found is not None
    assert found["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), cloudformation.describe_stack_events(
        StackName=stack
    )
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def deploy_app(scratch: Scratch, packaged: Path, description: str) -> dict[str, str]:
    s3 = scratch.ministack.client("s3")
    s3.create_bucket(Bucket="packages")
    s3.put_object(Bucket="packages", Key=description, Body=(packaged / "deployment.zip").read_bytes())
    template = localize_app(yaml.safe_load((packaged / "sam.yaml").read_text()), scratch.ministack.url)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://packages/{description}"
            resource["Properties"]["Description"] = description
    return apply(scratch, "app", template, WebsocketUrl=WEBSOCKET_URL)


@pytest.fixture(scope="module")
def socket_url(scratch: Scratch, packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("data") / "data.yaml"
    file.write_text(DATA)
    template = localize_data(read_template(file))
    apply(scratch, "data", template)
    enable_expiry(scratch.ministack.client, "data", template)
    first = deploy_app(scratch, packaged, "first")
    second = deploy_app(scratch, packaged, "second")
    assert first["WebsocketAPIId"] == second["WebsocketAPIId"]
    return scratch.socket_url(f"{second['WebsocketAPIId']}/api")


async def talk(url: str, *texts: str) -> list[str]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        for text in texts:
            await socket.send_str(text)
        return [await socket.receive_str(timeout=20) for _ in texts]


def test_a_message_goes_through_queue_and_table_and_comes_back(scratch: Scratch, socket_url: str) -> None:
    texts = [f"{word} {time.time_ns()}" for word in ("hello", "other", "hello")]

    assert asyncio.run(talk(socket_url, *texts)) == texts

    summarized = [texts[0], texts[2]]  # the stream is filtered
    eventually(lambda: [key for line in scratch.shown("summarize") for key in line["keys"]] == summarized)


def test_what_the_mappings_say_survives(scratch: Scratch, socket_url: str) -> None:
    assert socket_url
    mappings = scratch.ministack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    stream = next(mapping for mapping in mappings if "dynamodb" in mapping["EventSourceArn"])
    queue = next(mapping for mapping in mappings if "sqs" in mapping["EventSourceArn"])

    assert stream["DestinationConfig"]["OnFailure"]["Destination"].endswith(f"{ACCOUNT}:stream-failures")
    assert stream["MaximumRetryAttempts"] == 3
    assert queue["ScalingConfig"] == {"MaximumConcurrency": 20}
    assert queue["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_table_s_expiry_survives(scratch: Scratch, socket_url: str) -> None:
    assert socket_url
    dynamodb = scratch.ministack.client("dynamodb")
    scratch.put("sessions", "expires", expires_in=1)

    eventually(lambda: "Item" not in dynamodb.get_item(TableName="sessions", Key={"PK": {"S": "expires"}}))
