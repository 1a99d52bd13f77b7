from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from chalicelib.aws.buckets import S3Bucket
from chalicelib.errors import UnavailableError


@mock_aws
def test_an_object_is_put_got_and_deleted() -> None:
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="bodies")
    bucket = S3Bucket(lambda: client, "bodies")

    bucket.put("github/1/2", b"\x00\xff")
    assert bucket.get("github/1/2") == b"\x00\xff"
    bucket.delete("github/1/2")

    assert bucket.get("github/1/2") is None
    bucket.delete("github/1/2")


@mock_aws
def test_a_missing_bucket_is_unavailable_and_not_a_missing_object() -> None:
    bucket = S3Bucket(lambda: boto3.client("s3", region_name="us-east-1"), "absent")

    with pytest.raises(UnavailableError):
        bucket.put("key", b"")
    with pytest.raises(UnavailableError):
        bucket.get("key")


def test_without_s3_everything_is_unavailable() -> None:
    def connect() -> Any:
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
        return boto3.client("s3", region_name="us-east-1", endpoint_url="http://127.0.0.1:9", config=config)

    bucket = S3Bucket(connect, "bodies")

    for call in (partial(bucket.put, "key", b""), partial(bucket.get, "key"), partial(bucket.delete, "key")):
        with pytest.raises(UnavailableError):
            call()


def test_no_client_is_made_before_it_is_needed() -> None:
    def connect() -> Any:
        raise AssertionError("too early")

    S3Bucket(connect, "bodies")
