"""Numbers on a command line."""

import click
import pytest

from localcloud.ranges import Number


@pytest.mark.parametrize("text", ["nan", "-NaN", "inf", "-0.1", "1.1", "much"])
def test_what_is_not_between_the_bounds_is_refused_with_both(text: str) -> None:
    with pytest.raises(click.BadParameter, match=f"^'{text}' is not a number from 0 to 1\\.$"):
        Number(0, 1).convert(text, None, None)


@pytest.mark.parametrize(("text", "number"), [("0", 0.0), ("0.3", 0.3), ("1", 1.0)])
def test_bounds_are_included(text: str, number: float) -> None:
    assert Number(0, 1).convert(text, None, None) == number
