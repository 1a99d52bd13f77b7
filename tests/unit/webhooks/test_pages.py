import pytest

from chalicelib.webhooks.pages import fitting


@pytest.mark.parametrize(
    ("sizes", "number"),
    [([], 0), ([4, 6], 2), ([4, 7], 1), ([11], 1), ([11, 1], 1), ([0, 11], 1), ([1] * 100, 10)],
)
def test_a_page_holds_what_fits_and_never_nothing(sizes: list[int], number: int) -> None:
    assert fitting(sizes, 10) == number
