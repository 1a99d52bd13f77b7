"""What is created in two steps, and what must not be taken from under the functions."""

from typing import Any

import pytest

from infra.changes import Change
from infra.creating import CONSUMING, PROTECTION, idle, unprotected
from infra.database import refuse_to_cut_off
from infra.errors import DeploymentError
from infra.packaging import APP_TEMPLATE, DATA_TEMPLATE
from infra.templates import read_template

PROXY = "postgresql://frontdesk@proxy:5432/frontdesk"
DIRECT = "postgresql://frontdesk@db:5432/frontdesk"


def data() -> dict[str, Any]:
    return read_template(DATA_TEMPLATE)


def protection(template: dict[str, Any]) -> dict[str, bool]:
    return {
        name: resource["Properties"][PROTECTION[resource["Type"]]]
        for name, resource in template["Resources"].items()
        if resource["Type"] in PROTECTION
    }


def changes_of(action: str, *names: str) -> list[Change]:
    return [Change(action, name, data()["Resources"][name]["Type"]) for name in names]


def test_what_is_added_can_still_go_and_what_is_there_stays_protected() -> None:
    template = data()

    first = unprotected(template, changes_of("Add", "CallsTable", "WebhookEventsQueue"))

    assert protection(first) == {"SessionsTable": True, "CallsTable": False, "DatabaseInstance": True}
    assert protection(template) == {"SessionsTable": True, "CallsTable": True, "DatabaseInstance": True}
    first["Resources"]["CallsTable"]["Properties"]["DeletionProtectionEnabled"] = True
    assert first == template


@pytest.mark.parametrize(
    "changes", [changes_of("Add", "WebhookEventsQueue"), changes_of("Modify", "CallsTable", "DatabaseInstance")]
)
def test_nothing_protected_is_added(changes: list[Change]) -> None:
    assert unprotected(data(), changes) == data()


def test_every_resource_that_a_service_protects_is_known() -> None:
    protected = {
        name
        for name, resource in data()["Resources"].items()
        if any(key.startswith("DeletionProtection") for key in resource["Properties"])
    }

    assert protected == protection(data()).keys()


def test_event_sources_wait_for_the_schema() -> None:
    sources = {kind: {"Type": kind, "Properties": {"BatchSize": 10}} for kind in (*CONSUMING, "Schedule")}
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Events": sources}}
    template = {"Resources": {"F": function, "G": {"Type": "AWS::Serverless::Function", "Properties": {}}}}

    first = idle(template)["Resources"]["F"]["Properties"]["Events"]

    assert {kind: event["Properties"].get("Enabled") for kind, event in first.items()} == {
        "SQS": False,
        "DynamoDB": False,
        "Schedule": None,
    }
    assert "Enabled" not in sources["SQS"]["Properties"]


def test_the_app_template_says_that_its_event_sources_are_enabled() -> None:
    """Where it is not said, a mapping that was disabled may stay so."""
    said = [
        event["Properties"].get("Enabled")
        for resource in read_template(APP_TEMPLATE)["Resources"].values()
        for event in resource.get("Properties", {}).get("Events", {}).values()
    ]

    assert said == [True] * 5


@pytest.mark.parametrize(
    ("removed", "url", "what"),
    [("DatabaseProxyInstance", PROXY, "the proxy"), ("SecretsEndpoint", "", "the endpoint of Secrets Manager")],
)
def test_what_the_functions_use_stays(removed: str, url: str, what: str) -> None:
    with pytest.raises(DeploymentError, match=rf"would remove {what} .* Nothing was changed\."):
        refuse_to_cut_off(changes_of("Remove", removed), {"DatabaseUrl": PROXY}, {"DatabaseUrl": url})


@pytest.mark.parametrize(
    ("action", "resource", "app"),
    [
        ("Remove", "DatabaseProxyInstance", {"DatabaseUrl": DIRECT}),
        ("Remove", "DatabaseProxyInstance", {}),
        ("Modify", "DatabaseProxyInstance", {"DatabaseUrl": PROXY}),
        ("Remove", "SecretsEndpoint", {"DatabaseUrl": DIRECT}),
        ("Remove", "SecretsEndpoint", {}),
        ("Add", "SecretsEndpoint", {"DatabaseUrl": ""}),
    ],
)
def test_what_they_do_not_use_may_go(action: str, resource: str, app: dict[str, str]) -> None:
    refuse_to_cut_off(changes_of(action, resource), {"DatabaseUrl": PROXY}, app)
