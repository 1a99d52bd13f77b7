"""The stand-in for the bank as the local cloud runs it."""

import re
from collections.abc import Iterator

import pytest

from localcloud.bank.faults import FAULTS
from localcloud.bank.samples import CUSTOMERS
from localcloud.bank.wire import amount_text
from localcloud.layout import ROOT
from tests.integration.cloud import Cloud, eventually
from tests.unit.localcloud.bank.asking import AIKO, CHECKING, SAVINGS, Client


@pytest.fixture
def bank(cloud: Cloud) -> Iterator[Client]:
    """The bank, with the key as the functions find it."""
    parameter = cloud.client("ssm").get_parameter(Name="/frontdesk/local/bank-api-key", WithDecryption=True)
    assert parameter["Parameter"]["Type"] == "SecureString"
    assert cloud.endpoints.bank
    yield Client(cloud.endpoints.bank, parameter["Parameter"]["Value"])
    cloud.command("bank", "reset")


def test_it_answers_at_the_published_address(bank: Client) -> None:
    assert bank.verify(AIKO.number, AIKO.pin) == {"verified": True, "customer_id": AIKO.id}
    assert Client(bank.url, "another").call("GET", f"/accounts/{CHECKING}/balance").status_code == 401


def test_the_application_learns_its_address_where_it_asks_for_it(cloud: Cloud, bank: Client) -> None:
    stack = cloud.client("cloudformation").describe_stacks(StackName="frontdesk-local-app")["Stacks"][0]
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}

    assert parameters.get("BankUrl", bank.url) == bank.url


def test_its_transfers_and_its_key_outlive_it(cloud: Cloud, bank: Client) -> None:
    bank.transfer("250.00", key="outlives")
    before = cloud.printed().count("bank runs again")

    cloud.command("kill", "bank", "--seconds", "0")

    eventually(lambda: cloud.printed().count("bank runs again") > before, seconds=60)
    assert bank.transfer("250.00", key="outlives").status_code == 200
    assert (bank.balance(CHECKING), bank.balance(SAVINGS)) == ("954.50", "15550.00")


def test_its_faults_are_chosen_by_command(cloud: Cloud, bank: Client) -> None:
    cloud.command("bank", "fail", "--times", "1", "--path", "/accounts")
    assert bank.call("GET", f"/accounts/{CHECKING}/balance").status_code == 503
    assert bank.balance() == "1204.50"

    shown = cloud.command("bank", "drop-after", "stall", "--probability", "0.3", "--seed", "7").stdout
    assert '"faults": ["drop-after", "stall"], "probability": 0.3, "seed": 7' in shown
    assert '"faults": []' in cloud.command("bank", "normal").stdout


def test_it_shows_the_customers_and_unlocks_them(cloud: Cloud, bank: Client) -> None:
    for _ in range(3):
        bank.verify(AIKO.number, "0000")
    card = AIKO.accounts[0].card
    assert card
    bank.call("POST", f"/cards/{card.id}/block")

    shown = cloud.command("bank").stdout

    assert "10020030  PIN 1234  locked" in shown
    assert "checking  4321     1204.50 USD  card 9876 blocked" in shown
    assert "locked" not in cloud.command("bank", "unlock").stdout.replace("blocked", "")
    assert "blocked" not in cloud.command("bank", "reset").stdout
    assert bank.verify(AIKO.number, AIKO.pin)["verified"]


def test_what_makes_no_sense_is_refused(cloud: Cloud) -> None:
    assert "stand alone" in cloud.command("bank", "reset", "slow", check=False).stderr
    assert "sleep" in cloud.command("bank", "sleep", check=False).stderr


def test_the_documentation_lists_every_customer_and_fault(cloud: Cloud) -> None:
    text = (ROOT / "docs" / "running.md").read_text(encoding="utf-8").split("## The bank")[1].split("\n## ")[0]

    for customer in CUSTOMERS:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {customer.number} | {customer.pin} |")]
        listed = [f"{one.type} {one.last4}: {amount_text(one.cents)}" for one in customer.accounts]
        assert re.findall(r"\w+ \d{4}: -?[\d.]+", row.replace(",", "")) == listed
        assert re.findall(r"card (\d+)", row) == [one.card.last4 for one in customer.accounts if one.card]
    assert set(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)))) == set(FAULTS)
    shown = cloud.command("bank", "--help").stdout
    assert [fault for fault in FAULTS if fault not in shown] == []
