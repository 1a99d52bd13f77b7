"""What a deployment creates first, from the packaged template, as SAM's transform makes it."""

from typing import Any

from infra.creating import idle
from tests.infra.templates import of_type, transformed_with


def enabled(template: dict[str, Any]) -> list[bool]:
    mappings = of_type(transformed_with(template), "AWS::Lambda::EventSourceMapping").values()
    return [mapping["Enabled"] for mapping in mappings]


def test_every_event_source_is_created_disabled_and_then_enabled(app: dict[str, Any]) -> None:
    assert enabled(idle(app)) == [False] * 5
    assert enabled(app) == [True] * 5
