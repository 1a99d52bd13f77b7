"""The roles of the packaged template: nothing but what AWS knows, on nothing but what it is needed on."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.iam import exceptions
from tests.iam.linter import faults_of, formats
from tests.iam.operators import read_policy
from tests.iam.probes import PROBES
from tests.iam.roles import ACCOUNT, REGION, Statement, Template, app_template, read_statements
from tests.infra.templates import transformed_with

OPTIONS = {
    "GuardrailId": "abc123",
    "Tracing": "Active",
    "FunctionSubnetIds": "subnet-1,subnet-2",
    "FunctionSecurityGroupId": "sg-1",
}
TOKENS = {
    "DatabaseUrl": "postgresql://frontdesk@database:5432/frontdesk",
    "DatabaseUserArn": f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:db-ABC/frontdesk",
    "DatabaseDirectUrl": "postgresql://frontdesk@database:5432/frontdesk",
    "DatabaseDirectUserArn": f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:db-ABC/frontdesk",
}
NO_PROFILE = {"ModelId": "anthropic.claude-haiku-4-5-20251001-v1:0", "FoundationModelId": ""}
WAYS = [{}, OPTIONS, OPTIONS | TOKENS, NO_PROFILE]
"""Parameters with which the statements differ, as far as the template has them."""


@pytest.fixture(scope="module")
def templates(app: dict[str, Any]) -> list[Template]:
    declared = app["Parameters"]
    given = [{name: value for name, value in way.items() if name in declared} for way in WAYS]
    return [app_template(app, **way) for way in given]


def statements(templates: list[Template]) -> Iterator[tuple[str, Statement]]:
    """Every statement with its role, whatever the parameters."""
    for template in templates:
        for role, found in template.roles().items():
            yield from ((role, statement) for statement in found)


def function_of(app: dict[str, Any], role: str) -> str | None:
    """The function that has a role, by its name in the contract; None for a role that is no function's."""
    for resource in app["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function" and resource["Properties"]["Role"]["Fn::GetAtt"][0] == role:
            return str(resource["Properties"]["FunctionName"]["Fn::Sub"]).removeprefix("frontdesk-${Stage}-")
    return None


def test_aws_knows_every_action_and_it_takes_these_resources(templates: list[Template]) -> None:
    found = {
        (role, statement["Sid"], fault) for role, statement in statements(templates) for fault in faults_of(statement)
    }

    assert {each for each in found if each[1:] not in exceptions.FAULTS} == set()


def test_each_wildcard_has_its_reason(templates: list[Template]) -> None:
    for role, statement in statements(templates):
        sid = statement["Sid"]
        for resource in statement["Resource"]:
            if resource == "*":
                known: dict[str, str] = exceptions.NO_RESOURCE_LEVEL | (
                    exceptions.WILDCARDS if statement["Effect"] == "Deny" else {}
                )
                assert sid in known, (role, statement)
            elif re.search(r"[*?]", resource):
                assert sid in exceptions.WILDCARDS, (role, statement)


def test_statements_are_told_apart_by_their_names(templates: list[Template]) -> None:
    for template in templates:
        for role, found in template.roles().items():
            names = [statement["Sid"] for statement in found]
            assert len(set(names)) == len(names), role


def test_only_inline_policies_say_what_a_role_may_do(app: dict[str, Any]) -> None:
    for name, resource in app["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            assert not resource["Properties"].keys() & {"ManagedPolicyArns", "PermissionsBoundary"}, name
        assert resource["Type"] not in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"), name


def test_the_audit_probes_every_action_that_the_local_cloud_enforces(
    app: dict[str, Any], templates: list[Template]
) -> None:
    missing, known = [], set()
    for role, statement in statements(templates):
        function, sid = function_of(app, role), statement["Sid"]
        for action in statement["Action"]:
            is_probed = action in PROBES.get((function or "", sid), {})
            known.add((function, sid, action))
            if is_probed == bool(exceptions.why_unenforceable(sid, action)):
                missing.append((role, sid, action))

    assert missing == [], (
        "each action wants a probe in tests/iam/probes.py, or else a reason in tests/iam/exceptions.py"
    )
    probed = {(*where, action) for where, probes in PROBES.items() for action in probes}
    assert probed - known == set()


def test_the_model_is_the_one_of_the_parameter_and_reached_through_its_profile_alone(templates: list[Template]) -> None:
    for role in ("AnswerMessagesRole", "SummarizeSessionsRole"):
        asked = [
            {one["Sid"]: one for one in template.roles()[role] if one["Sid"].startswith(("AskModel", "UseGuardrail"))}
            for template in templates
        ]
        profile = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/eu.anthropic.claude-haiku-4-5-20251001-v1:0"
        model = "foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0"
        assert asked[0].keys() == {"AskModel", "AskModelThroughProfile"}
        assert asked[0]["AskModel"]["Resource"] == [profile]
        assert asked[0]["AskModelThroughProfile"]["Resource"] == [f"arn:aws:bedrock:*::{model}"]
        assert asked[0]["AskModelThroughProfile"]["Condition"] == {
            "StringEquals": {"bedrock:InferenceProfileArn": profile}
        }
        assert asked[1]["UseGuardrail"]["Resource"] == [f"arn:aws:bedrock:{REGION}:{ACCOUNT}:guardrail/abc123"]
        assert asked[3].keys() == {"AskModel"}
        assert asked[3]["AskModel"]["Resource"] == [f"arn:aws:bedrock:{REGION}::{model}"]


def test_the_bot_s_role_is_for_lex_in_this_account_alone(templates: list[Template]) -> None:
    role = templates[0].scope.resolve(templates[0].content["Resources"]["LexBotRole"]["Properties"])

    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lexv2.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


INVOKERS = {
    "apigateway.amazonaws.com": rf"arn:aws:execute-api:{REGION}:{ACCOUNT}:(restapi/api/\*|websocketapi/api/\$\w+)",
    "events.amazonaws.com": rf"arn:aws:events:{REGION}:{ACCOUNT}:\w+",
    "lexv2.amazonaws.com": rf"arn:aws:lex:{REGION}:{ACCOUNT}:\w+",
}
"""Who may invoke functions, and in whose name: exactly one API, route, rule or alias of this account."""


def test_each_service_invokes_functions_for_one_resource_of_ours(app: dict[str, Any]) -> None:
    permissions = invoke_permissions(app)

    assert len(permissions) >= 7
    for permission in permissions:
        assert permission["Action"] == "lambda:InvokeFunction"
        assert re.fullmatch(INVOKERS[permission["Principal"]], permission["SourceArn"]), permission


def invoke_permissions(app: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that Chalice and infra/ declare, and those that SAM makes of events."""
    transformed = app_template(transformed_with(app))
    return [
        transformed.scope.resolve(resource["Properties"])
        for resource in transformed.content["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Permission" and transformed.scope.makes(resource)
    ]


class TestLinter:
    """It finds what it is there for."""

    QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:frontdesk-dev-failed-turns"
    TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/frontdesk-dev-sessions"

    @pytest.mark.parametrize(
        ("action", "resource", "fault"),
        [
            ("sqs:SendMessages", QUEUE, "AWS knows no action sqs:SendMessages."),
            ("sqs:*", QUEUE, "sqs:* stands for more than one action."),
            ("sqs:SendMessage", "*", "sqs:SendMessage takes resources: name them in place of `*`."),
            ("sqs:SendMessage", TABLE, f"sqs:SendMessage does not take {TABLE}."),
            ("dynamodb:ListStreams", TABLE, "dynamodb:ListStreams takes no resource: it wants a statement of its own"),
            ("ssm:GetParameter", "arn:aws:ssm:*:*:document/x", "ssm:GetParameter does not take arn:aws:ssm"),
            ("nowhere:Act", "*", "AWS knows no action nowhere:Act."),
        ],
    )
    def test_what_is_wrong_is_named(self, action: str, resource: str, fault: str) -> None:
        statement = {"Sid": "S", "Effect": "Allow", "Action": [action], "Resource": [resource]}

        assert any(found.startswith(fault) for found in faults_of(statement))

    def test_what_takes_part_in_nothing_is_named(self) -> None:
        statement = {"Sid": "S", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [self.QUEUE, self.TABLE]}

        assert list(faults_of(statement)) == [f"None of its actions takes {self.TABLE}."]

    def test_a_statement_says_who_it_is_and_nothing_unusual(self) -> None:
        statement = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [self.QUEUE], "NotAction": []}

        assert len(list(faults_of(statement))) == 2

    def test_the_reference_is_that_of_today(self) -> None:
        """It knows what came in 2025, and what has no resource level."""
        assert formats("bedrock:CallWithBearerToken") is not None
        assert formats("dynamodb:ListStreams") == []


def test_the_operators_policy_is_one() -> None:
    document = read_policy(stage="dev", region=REGION, account=ACCOUNT)
    found = list(read_statements(document))

    assert document["Version"] == "2012-10-17"
    assert {(one["Sid"], fault) for one in found for fault in faults_of(one)} == set()
    assert len(json.dumps(document, separators=(",", ":"))) < 6_144, "the longest that a managed policy may be"
    with_wildcards = {one["Sid"] for one in found if any("*" in resource for resource in one["Resource"])}
    assert with_wildcards == exceptions.OPERATORS.keys()
    for statement in found:
        for resource in statement["Resource"]:
            assert "frontdesk" in resource or statement["Sid"] in exceptions.OPERATORS, resource
