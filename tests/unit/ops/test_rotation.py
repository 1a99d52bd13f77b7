from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.rotation import finish, has_active, holds, read_document, rotate, set_secret

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def ending(secret: str, until: str) -> dict[str, str]:
    return {"secret": secret, "until": until}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["old"], ["new", ending("old", "2026-11-21T12:00:00Z")]),
        (
            ["old", ending("older", "2026-11-20T18:00:00Z")],
            ["new", ending("old", "2026-11-21T12:00:00Z"), ending("older", "2026-11-20T18:00:00Z")],
        ),
        (
            ["old", ending("older", "2026-12-24T18:00:00+01:00")],
            ["new", ending("old", "2026-11-21T12:00:00Z"), ending("older", "2026-11-21T12:00:00Z")],
        ),
        (["old", ending("gone", "2026-11-20T12:00:00Z")], ["new", ending("old", "2026-11-21T12:00:00Z")]),
    ],
)
def test_the_new_secret_comes_first_and_the_others_end(before: list[Any], after: list[Any]) -> None:
    assert rotate({"secrets": before}, "new", NOW, DAY) == {"secrets": after}


def test_without_an_overlap_the_others_end_at_once() -> None:
    rotated = rotate({"secrets": ["old"]}, "new", NOW, timedelta(0))

    assert not holds(rotated, "old", NOW)
    assert holds(rotated, "new", NOW)


def test_what_stands_beside_the_secrets_is_kept() -> None:
    document = {"secrets": ["old"], "verify_token": "t"}

    assert rotate(document, "new", NOW, DAY)["verify_token"] == "t"
    assert finish(document, NOW) == document
    assert set_secret(document, "new") == {"secrets": ["new"], "verify_token": "t"}


def test_finishing_leaves_the_newest() -> None:
    rotated = rotate({"secrets": ["old"]}, "new", NOW, DAY)

    assert finish(rotated, NOW) == {"secrets": ["new"]}


def test_the_first_secret_needs_no_document() -> None:
    assert set_secret(None, "first") == {"secrets": ["first"]}


def test_what_has_expired_is_not_active() -> None:
    assert has_active({"secrets": [ending("old", "2026-11-20T12:00:01Z")]}, NOW)
    assert not has_active({"secrets": [ending("old", "2026-11-20T12:00:00Z")]}, NOW)
    assert not has_active({"secrets": []}, NOW)


def test_a_document_may_have_no_secrets_yet() -> None:
    assert read_document('{"verify_token": "t"}') == {"secrets": [], "verify_token": "t"}


@pytest.mark.parametrize("text", ["", "rubbish", "null", "[]", '{"secrets": null}', '{"secrets": [7]}', "[" * 100_000])
def test_a_document_of_another_form_cannot_be_used(text: str) -> None:
    with pytest.raises(ValueError, match=r"form|entry"):
        read_document(text)
