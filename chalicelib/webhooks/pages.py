"""Pages: how much of a list goes into one answer, or into one transaction."""

from collections.abc import Iterable


def fitting(sizes: Iterable[int], room: int) -> int:
    """How many of the first things fit into so many bytes; one at the least, so that every page goes on."""
    number = 0
    for size in sizes:
        room -= size
        if number and room < 0:
            break
        number += 1
    return number
