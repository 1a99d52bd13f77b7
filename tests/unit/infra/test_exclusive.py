from typing import Any, cast

import pytest

from infra.errors import DeploymentError
from infra.exclusive import chalice_door, refuse_app_stack, refuse_functions
from infra.functions import Functions
from infra.stacks import Stack
from infra.stages import Stage

STAGE = Stage("dev")


class FakeStack:
    name = "frontdesk-dev-app"

    def __init__(self, status: str | None) -> None:
        self._status = status

    def status(self) -> str | None:
        return self._status

    def make_ready(self) -> bool:
        return self._status is not None


class FakeLambda:
    def __init__(self, *names: str) -> None:
        self._names = names

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self) -> Any:
        functions = [{"FunctionName": name, "CodeSha256": "x", "Handler": "app.handler"} for name in self._names]
        return [{"Functions": functions}]


def refuse(status: str | None, *names: str) -> None:
    functions = Functions(FakeLambda(*names), STAGE, lambda _: None)
    refuse_functions(cast("Stack", FakeStack(status)), functions)


def test_functions_without_a_stack_are_chalice_s() -> None:
    with pytest.raises(
        DeploymentError, match=r"such as frontdesk-dev-a: `chalice delete --stage dev`.*Back to the app"
    ):
        refuse(None, "frontdesk-dev", "frontdesk-dev-b", "frontdesk-dev-a")


def test_functions_of_the_stack_and_of_others_are_none() -> None:
    refuse("UPDATE_COMPLETE", "frontdesk-dev-a")
    refuse(None, "frontdesk-prod-a", "frontdesk-develop-a")


def test_chalice_does_not_deploy_beside_the_stack() -> None:
    refuse_app_stack(cast("Stack", FakeStack(None)), STAGE)
    with pytest.raises(DeploymentError, match="`make destroy STAGE=dev` removes it"):
        refuse_app_stack(cast("Stack", FakeStack("UPDATE_COMPLETE")), STAGE)


def test_chalice_s_door() -> None:
    assert chalice_door(STAGE) == "frontdesk-dev"
