"""Numbers on a command line, between two bounds, whose refusal names both."""

import math
from typing import Any

import click


class WholeNumber(click.IntRange):
    """A whole number from ``min`` to ``max``, both included."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is not a whole number from {self.min} to {self.max}.", param, ctx)


class Number(click.FloatRange):
    """A number from ``min`` to ``max``, both included."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(super().convert(value, param, ctx))
        except click.BadParameter:
            number = math.nan  # which is between no two bounds
        if math.isnan(number):
            self.fail(f"{value!r} is not a number from {self.min} to {self.max}.", param, ctx)
        return number
