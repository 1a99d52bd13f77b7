"""CheckBalance: what is on an account, for a customer who proved who they are."""

from chalicelib.voice import slots
from chalicelib.voice.bank import Account
from chalicelib.voice.bot import ACCOUNT_TYPE
from chalicelib.voice.catalogue import catalogue
from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply, ask, done, to_agent
from chalicelib.voice.speech import Accounts, Digits, Money, say
from chalicelib.voice.teller import KINDS, Teller, known_accounts, of_kind, offer
from chalicelib.voice.verification import Proven, require


def handle_dialog(turn: Turn, teller: Teller) -> Reply:
    """Ask for what is missing; the answer comes as soon as nothing is, without another turn for Lex."""
    proven = require(turn, teller)
    if not isinstance(proven, Proven):
        return proven
    accounts = known_accounts(teller, proven.customer_id)
    if not accounts:
        return to_agent("no_account", say("no_accounts"))
    if len(accounts) == 1:
        return _tell(accounts[0], teller)
    said = turn.slots.get(ACCOUNT_TYPE.name)
    kind = slots.choice(said, KINDS, catalogue(turn.locale).synonyms[ACCOUNT_TYPE.type])
    matching = of_kind(accounts, kind) if kind else []
    if len(matching) > 1:
        return to_agent("several_accounts", say("several_accounts"))
    if matching:
        return _tell(matching[0], teller)
    reasons = [say("no_such_account", account=Accounts((kind,)))] if kind else []
    choice = offer(accounts)
    return ask(ACCOUNT_TYPE, *reasons, prompt=say("choose_account", accounts=choice), choices=choice.kinds)


def fulfill(turn: Turn, teller: Teller) -> Reply:
    """The same: whatever a fulfilment relies on is proven and asked for again."""
    return handle_dialog(turn, teller)


def _tell(account: Account, teller: Teller) -> Reply:
    balance = teller.bank.balance(account.id, teller.deadline)
    sentence = say(
        "balance" if balance.amount >= 0 else "balance_owed",
        account=Accounts((account.type,)),
        last_four=Digits((account.last4,)),
        amount=Money(balance.amount, balance.currency),
        date=balance.as_of.date(),
    )
    return done("balance_told", sentence)
