from typing import Any, cast

from infra.deploying import Deployment
from infra.destroying import leftovers
from infra.stages import Stage

GROUPS = ("frontdesk-dev", "frontdesk-dev-a", "frontdesk-develop", "frontdesk-dev2-a", "frontdesk-prod-a")


class Pages:
    """Pages of any service, in which only CloudWatch has something: log groups of several stages."""

    def paginate(self, **arguments: Any) -> Any:
        prefix = arguments.get("logGroupNamePrefix", "")
        names = [f"/aws/lambda/{name}" for name in GROUPS]
        groups = [{"logGroupName": name} for name in names if name.startswith(prefix)]
        return [{"logGroups": groups, "SecretList": [], "Parameters": []}]


class Client:
    def get_paginator(self, _: str) -> Pages:
        return Pages()

    def head_bucket(self, **_: Any) -> None:
        pass


class Target:
    account, region = "123456789012", "eu-central-1"

    def client(self, _: str) -> Client:
        return Client()


class NoStack:
    def status(self) -> None:
        return None


def test_the_log_groups_of_both_ways_to_deploy_are_named() -> None:
    deployment = Deployment(Stage("dev"), cast("Any", Target()), lambda _: None)
    deployment.__dict__["data"] = NoStack()

    assert dict(leftovers(deployment))["log groups"] == ["/aws/lambda/frontdesk-dev", "/aws/lambda/frontdesk-dev-a"]
