"""The ways in which templates are scanned: no scanner decides conditions, and each of ours hides or shows something."""

from collections.abc import Mapping
from typing import Any

_TABLES = ("SessionsReadUnits", "SessionsWriteUnits", "CallsReadUnits", "CallsWriteUnits")
_DATABASE = {"Database": "existing", "DatabaseHost": "db.example.com", "DatabaseResourceId": "db-ABC"}
_CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/0"
_USER = "arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC/frontdesk"
_SUBNETS = "subnet-12345678,subnet-87654321"

WAYS: Mapping[str, Mapping[str, str]] = {
    "the defaults": {},
    "every option": {
        "DatabaseProxy": "true",
        "S3PrefixListId": "pl-12345678",
        **dict.fromkeys(_TABLES, "100"),
        "FunctionSubnetIds": _SUBNETS,
        "FunctionSecurityGroupId": "sg-12345678",
        "DatabaseUrl": "postgresql://frontdesk@db.example.com:5432/frontdesk",
        "DatabaseUserArn": _USER,
        "DatabaseDirectUrl": "postgresql://frontdesk@db.example.com:5432/frontdesk",
        "DatabaseDirectUserArn": _USER,
        "AlarmEmail": "desk@example.com",
        "SilentAfterSeconds": "21600",
        "PublicUrl": "https://hooks.example.com",
        "WebsocketUrl": "wss://chat.example.com",
        "HttpDomain": "hooks.example.com",
        "HttpCertificateArn": _CERTIFICATE,
        "WebsocketDomain": "chat.example.com",
        "WebsocketCertificateArn": _CERTIFICATE,
        "HostedZoneId": "Z0123456789",
        "ProvisionedConcurrency": "2",
        "ReserveConcurrency": "true",
        "Tracing": "Active",
        "Waf": "true",
        "FoundationModelId": "",
        "GuardrailId": "abc123",
        "AvailabilityZones": "eu-central-1b,eu-central-1c",
    },
    "a password, and provisioned tables": {
        "DatabaseAuthentication": "secret",
        "TablesBillingMode": "PROVISIONED",
        "Voice": "false",
        **dict.fromkeys(_TABLES, "5"),
    },
    "beside what exists": {
        **_DATABASE,
        "DatabaseSecurityGroupId": "sg-12345678",
        "Network": "existing",
        "VpcId": "vpc-12345678",
        "SubnetIds": _SUBNETS,
    },
    "without a network": {**_DATABASE, "Network": "none"},
}
"""Parameters of both stacks beside the stage. Every condition is true in one way and false in another."""


def ways_of(template: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The parameters with which a template is scanned, by the name of the way.

    Of each way these are the ones that the template has; ways that are then the same are there once.
    """
    found: dict[str, dict[str, str]] = {}
    for way, parameters in WAYS.items():
        given = {"Stage": "prod", **parameters}
        known = {name: value for name, value in given.items() if name in template.get("Parameters", {})}
        if known not in found.values():
            found[way] = known
    return found
