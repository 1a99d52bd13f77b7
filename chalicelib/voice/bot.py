"""The bot: its intents and their slots, the one place that says what they are.

The codehook elicits by it, ``infra`` makes the Lex bot of it, and the local cloud's phone plays it. What callers say
and hear, in each language, stands in ``locales/``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

ALPHANUMERIC = "AMAZON.AlphaNumeric"
"""Keeps the zeros at a number's beginning, which ``AMAZON.Number`` drops."""

NUMBER = "AMAZON.Number"
FALLBACK = "FallbackIntent"


@dataclass(frozen=True)
class Slot:
    """A slot. ``type`` is one of Lex's own or a name in ``SLOT_TYPES``; ``digits`` is how many a keypad may send.

    An obfuscated one never appears in Lex's conversation logs. ``ask`` names the message that elicits it.
    """

    name: str
    type: str
    ask: str
    digits: int
    obfuscated: bool = False


@dataclass(frozen=True)
class Intent:
    """An intent, with its slots in the order in which they are asked for; all are filled by the codehook's leave.

    ``confirm`` names the message with which Lex itself asks for a yes or no. Only an intent that has one may be
    confirmed: Lex refuses a ``ConfirmIntent`` of any other.
    """

    name: str
    slots: tuple[Slot, ...] = ()
    confirm: str | None = None


CUSTOMER_NUMBER = Slot("CustomerNumber", ALPHANUMERIC, "ask_customer_number", digits=8, obfuscated=True)
PIN = Slot("Pin", ALPHANUMERIC, "ask_pin", digits=4, obfuscated=True)
ACCOUNT_TYPE = Slot("AccountType", "AccountType", "ask_account_type", digits=1)
FROM_ACCOUNT = Slot("FromAccount", "AccountType", "ask_from_account", digits=1)
TO_ACCOUNT = Slot("ToAccount", "AccountType", "ask_to_account", digits=1)
AMOUNT = Slot("TransferAmount", NUMBER, "ask_amount", digits=5)
CARD = Slot("CardLastFour", ALPHANUMERIC, "ask_card", digits=4, obfuscated=True)

INTENTS: tuple[Intent, ...] = (
    Intent("CheckBalance", (CUSTOMER_NUMBER, PIN, ACCOUNT_TYPE)),
    Intent("TransferFunds", (FROM_ACCOUNT, TO_ACCOUNT, AMOUNT, CUSTOMER_NUMBER, PIN), confirm="confirm_again"),
    Intent("ReportLostCard", (CUSTOMER_NUMBER, PIN, CARD), confirm="confirm_again"),
    Intent("VerifyCaller", (CUSTOMER_NUMBER, PIN)),
    Intent("Help"),
    Intent("SpeakToAgent"),
    Intent("Goodbye"),
    Intent(FALLBACK),
)

SLOT_TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType({"AccountType": ("checking", "savings", "credit")})
"""The values of our own types, in the order of the keypad's digits: 1 is the first."""
