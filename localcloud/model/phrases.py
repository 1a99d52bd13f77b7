"""What the assistant knows of the shop by heart: for each topic a few ways to say it."""

import re
import zlib
from collections.abc import Sequence

_TOPICS: Sequence[tuple[str, Sequence[str]]] = (
    (
        r"\b(ship(ping|s)?|deliver(y|ies)?|postage|how long|courier|carrier|customs)\b",
        (
            (
                "Orders leave our warehouse within one working day. Standard delivery takes two to four working "
                "days and costs 4.90 EUR; it is free from 50 EUR on. You get an e-mail with a tracking number "
                "as soon as the parcel is on its way."
            ),
            (
                "We send everything within one working day. Within the EU a parcel usually takes two to four "
                "working days, elsewhere five to ten. Express delivery is offered at the checkout, and the "
                "tracking number comes by e-mail."
            ),
            (
                "Standard shipping is 4.90 EUR, and free for orders from 50 EUR. Most parcels arrive two to "
                "four working days after they leave us. If you tell me your order number, I can look up where "
                "yours is."
            ),
        ),
    ),
    (
        r"\b(returns?|returning|refund(s|ed)?|send (it|them) back|exchange|money back|damaged|wrong item|defective)\b",
        (
            (
                "You can send anything back within 30 days, unread and in its wrapping. Use the return label in "
                "your account; once the parcel is here, the refund takes three to five working days. If an item "
                "arrived damaged, we replace it and you pay nothing."
            ),
            (
                "Returns are free within 30 days. Print the label from your account, put it on the parcel and "
                "drop it at any parcel shop. We refund to the way you paid with, usually within five working "
                "days."
            ),
        ),
    ),
    (
        r"\b(pay(ment|ing)?|paypal|credit card|klarna|invoice|vat|voucher|gift card|coupon|discount)\b",
        (
            (
                "We take credit cards, PayPal, Klarna and gift cards. Your card is charged when the order is "
                "placed, and the invoice comes by e-mail when the parcel leaves. Vouchers are entered at the "
                "checkout, one for each order."
            ),
            (
                "You can pay by card, PayPal, Klarna or gift card. Please never send card details here in the "
                "chat: the checkout asks for them safely. The invoice is attached to the e-mail that confirms "
                "the shipment."
            ),
        ),
    ),
    (
        r"\b(recommend|suggest|similar to|what should i read|new series|good manga)\b",
        (
            (
                "With pleasure! If you like quiet stories, try a slice-of-life series; for adventure, one of "
                "the long shōnen classics is a good start. Which series did you enjoy last?"
            ),
            (
                "It depends on your mood: something funny, dark, or to travel with? Tell me one series that you "
                "love, and I will suggest three more."
            ),
        ),
    ),
    (
        r"\b(in stock|out of stock|available|availability|pre-?order|restock)\b",
        (
            (
                "The product page shows whether a volume is in stock, and until when it is expected if not. "
                "With “Notify me” there you get an e-mail on the day it is back."
            ),
        ),
    ),
    (
        r"\b(cancel|change my (order|address)|wrong address)\b",
        (
            (
                "As long as an order is not packed, it can still be changed or cancelled. I cannot do that "
                "myself, but a colleague can: shall I bring one in?"
            ),
        ),
    ),
)

_SMALL_TALK: Sequence[tuple[str, Sequence[str]]] = (
    (
        r"^\W*(hi|hello|hey|hiya|good (morning|afternoon|evening)|konnichiwa|greetings)\b[^?]{0,30}$",
        (
            (
                "Hello! I am MangaAssist. I can look up an order, or tell you about shipping, returns and "
                "payment. How can I help?"
            ),
            "Hi, welcome! I am MangaAssist, the shop's assistant. What can I do for you?",
        ),
    ),
    (
        r"^\W*(thanks?|thank you|thx|great|perfect|ok(ay)?|cool)\b[^?]{0,40}$",
        ("You are welcome! Is there anything else I can help with?", "Glad to help. Just write if something comes up."),
    ),
    (r"^\W*(bye|goodbye|see you)\b[^?]{0,30}$", ("Goodbye, and enjoy your reading!",)),
    (
        r"\b(who|what) are you\b|\bare you (a )?(bot|human|real)\b",
        ("I am MangaAssist, the shop's automatic assistant. If you would rather talk to a person, just say so.",),
    ),
)


def small_talk(question: str) -> str | None:
    return _find(_SMALL_TALK, question)


def about_topic(question: str) -> str | None:
    """What is known on the topic of a question."""
    return _find(_TOPICS, question)


def about_anything(question: str) -> str:
    """A helpful answer to what is none of the topics; it quotes the question."""
    topic = quote(question)
    return choose(
        question,
        (
            (
                f"You asked about “{topic}”. I do not know that by heart, but I can look up an order, or tell "
                "you about shipping, returns and payment. For anything else a colleague can help: just ask for "
                "a person."
            ),
            (
                f"About “{topic}”: could you tell me a little more? I know our shipping, returns and payment "
                "well, and I can look up any order with its number."
            ),
        ),
    )


def choose(question: str, ways: Sequence[str]) -> str:
    """The same way for the same question."""
    return ways[zlib.crc32(question.encode()) % len(ways)]


def quote(text: str, length: int = 60) -> str:
    """The begin of a text in one line."""
    line = " ".join(text.split()).rstrip("?!. ")
    return line if len(line) <= length else line[:length].rsplit(" ", 1)[0] + " …"


def _find(subjects: Sequence[tuple[str, Sequence[str]]], question: str) -> str | None:
    for pattern, ways in subjects:
        if re.search(pattern, question, re.IGNORECASE):
            return choose(question, ways)
    return None
