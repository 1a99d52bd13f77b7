import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.secret_store import has_secret, make_chat_secrets, put_secret
from infra.stages import Stage

NAME = "frontdesk/dev/x"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="eu-central-1")


def value(manager: Any, name: str = NAME) -> Any:
    return json.loads(manager.get_secret_value(SecretId=name)["SecretString"])


def test_a_secret_is_replaced_only_when_asked(manager: Any) -> None:
    assert put_secret(manager, NAME, {"a": 1}, replace=False)
    assert not put_secret(manager, NAME, {"a": 2}, replace=False)
    assert value(manager) == {"a": 1}
    assert not put_secret(manager, NAME, {"a": 3}, replace=True)
    assert value(manager) == {"a": 3}


class AsOnAws:
    """Of a name whose secret is scheduled for deletion AWS says InvalidRequestException, moto says that it exists."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    def create_secret(self, **_: Any) -> None:
        raise self._manager.exceptions.InvalidRequestException({"Error": {"Message": "not so"}}, "CreateSecret")


@pytest.mark.parametrize("replace", [True, False])
def test_a_deleted_secret_comes_back_with_a_new_value(manager: Any, replace: bool) -> None:
    for client, new in ((manager, {"a": 2}), (AsOnAws(manager), {"a": 3})):
        put_secret(manager, NAME, {"a": 1}, replace=True)
        manager.delete_secret(SecretId=NAME)

        assert not has_secret(manager, NAME)
        assert put_secret(client, NAME, new, replace=replace)
        assert has_secret(manager, NAME)
        assert value(manager) == new


def test_another_refusal_is_told(manager: Any) -> None:
    with pytest.raises(Exception, match="not so"):
        put_secret(AsOnAws(manager), NAME, {}, replace=False)


def test_a_stage_whose_secrets_were_deleted_gets_new_ones(manager: Any) -> None:
    stage = Stage("dev")
    names = list(make_chat_secrets(manager, stage))
    before = [value(manager, name) for name in names]
    assert list(make_chat_secrets(manager, stage)) == []
    for name in names:
        manager.delete_secret(SecretId=name)

    assert list(make_chat_secrets(manager, stage)) == names
    assert all(value(manager, name) != old for name, old in zip(names, before, strict=True))
