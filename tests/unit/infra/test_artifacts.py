import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.artifacts import Artifacts
from infra.errors import DeploymentError

ACCOUNT = "123456789012"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield boto3.client("s3", region_name="eu-central-1")


@pytest.fixture
def artifacts(s3: Any) -> Artifacts:
    made = Artifacts(s3, "dev", ACCOUNT, "eu-central-1", lambda _: None)
    made.create(tls=False)  # moto denies whatever a policy denies under a condition
    return made


def keys(artifacts: Artifacts) -> set[str]:
    found = artifacts.client.list_objects_v2(Bucket=artifacts.bucket).get("Contents", [])
    return {entry["Key"] for entry in found}


def test_the_bucket_is_private_encrypted_and_for_tls_only(artifacts: Artifacts) -> None:
    s3, bucket = artifacts.client, "frontdesk-dev-artifacts-123456789012-eu-central-1"
    artifacts.create(tls=True)

    assert artifacts.bucket == bucket
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert '"aws:SecureTransport": "false"' in s3.get_bucket_policy(Bucket=bucket)["Policy"]


def test_a_bucket_in_china_has_an_arn_of_china(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        s3 = boto3.client("s3", region_name="cn-north-1")
        made = Artifacts(s3, "dev", ACCOUNT, "cn-north-1", lambda _: None)
        made.create(tls=True)
        (statement,) = json.loads(s3.get_bucket_policy(Bucket=made.bucket)["Policy"])["Statement"]

    arn = f"arn:aws-cn:s3:::{made.bucket}"
    assert statement["Resource"] == [arn, f"{arn}/*"]


def test_a_bucket_that_is_there_is_taken(artifacts: Artifacts) -> None:
    said: list[str] = []

    Artifacts(artifacts.client, "dev", ACCOUNT, "eu-central-1", said.append).create(tls=False)

    assert said == []


def test_a_bucket_of_somebody_else_s_is_not_taken(artifacts: Artifacts) -> None:
    class Foreign:
        def head_bucket(self, **_: Any) -> None:
            raise artifacts.client.exceptions.ClientError({"ResponseMetadata": {"HTTPStatusCode": 403}}, "HeadBucket")

    with pytest.raises(DeploymentError, match=r"cannot be used \(403\): it belongs to another account"):
        Artifacts(Foreign(), "dev", ACCOUNT, "eu-central-1", lambda _: None).create(tls=True)


def test_equal_contents_are_sent_once(artifacts: Artifacts) -> None:
    first = artifacts.put(b"one", "zip")
    before = artifacts.client.head_object(Bucket=artifacts.bucket, Key=first)["LastModified"]

    assert artifacts.put(b"one", "zip") == first
    assert artifacts.put(b"two", "zip") != first
    assert artifacts.client.head_object(Bucket=artifacts.bucket, Key=first)["LastModified"] == before


def test_an_address_that_cloudformation_takes(artifacts: Artifacts) -> None:
    assert artifacts.url("k.json") == f"https://s3.eu-central-1.amazonaws.com/{artifacts.bucket}/k.json"
    assert artifacts.uri("k.zip") == f"s3://{artifacts.bucket}/k.zip"


def test_what_is_old_and_unused_goes(artifacts: Artifacts) -> None:
    used, unused = artifacts.put(b"used", "zip"), artifacts.put(b"unused", "zip")

    artifacts.tidy([used])
    assert keys(artifacts) == {used, unused}

    artifacts.clock = lambda: datetime.now(UTC) + timedelta(days=1, minutes=1)
    artifacts.tidy([used])
    assert keys(artifacts) == {used}
