"""Money neither comes nor goes, and a key has one answer, whatever is asked in whatever order."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from localcloud.bank.database import Database
from localcloud.bank.ledger import LIMIT_CENTS, IdempotencyConflictError, Ledger, Order, Transfer
from localcloud.bank.samples import CUSTOMERS
from tests.unit.localcloud.bank.asking import TOTAL_CENTS, Clock

START = {account.id: account.cents for customer in CUSTOMERS for account in customer.accounts}
OVERDRAWN = {account_id for account_id, cents in START.items() if cents < 0}

accounts = st.sampled_from([*START, "acc_none"])
amounts = st.one_of(st.integers(1, 3_000_00), st.sampled_from([1, 640_00, LIMIT_CENTS, LIMIT_CENTS + 1]))
delays = st.sampled_from([0.0, 0.0, 5.0, 60.0])


class Bookkeeping(RuleBasedStateMachine):
    """A bank that is asked for transfers, once or again, while time goes by and the program is started anew."""

    orders = Bundle[Order]("orders")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "bank.sqlite"
        self.clock = Clock()
        self.kept: dict[str, Transfer] = {}

    @initialize()
    def open(self) -> None:
        self.database = Database(self.file)
        self.ledger = Ledger(self.database, self.clock)

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    @rule(target=orders, source=accounts, to=accounts, cents=amounts, delay=delays)
    def transfer(self, source: str, to: str, cents: int, delay: float) -> Order:
        order = Order(f"key-{len(self.kept)}", source, to, cents)
        held = self.cents()

        transfer, new = self.ledger.transfer(order, delay)

        assert new
        assert transfer.order == order
        assert transfer.code == expected_refusal(order, held)
        assert transfer.status == ("refused" if transfer.code else "pending" if delay else "completed")
        self.kept[order.key] = transfer
        return order

    @rule(order=orders, delay=delays)
    def repeat(self, order: Order, delay: float) -> None:
        before = self.cents()

        transfer, new = self.ledger.transfer(order, delay)

        assert not new
        assert self.cents() == before
        self.check(transfer)

    @rule(order=orders, more=st.integers(1, 100))
    def reuse_a_key(self, order: Order, more: int) -> None:
        before = self.cents()
        try:
            self.ledger.transfer(Order(order.key, order.source, order.target, order.cents + more))
        except IdempotencyConflictError:
            assert self.cents() == before
        else:
            raise AssertionError("another order was taken under the same key")

    @rule(order=orders)
    def look(self, order: Order) -> None:
        found = self.ledger.find(order.key)
        assert found
        self.check(found)

    @rule(seconds=st.sampled_from([1.0, 5.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @precondition(lambda self: self.kept)
    @rule()
    def start_anew(self) -> None:
        self.database.close()
        self.open()

    def check(self, transfer: Transfer) -> None:
        """What is final stays; what was pending is still so, or was carried out or refused."""
        before = self.kept[transfer.order.key]
        if before.status != "pending":
            assert transfer == before
        else:
            assert (transfer.order, transfer.created_at) == (before.order, before.created_at)
            self.kept[transfer.order.key] = transfer

    def cents(self) -> dict[str, int]:
        return {account.id: account.cents for account in self.ledger.accounts()}

    @invariant()
    def the_books_balance(self) -> None:
        cents = self.cents()
        assert sum(cents.values()) == TOTAL_CENTS
        assert [one for one, held in cents.items() if held < 0 and one not in OVERDRAWN] == []
        expected = dict(START)
        for transfer in self.ledger.transfers():
            if transfer.status == "completed":
                expected[transfer.order.source] -= transfer.order.cents
                expected[transfer.order.target] += transfer.order.cents
        assert cents == expected


def expected_refusal(order: Order, held: dict[str, int]) -> str | None:
    if not {order.source, order.target} <= held.keys():
        return "not_found"
    if order.source == order.target:
        return "same_account"
    if order.cents > LIMIT_CENTS:
        return "limit_exceeded"
    return "insufficient_funds" if held[order.source] < order.cents else None


TestBookkeeping = Bookkeeping.TestCase
TestBookkeeping.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
