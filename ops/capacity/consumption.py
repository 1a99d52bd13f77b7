"""What one webhook, message, session or call consumes: measured on the application, not estimated.

``tests/unit/ops/test_consumption.py`` runs each through ``app.py`` on moto's AWS, with every client watched, and fails
when the application consumes something else; it then prints what belongs here. Units are DynamoDB's: a strong read of
4 KB, a write of 1 KB, and two for each write in a transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

BODY_BYTES = 1_760
"""Of a webhook: the size the benchmarks use, about that of an order or a pull request."""

QUESTION_CHARACTERS, ANSWER_CHARACTERS = 100, 600
"""Of a chat: what customers type, and what the persona is told to keep to."""

MESSAGES_A_SESSION = 10
"""With their answers twenty turns, as many as the model sees."""


@dataclass(frozen=True)
class Use:
    """What one of something consumes.

    ``reads`` and ``writes`` are capacity units of its table; ``sent`` are messages put into queues, ``callbacks`` are
    frames pushed to sockets, with their bytes; ``log_bytes`` are what the application itself writes; ``tokens_in`` and
    ``tokens_out`` are the model's, by our own estimate (a quarter of the characters); ``invocations`` are by function.
    """

    reads: float = 0
    writes: float = 0
    sent: float = 0
    callbacks: float = 0
    callback_bytes: float = 0
    log_bytes: float = 0
    tokens_in: float = 0
    tokens_out: float = 0
    invocations: Mapping[str, float] = field(default_factory=dict)


WEBHOOK = Use(sent=1, log_bytes=1_800, invocations={"api_handler": 1, "process_webhooks": 1})
"""One of GitHub's, in a batch of its own: the dearest way. Ten in a batch write a tenth of the processor's log each."""

SESSION = Use(
    reads=8,
    writes=38,
    callbacks=1,
    callback_bytes=97,
    log_bytes=1_433,
    invocations={
        "api_handler": 1,
        "websocket_connect": 1,
        "websocket_message": 1,
        "websocket_disconnect": 1,
        "delete_expired_sessions": 1,
    },
)
"""Opened, connected, greeted, left, and expired after ten messages: each of their items is deleted one by one."""

MESSAGE = Use(
    reads=5.4,
    writes=11,
    sent=1,
    callbacks=13,
    callback_bytes=2_276,
    log_bytes=1_892,
    tokens_in=1_356,
    tokens_out=150,
    invocations={"websocket_message": 1, "answer_messages": 1},
)
"""One with its answer, the mean of ten in a session: it is the context that grows, up to 20 turns or 4,000 tokens."""

LOOK_UP = Use(writes=8, tokens_in=2_305, tokens_out=12, invocations={"look_up_order": 1})
"""What an order that the model looks up adds to a message: a second request with all the context, and the counting of
look-ups by a customer nobody knows."""

SUMMARY = Use(reads=4, writes=6, log_bytes=722, tokens_in=1_153, tokens_out=150, invocations={"summarize_sessions": 1})
"""One for every five messages, the second of a session."""

HANDOFF = Use(
    reads=29, writes=49, callbacks=20, callback_bytes=2_808, log_bytes=3_594, invocations={"websocket_message": 7}
)
"""Asked for, claimed, two messages each way, closed; one agent is on duty, who is shown the queue at each step."""

CALL = Use(reads=10, writes=6, log_bytes=8_642, invocations={"lex_codehook": 7})
"""Number and PIN, a balance, and a transfer with its confirmation: seven turns."""

WAITING_CHECK = Use(reads=1, log_bytes=299, invocations={"check_waiting": 1})
"""``check_waiting``, each minute, when nobody waits."""

FILES_A_SESSION = 13
"""The chat's page and what it loads, none of which the browser has yet."""

METRICS_A_SOURCE, METRICS_OF_WEBHOOKS, METRICS_OF_CHAT, METRICS_OF_VOICE, METRICS_OF_CHECKS = 4, 4, 10, 30, 2
"""Custom metrics, each a name with its dimensions, that all of the above write together: those of one source of
webhooks, of webhooks without a source, of the chat, of calls, and of the looks at who waits."""

ITEM_BYTES_A_MESSAGE = 900
"""In the sessions table: two turns, the entry by which a repeated message is known, a share of META and summaries."""

ROW_BYTES = 4_910
"""In PostgreSQL, of a webhook: raw bytes, ``jsonb``, headers and three indexes. ``tests/integration/test_row_bytes.py``
measures it on a real one."""
