"""The bank as the functions get it: settings, a parameter of Parameter Store, and a connection."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from chalicelib import wiring
from chalicelib.voice.deadline import Deadline
from tests.forgetting import forget
from tests.unit.voice.faulty_bank import FaultyBank, faulty_bank
from tests.unit.voice.ledger import CHECKING, KEY

PARAMETER = "/frontdesk/dev/bank-api-key"


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyBank]:
    forget()
    with faulty_bank() as bank, mock_aws():
        for name, value in (("BANK_URL", bank.url), ("BANK_API_KEY_PARAMETER", PARAMETER), ("CALLS_TABLE", "calls")):
            monkeypatch.setenv(name, value)
        yield bank
        wiring.bank_gateway().transport._session.close()  # type: ignore[attr-defined]
        forget()


def test_the_key_comes_from_the_parameter(bank: FaultyBank) -> None:
    boto3.client("ssm").put_parameter(Name=PARAMETER, Value=KEY, Type="SecureString")

    balance = wiring.bank().balance(CHECKING, Deadline(time.monotonic, time.monotonic() + 60))

    assert balance.amount == Decimal("1204.50")
    assert bank.connections == 1


def test_who_does_not_ask_the_bank_does_not_load_what_it_takes() -> None:
    script = (
        "import sys; from chalicelib import wiring; wiring.bank();"
        "print([name for name in ('requests', 'urllib3', 'botocore.session') if name in sys.modules])"
    )
    root = Path(wiring.__file__).parents[1]
    clean = {"PATH": os.environ["PATH"]}

    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env=clean, capture_output=True, text=True, check=True
    )

    assert ended.stdout.strip() == "[]"
