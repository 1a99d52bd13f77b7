import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from chalicelib.aws.queues import FifoQueue, SqsQueue
from chalicelib.errors import UnavailableError


@mock_aws
def test_a_sent_message_is_in_the_queue() -> None:
    client = boto3.client("sqs", region_name="us-east-1")
    url = client.create_queue(QueueName="webhook-events")["QueueUrl"]

    SqsQueue(client, url).send("hello", group="github")

    (message,) = client.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert message["Body"] == "hello"


@mock_aws
def test_what_is_sent_once_under_a_name_comes_once() -> None:
    client = boto3.client("sqs", region_name="us-east-1")
    url = client.create_queue(QueueName="chat.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]

    for name in ("s:1", "s:1", "s:3", None, None):
        FifoQueue(client, url).send("s", group="s", once=name)

    counted = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    assert counted["ApproximateNumberOfMessages"] == "4"


@mock_aws
def test_a_missing_queue_is_unavailable() -> None:
    client = boto3.client("sqs", region_name="us-east-1")

    with pytest.raises(UnavailableError):
        SqsQueue(client, "https://sqs.us-east-1.amazonaws.com/123456789012/absent").send("hello", group="github")


def test_an_unreachable_queue_is_unavailable() -> None:
    client = boto3.client(
        "sqs",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=1),
    )

    with pytest.raises(UnavailableError):
        SqsQueue(client, "http://127.0.0.1:9/queue").send("hello", group="github")
