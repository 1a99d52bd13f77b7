"""S3: objects that are put, got and deleted by their key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import UnavailableError


@dataclass(frozen=True)
class S3Bucket:
    """A bucket. ``client`` gives an S3 client, which is made when it is first needed: that takes 50 ms.

    Without ``s3:ListBucket`` S3 does not tell a missing object from a forbidden one.
    """

    client: Callable[[], Any]
    name: str

    def put(self, key: str, body: bytes) -> None:
        """Return once the bucket holds the object, else raise ``UnavailableError``."""
        try:
            self.client().put_object(Bucket=self.name, Key=key, Body=body)
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError("The event cannot be kept at the moment; send it again.") from error

    def get(self, key: str) -> bytes | None:
        """An object's bytes, None when there is no such object. ``UnavailableError`` when that cannot be known."""
        client = self.client()
        try:
            body: bytes = client.get_object(Bucket=self.name, Key=key)["Body"].read()
        except client.exceptions.NoSuchKey:
            return None
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError("The bucket cannot be read at the moment.") from error
        return body

    def delete(self, key: str) -> None:
        """Delete an object, or raise ``UnavailableError``; one that is not there is deleted already."""
        try:
            self.client().delete_object(Bucket=self.name, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError("The object cannot be deleted at the moment.") from error
