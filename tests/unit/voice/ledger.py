"""What a bank keeps, for the tests of its client: one that never errs, whatever then becomes of its answers."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from chalicelib.voice.exchange import Answer, Request

KEY = "key-1"
CHECKING, SAVINGS, OTHERS = "acc_checking", "acc_savings", "acc_nobody"
CUSTOMER, NUMBER, PIN, CARD = "cus_1", "10020030", "1234", "card_1"
LIMIT = Decimal(10_000)

Reply = tuple[int, dict[str, Any]]


@dataclass
class Ledger:
    """``transfers`` are those made and those refused, by key; ``keys`` are the API keys that it accepts."""

    balances: dict[str, Decimal] = field(
        default_factory=lambda: {CHECKING: Decimal("1204.50"), SAVINGS: Decimal("15300.00")}
    )
    transfers: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=lambda: {KEY})
    blocked: set[str] = field(default_factory=set)
    attempts: list[str] = field(default_factory=list)

    def is_made(self, reference: str) -> bool:
        return self.transfers.get(reference, {}).get("status") == "completed"

    def answer(self, request: Request, key: str) -> Answer:
        body = json.dumps(request.body).encode() if request.body is not None else b""
        status, reply = self.handle(request.method, request.path, {**request.headers, "x-api-key": key}, body)
        return Answer(status, json.dumps(reply).encode())

    def handle(  # noqa: PLR0911 - one return a route
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> Reply:
        """``headers`` have their names as the client writes them, or in lower case."""
        given = {name.lower(): value for name, value in headers.items()}
        if given.get("x-api-key") not in self.keys:
            return 401, {"code": "unauthorized", "message": "Wrong key."}
        match method, *(unquote(part) for part in path.strip("/").split("/")):
            case "POST", "callers", "verify":
                return self._verify(json.loads(body))
            case "GET", "customers", customer, "accounts" if customer == CUSTOMER:
                return 200, {"accounts": [self._account(account) for account in self.balances]}
            case "GET", "accounts", account, "balance" if account in self.balances:
                balance = f"{self.balances[account]:.2f}"
                times = {"currency": "USD", "as_of": "2026-11-20T12:00:00Z"}
                return 200, {"account_id": account, "balance": balance, **times}
            case "POST", "cards", card, "block" if card == CARD:
                self.blocked.add(card)
                return 200, {"id": card, "status": "blocked"}
            case "GET", "transfers", reference if reference in self.transfers:
                return 200, self.transfers[reference]
            case "POST", "transfers":
                return self._transfer(given["idempotency-key"], json.loads(body))
        return 404, {"code": "not_found", "message": "No such thing."}

    def _verify(self, body: dict[str, str]) -> Reply:
        self.attempts.append(body["pin"])
        if (body["customer_number"], body["pin"]) == (NUMBER, PIN):
            return 200, {"verified": True, "customer_id": CUSTOMER}
        left = max(0, 3 - len(self.attempts))
        return 200, {"verified": False, "locked": left == 0, "attempts_left": left}

    def _account(self, account: str) -> dict[str, Any]:
        if account == SAVINGS:
            return {"id": account, "type": "savings", "last4": "8765", "currency": "USD", "card": None}
        status = "blocked" if CARD in self.blocked else "active"
        card = {"id": CARD, "last4": "9876", "status": status}
        return {"id": account, "type": "checking", "last4": "4321", "currency": "USD", "card": card}

    def _transfer(self, reference: str, body: dict[str, str]) -> Reply:
        if body["from"] not in self.balances or body["to"] not in self.balances:
            return 404, {"code": "not_found", "message": "No such account."}
        known = self.transfers.get(reference)
        if known and any(known[name] != value for name, value in body.items()):
            return 409, {"code": "idempotency_conflict", "message": "The key is another transfer's."}
        if not known:
            known = self.transfers[reference] = {"key": reference, **body, **self._make(body)}
        if known["status"] == "refused":
            return 422, {"code": known["code"], "message": "No."}
        return 201, known

    def _make(self, body: dict[str, str]) -> dict[str, str]:
        amount = Decimal(body["amount"])
        if body["from"] == body["to"]:
            return {"status": "refused", "code": "same_account"}
        if amount > LIMIT:
            return {"status": "refused", "code": "limit_exceeded"}
        if amount > self.balances[body["from"]]:
            return {"status": "refused", "code": "insufficient_funds"}
        self.balances[body["from"]] -= amount
        self.balances[body["to"]] += amount
        return {"status": "completed", "created_at": "2026-11-20T12:00:00Z"}
