"""The bucket of what is deployed: packages and templates, each under the hash of its contents.

CloudFormation takes templates of this size, and Lambda the code of its functions, from S3 alone. The bucket is made
here and not by a stack, since a stack needs it before it exists. Equal contents have equal keys: they are not sent
again, and CloudFormation sees that a function's code is the same.
"""

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from infra.errors import DeploymentError

_KEPT = timedelta(days=1)
"""For a deployment that has begun; otherwise nothing is needed but what runs, to which a rollback returns."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Artifacts:
    """The artifacts of one stage, in one account and region. ``client`` is S3's."""

    client: Any
    stage: str
    account: str
    region: str
    say: Callable[[str], None]
    clock: Callable[[], datetime] = _now

    @property
    def bucket(self) -> str:
        """Names of buckets are shared by all the world."""
        return f"frontdesk-{self.stage}-artifacts-{self.account}-{self.region}"

    def create(self, *, tls: bool) -> None:
        """Make the bucket where there is none, and set what keeps it private; ``tls`` refuses plain HTTP."""
        if not self._exists():
            place = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
            self.client.create_bucket(Bucket=self.bucket, **({"CreateBucketConfiguration": place} if place else {}))
            self.say(f"made the bucket {self.bucket}")
        encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        self.client.put_bucket_encryption(Bucket=self.bucket, ServerSideEncryptionConfiguration=encryption)
        self.client.put_public_access_block(
            Bucket=self.bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
        )
        ownership = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        self.client.put_bucket_ownership_controls(Bucket=self.bucket, OwnershipControls=ownership)
        if tls:
            self.client.put_bucket_policy(
                Bucket=self.bucket, Policy=json.dumps(_tls_only(f"arn:{self.client.meta.partition}:s3:::{self.bucket}"))
            )

    def put(self, body: bytes, suffix: str) -> str:
        """The key of these contents, sent unless they are there; ``suffix`` is that of a file."""
        key = f"{hashlib.sha256(body).hexdigest()}.{suffix}"
        if not self._has(key):
            if len(body) > 1_000_000:
                self.say(f"uploading {len(body) / 1_048_576:.1f} MiB …")
            self.client.put_object(Bucket=self.bucket, Key=key, Body=body)
        return key

    def uri(self, key: str) -> str:
        """As functions and layers name their code."""
        return f"s3://{self.bucket}/{key}"

    def url(self, key: str) -> str:
        """As CloudFormation wants to be told where a template is."""
        return f"{self.client.meta.endpoint_url}/{self.bucket}/{key}"

    def tidy(self, used: Collection[str]) -> None:
        """Delete what is not used, once it is older than a day."""
        before = self.clock() - _KEPT
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
            for found in page.get("Contents", []):
                if found["Key"] not in used and found["LastModified"] < before:
                    self.client.delete_object(Bucket=self.bucket, Key=found["Key"])

    def _exists(self) -> bool:
        try:
            self.client.head_bucket(Bucket=self.bucket, ExpectedBucketOwner=self.account)
        except ClientError as error:
            if _status(error) == 404:
                return False
            raise DeploymentError(
                f"The bucket {self.bucket} cannot be used ({_status(error)}): it belongs to another account, "
                "or these credentials may not."
            ) from error
        return True

    def _has(self, key: str) -> bool:
        try:
            self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if _status(error) == 404:
                return False
            raise
        return True


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _tls_only(arn: str) -> dict[str, Any]:
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
