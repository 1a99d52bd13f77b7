"""What is beside the bank's API, for tests and the command line: faults, locks, and a look at the books."""

from typing import Any

from aiohttp import web

from localcloud.bank import wire
from localcloud.bank.callers import Callers
from localcloud.bank.faults import Control, InvalidSettingError, Setting
from localcloud.bank.ledger import Ledger


def add_control(router: web.UrlDispatcher, control: Control, ledger: Ledger, callers: Callers) -> None:
    """``GET`` and ``POST /control``, ``POST /control/unlock`` and ``POST /control/reset``."""

    async def show(_: web.Request) -> web.Response:
        return web.json_response(control.show() | _books(ledger, callers))

    async def choose(request: web.Request) -> web.Response:
        """Takes ``{"fault": …}`` or ``{"faults": […]}``, and the other fields of ``Setting``."""
        try:
            control.set(Setting.read(wire.read_object(await request.read())))
        except InvalidSettingError as error:
            raise wire.MalformedError(str(error)) from error
        return web.json_response(control.show())

    async def unlock(request: web.Request) -> web.Response:
        """Takes ``{"customer_number": …}``, or ``{}`` for all."""
        wanted = wire.read_object(await request.read())
        callers.unlock(wanted.get("customer_number"))
        return web.json_response({"locked": callers.locked()})

    async def reset(request: web.Request) -> web.Response:
        """The sample customers as they were in the beginning, and no faults. Takes ``{}``."""
        wire.read_object(await request.read())
        ledger.database.reset()
        control.set(Setting())
        return await show(request)

    router.add_get("/control", show)
    router.add_post("/control", choose)
    router.add_post("/control/unlock", unlock)
    router.add_post("/control/reset", reset)


def _books(ledger: Ledger, callers: Callers) -> dict[str, Any]:
    """Opaque ids, cents and states only."""
    transfers = ledger.transfers()
    accounts = ledger.accounts()
    return {
        "total_cents": sum(account.cents for account in accounts),
        "customers": [{"id": customer, "locked": locked} for customer, locked in callers.locked().items()],
        "accounts": [{"id": one.id, "customer_id": one.customer_id, "cents": one.cents} for one in accounts],
        "cards": [
            {"id": one.card.id, "account_id": one.id, "status": wire.show_card(one.card)["status"]}
            for one in accounts
            if one.card
        ],
        "transfers": [wire.show_transfer(one) | {"cents": one.order.cents} for one in transfers],
    }
