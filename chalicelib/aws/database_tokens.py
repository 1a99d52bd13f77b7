"""Tokens of IAM, which RDS takes in place of a password."""

from typing import Any

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from chalicelib.errors import UnavailableError

TOKEN_SECONDS = 900
"""For so long a token opens connections; one that is open stays so."""


def make_token(credentials: Any, host: str, port: int, user: str, region: str) -> str:
    """A token for ``user``, signed with botocore's ``credentials`` and without a request to anyone.

    It is the one that the client ``rds`` makes, which takes 45 ms for a description of its service that nobody reads
    here. ``UnavailableError`` without credentials.
    """
    if credentials is None:
        raise UnavailableError("There are no credentials of AWS to sign a token for the database with.")
    request = AWSRequest(method="GET", url=f"https://{host}:{port}/?Action=connect&DBUser={user}")
    SigV4QueryAuth(credentials.get_frozen_credentials(), "rds-db", region, expires=TOKEN_SECONDS).add_auth(request)
    return str(request.url).removeprefix("https://")
