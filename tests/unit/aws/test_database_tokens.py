import os
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import botocore.session
import pytest
from botocore.credentials import Credentials

from chalicelib.aws.database_tokens import make_token
from chalicelib.errors import UnavailableError

HOST, USER, REGION = "db.example", "frontdesk", "eu-west-1"
KEYS = Credentials("AKIDEXAMPLE", "secret-key", "session+token/=")


def test_it_is_the_token_that_the_client_of_rds_makes() -> None:
    session = botocore.session.get_session()
    client = session.create_client(
        "rds",
        region_name=REGION,
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret_key,
        aws_session_token=KEYS.token,
    )

    def both() -> tuple[str, str]:
        return make_token(KEYS, HOST, 5432, USER, REGION), client.generate_db_auth_token(HOST, 5432, USER)

    ours, theirs = both()
    if ours != theirs:  # a second went by between the two
        ours, theirs = both()
    assert ours == theirs


def test_it_lasts_a_quarter_of_an_hour_and_holds_no_key() -> None:
    token = make_token(KEYS, HOST, 5432, USER, REGION)
    query = parse_qs(urlsplit(f"https://{token}").query)

    assert token.startswith("db.example:5432/?Action=connect&DBUser=frontdesk&")
    assert query["X-Amz-Expires"] == ["900"]
    assert "secret-key" not in token


def test_without_credentials_there_is_none() -> None:
    with pytest.raises(UnavailableError, match="credentials of AWS"):
        make_token(None, HOST, 5432, USER, REGION)


def test_it_needs_no_description_of_a_service() -> None:
    """Which would be read from the disk, and takes longer than all the rest."""
    script = (
        "import sys\n"
        "from chalicelib.aws import clients\n"
        "from chalicelib.aws.database_tokens import make_token\n"
        "token = make_token(clients.credentials(), 'db', 5432, 'frontdesk', 'eu-west-1')\n"
        "heavy = [name for name in ('boto3', 'psycopg', 'requests') if name in sys.modules]\n"
        "print('X-Amz-Signature' in token, heavy)\n"
    )
    environment = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}

    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )

    assert (result.stdout, result.stderr) == ("True []\n", "")
