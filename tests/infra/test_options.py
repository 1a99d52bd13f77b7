"""What a stage may have or not: each option off by default, whole when it is on, and valid in every combination."""

import copy
import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from infra.intrinsics import broken_rules
from tests.infra.templates import decided, of_type, transformed_with

CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/0"
OPTIONS: dict[str, tuple[dict[str, str], set[str]]] = {
    "provisioned concurrency": ({"ProvisionedConcurrency": "2"}, {"ProvisionedTarget"}),
    "firewall": ({"Waf": "true"}, {"Firewall", "FirewallAssociation"}),
    "domain": (
        {"HttpDomain": "hooks.example.com", "HttpCertificateArn": CERTIFICATE},
        {"HttpDomainName", "HttpDomainMapping"},
    ),
    "domain of the sockets": (
        {"WebsocketDomain": "chat.example.com", "WebsocketCertificateArn": CERTIFICATE},
        {"WebsocketDomainName", "WebsocketDomainMapping"},
    ),
    "tracing": ({"Tracing": "Active"}, set()),
    "reserved concurrency": ({"ReserveConcurrency": "true"}, set()),
}
"""The parameters that turn each on, and the resources it brings."""

RECORDS = {"HttpDomainRecord", "WebsocketDomainRecord"}
EVERYTHING = {"HostedZoneId": "Z0123456789"} | {
    name: value for parameters, _ in OPTIONS.values() for name, value in parameters.items()
}


def created(template: dict[str, Any], **given: str) -> set[str]:
    """The logical ids of the resources that a template makes with these parameters."""
    return set(decided(template, **given)["Resources"])


def test_by_default_there_is_none(app: dict[str, Any]) -> None:
    optional = {name for name, resource in app["Resources"].items() if "Condition" in resource}
    brought = {resource for _, resources in OPTIONS.values() for resource in resources}

    assert (brought | RECORDS) <= optional
    assert created(app) & (brought | RECORDS) == set()


@pytest.mark.parametrize("chosen", [pair for count in (1, 2) for pair in combinations(OPTIONS, count)], ids="+".join)
def test_an_option_brings_what_is_its_own(app: dict[str, Any], chosen: tuple[str, ...]) -> None:
    parameters = {name: value for option in chosen for name, value in OPTIONS[option][0].items()}
    expected = {resource for option in chosen for resource in OPTIONS[option][1]}
    transformed = transformed_with(app, **parameters)

    assert created(transformed, **parameters) - created(transformed_with(app)) == expected


def test_there_can_be_no_bot(app: dict[str, Any], transformed: dict[str, Any]) -> None:
    silent = decided(transformed, Voice="false")
    kinds = {resource["Type"] for resource in silent["Resources"].values()}
    gone = created(transformed) - silent["Resources"].keys()

    assert not [kind for kind in kinds if kind.startswith("AWS::Lex::")]
    assert {re.sub("(?<=Version).*", "", name) for name in gone} == {
        "LexBot",
        "LexBotAlias",
        "LexBotPermission",
        "LexBotRole",
        "LexBotVersion",
    }
    assert "LexBotAliasArn" in decided(transformed)["Outputs"]
    assert "Lex" not in json.dumps(silent["Outputs"])
    assert "LexCodehook" in silent["Resources"]


def test_instances_are_warm_for_some_time(app: dict[str, Any]) -> None:
    def refused(**given: str) -> list[str]:
        return broken_rules(app, {"Stage": "dev"} | given)

    empty = {"ProvisionedFromHour": "9", "ProvisionedToHour": "9"}
    assert refused(**empty) == refused(ProvisionedConcurrency="2") == []
    assert refused(ProvisionedConcurrency="2", **empty) == ["ProvisionedToHour must be later than ProvisionedFromHour."]


def test_records_are_made_for_the_domains_there_are(transformed: dict[str, Any]) -> None:
    zone = {"HostedZoneId": "Z0123456789"}

    assert created(transformed, **zone) & RECORDS == set()
    assert created(transformed, **zone, **OPTIONS["domain"][0]) & RECORDS == {"HttpDomainRecord"}
    assert created(transformed, **zone, **OPTIONS["domain of the sockets"][0]) & RECORDS == {"WebsocketDomainRecord"}
    assert created(transformed, **EVERYTHING) >= RECORDS


def test_cfn_lint_finds_nothing_with_every_option_on(app: dict[str, Any], tmp_path: Path) -> None:
    template = copy.deepcopy(app)
    for name, value in EVERYTHING.items():
        template["Parameters"][name]["Default"] = value
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template), encoding="utf-8")
    file.with_name("deployment.zip").touch()

    command = [str(Path(sys.executable).with_name("cfn-lint")), str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_domain_without_a_certificate_is_refused(app: dict[str, Any]) -> None:
    def refused(**given: str) -> list[str]:
        return broken_rules(app, {"Stage": "dev"} | given)

    assert refused() == refused(**EVERYTHING) == []
    assert refused(HttpDomain="hooks.example.com") == ["HttpDomain needs HttpCertificateArn."]
    assert refused(WebsocketDomain="chat.example.com") == ["WebsocketDomain needs WebsocketCertificateArn."]


@pytest.mark.parametrize(
    ("given", "public", "socket"),
    [
        ({}, "", {"Fn::Sub": "wss://${WebsocketAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api"}),
        (EVERYTHING, {"Fn::Sub": "https://${HttpDomain}"}, {"Fn::Sub": "wss://${WebsocketDomain}"}),
        (
            EVERYTHING | {"PublicUrl": "https://p.example", "WebsocketUrl": "wss://w.example"},
            {"Ref": "PublicUrl"},
            {"Ref": "WebsocketUrl"},
        ),
    ],
)
def test_functions_are_told_of_the_domains(
    transformed: dict[str, Any], given: dict[str, str], public: object, socket: object
) -> None:
    functions = of_type(decided(transformed, **given), "AWS::Lambda::Function")
    environments = {name: function["Environment"]["Variables"] for name, function in functions.items()}
    told = [environment for environment in environments.values() if "WEBSOCKET_URL" in environment]

    assert environments["APIHandler"]["PUBLIC_URL"] == public
    assert len(told) == 7
    for environment in told:
        assert environment["WEBSOCKET_URL"] == socket
        # Sockets are written to at the gateway's own address whatever clients call, so that it has to stay open.
        assert "execute-api" in environment["CONNECTIONS_URL"]["Fn::Sub"]
    assert "DisableExecuteApiEndpoint" not in json.dumps(transformed)


def test_domains_are_regional_with_a_present_tls(transformed: dict[str, Any]) -> None:
    resources = transformed["Resources"]
    http = resources["HttpDomainName"]["Properties"]
    (sockets,) = resources["WebsocketDomainName"]["Properties"]["DomainNameConfigurations"]

    assert (http["EndpointConfiguration"], http["SecurityPolicy"]) == ({"Types": ["REGIONAL"]}, "TLS_1_2")
    assert (sockets["EndpointType"], sockets["SecurityPolicy"]) == ("REGIONAL", "TLS_1_2")
    assert resources["HttpDomainMapping"]["Properties"]["Stage"] == {"Ref": "RestAPIapiStage"}


def test_instances_are_kept_warm_from_eight_on_working_days(transformed: dict[str, Any]) -> None:
    target = transformed["Resources"]["ProvisionedTarget"]
    properties = target["Properties"]
    up, down = properties["ScheduledActions"]

    assert target["DependsOn"] in transformed["Resources"]
    assert properties["ResourceId"] == {"Fn::Sub": "function:${APIHandler}:live"}
    assert properties["ScalableDimension"] == "lambda:function:ProvisionedConcurrency"
    assert up["Schedule"] == {"Fn::Sub": "cron(0 ${ProvisionedFromHour} ? * MON-FRI *)"}
    assert set(map(str, up["ScalableTargetAction"].values())) == {"{'Ref': 'ProvisionedConcurrency'}"}
    assert down["Schedule"] == {"Fn::Sub": "cron(0 ${ProvisionedToHour} ? * MON-FRI *)"}
    assert set(down["ScalableTargetAction"].values()) == {0}
    parameters = transformed["Parameters"]
    assert (parameters["ProvisionedFromHour"]["Default"], parameters["ProvisionedToHour"]["Default"]) == (8, 18)


def test_the_firewall_lets_webhooks_pass(transformed: dict[str, Any]) -> None:
    firewall = transformed["Resources"]["Firewall"]["Properties"]
    rules = {rule["Name"]: rule for rule in firewall["Rules"]}
    groups = {
        name: rule["Statement"]["ManagedRuleGroupStatement"]["Name"]
        for name, rule in rules.items()
        if "ManagedRuleGroupStatement" in rule["Statement"]
    }

    assert (firewall["Scope"], firewall["DefaultAction"]) == ("REGIONAL", {"Allow": {}})
    assert groups == {
        "reputation": "AWSManagedRulesAmazonIpReputationList",
        "known-bad-inputs": "AWSManagedRulesKnownBadInputsRuleSet",
    }
    assert rules["rate"]["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    assert len({rule["Priority"] for rule in rules.values()}) == len(rules)
    for rule in rules.values():
        (statement,) = rule["Statement"].values()
        passed = statement["ScopeDownStatement"]["NotStatement"]["Statement"]["ByteMatchStatement"]
        assert (passed["FieldToMatch"], passed["SearchString"]) == ({"UriPath": {}}, "/webhooks/")
        assert rule["VisibilityConfig"]["CloudWatchMetricsEnabled"] is True
        assert rule["VisibilityConfig"]["SampledRequestsEnabled"] is False
    association = transformed["Resources"]["FirewallAssociation"]["Properties"]
    assert association["ResourceArn"]["Fn::Sub"].endswith("::/restapis/${RestAPI}/stages/${RestAPIapiStage}")


def test_every_function_traces_or_none(app: dict[str, Any], transformed: dict[str, Any]) -> None:
    functions = of_type(transformed, "AWS::Lambda::Function")

    assert {json.dumps(function["TracingConfig"]) for function in functions.values()} == {
        '{"Mode": {"Ref": "Tracing"}}'
    }
    assert app["Parameters"]["Tracing"]["Default"] == "PassThrough"
    for given, traced in ({}, False), ({"Tracing": "Active"}, True):
        template = decided(transformed, **given)
        (stage,) = of_type(template, "AWS::ApiGateway::Stage").values()
        assert stage["TracingEnabled"] is traced
        for function in functions.values():
            role = template["Resources"][function["Role"]["Fn::GetAtt"][0]]["Properties"]
            statements = role["Policies"][0]["PolicyDocument"]["Statement"]
            assert ("SendTraces" in [statement["Sid"] for statement in statements]) is traced


def test_every_log_forgets_after_as_many_days_as_are_wished(app: dict[str, Any]) -> None:
    logs = of_type(app, "AWS::Logs::LogGroup")
    names = {group["LogGroupName"]["Fn::Sub"].removeprefix("/aws/lambda/") for group in logs.values()}

    functions = of_type(app, "AWS::Serverless::Function").values()
    assert names == {function["FunctionName"]["Fn::Sub"] for function in functions}
    assert {json.dumps(group["RetentionInDays"]) for group in logs.values()} == {'{"Ref": "LogRetentionDays"}'}
    assert app["Parameters"]["LogRetentionDays"]["Default"] == 30


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("HttpDomain", ["", "hooks.example.com", "a.b.example.co"], ["https://hooks.example.com", "hooks", "h.e.com/"]),
        ("WebsocketDomain", ["", "chat.example.com"], ["wss://chat.example.com", "Chat.example.com"]),
        ("HttpCertificateArn", ["", CERTIFICATE], ["hooks.example.com", "arn:aws:iam::1:server-certificate/x"]),
        ("HostedZoneId", ["", "Z0123456789"], ["/hostedzone/Z0123456789", "example.com"]),
    ],
)
def test_a_parameter_is_what_it_should_be(app: dict[str, Any], parameter: str, good: list[str], bad: list[str]) -> None:
    pattern = app["Parameters"][parameter]["AllowedPattern"]

    assert [text for text in good if not re.fullmatch(pattern, text)] == []
    assert [text for text in bad if re.fullmatch(pattern, text)] == []


def test_every_parameter_says_what_it_is_for(app: dict[str, Any]) -> None:
    ours = set(EVERYTHING) | {"HttpRateLimit", "HttpBurstLimit", "WebsocketRateLimit", "WebsocketBurstLimit"}
    ours |= {"ProvisionedFromHour", "ProvisionedToHour", "LogRetentionDays"}

    for name in ours:
        entry = app["Parameters"][name]
        assert entry["Description"].endswith((".", "empty."))
        assert entry.keys() & {"AllowedValues", "AllowedPattern", "MinValue"}, name
