"""The sample customers, the same in every local cloud. `docs/running.md` lists them.

Ids are opaque and may be stored by whoever asks; numbers and PINs are known to the caller alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SampleCard:
    id: str
    last4: str


@dataclass(frozen=True)
class SampleAccount:
    """``cents`` is the balance to begin with."""

    id: str
    type: str
    last4: str
    cents: int
    card: SampleCard | None = None


@dataclass(frozen=True)
class SampleCustomer:
    id: str
    number: str
    pin: str
    accounts: Sequence[SampleAccount]


CUSTOMERS: Sequence[SampleCustomer] = (
    SampleCustomer(
        "cus_k3v9t2xq",
        "10020030",
        "1234",
        (
            SampleAccount("acc_w8m4zc1d", "checking", "4321", 1_204_50, SampleCard("card_h5r2yb7n", "9876")),
            SampleAccount("acc_p6j0fs3l", "savings", "8765", 15_300_00),
            SampleAccount("acc_e9u7ga4k", "credit", "5566", -230_10, SampleCard("card_t1x8qd6m", "7788")),
        ),
    ),
    SampleCustomer(
        "cus_b7n5wj0r",
        "10020031",
        "0042",
        (
            SampleAccount("acc_z2c6hv8y", "checking", "2468", 87_05, SampleCard("card_f4k9sl3p", "1357")),
            SampleAccount("acc_m1d5tr9g", "savings", "9753", 640_00),
        ),
    ),
    SampleCustomer(
        "cus_q4y8ep6h",
        "10020032",
        "9999",
        (
            SampleAccount("acc_r7b3xn2u", "checking", "6106", 50_000_00),
            SampleAccount("acc_j5l0kw8s", "savings", "6107", 50_000_00),
        ),
    ),
)
