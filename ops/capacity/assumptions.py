"""What cannot be measured here, and what the templates and AWS allow. Each is stated once, and shown with the figures.

Durations on Lambda are guesses on the safe side. What comes from the templates is held against the packaged one by
``tests/infra/test_capacity.py``. Quotas are AWS's defaults for a new account in us-east-1, as its pages had them in
November 2025; an account's own are in Service Quotas.
"""

from collections.abc import Mapping

from ops.capacity import consumption as measured

CONVERSATION_SECONDS = 600.0
"""How long a customer's socket stays open."""

LOOK_UPS_A_MESSAGE = 0.3
MESSAGES_A_SUMMARY = 5.0
HANDOFFS_A_SESSION = 0.05
CALL_SECONDS = 120.0
LARGE_BODIES = 0.001
"""The share of webhooks that travel through S3."""

LARGE_BODY_BYTES = 1_000_000.0
LARGE_BODY_SECONDS = 60.0
"""How long such a body lies in the bucket, before its row is there."""

SECONDS: Mapping[str, float] = {
    "api_handler": 0.05,
    "websocket_connect": 0.05,
    "websocket_message": 0.08,
    "websocket_disconnect": 0.05,
    "answer_messages": 3.5,
    "summarize_sessions": 3.0,
    "delete_expired_sessions": 0.5,
    "check_waiting": 0.1,
    "look_up_order": 0.05,
    "process_webhooks": 0.05,
    "lex_codehook": 0.5,
}
"""Duration of one invocation: for answers 0.8 s to the first word, as the source design has it, and 600 characters at
a reading pace of four hundred a second, the table, and a margin."""

LOOK_UP_SECONDS = 1.5
"""How much longer an answer takes that looks an order up: the model is asked twice."""

FULL_BATCH = 10
FULL_BATCH_SECONDS = 0.15
"""A batch of ten webhooks, as they come when the queue is never empty."""

MEMORY_MB: Mapping[str, int] = {"process_webhooks": 1_024, "lex_codehook": 1_024}
USUAL_MEMORY_MB = 512

MAXIMUM_CONCURRENCY: Mapping[str, int] = {
    "process_webhooks": 5,
    "answer_messages": 50,
    "summarize_sessions": 10,
    "delete_expired_sessions": 10,
}
"""What the event sources allow; for those of the stream ten in parallel for each shard, of which there is at least one.
The other functions share the account's."""

SESSIONS_A_SECOND, HTTP_RATE, FRAMES_A_SECOND = 50, 500, 500
"""Throttles of ``POST /chat/sessions``, of all HTTP, and of connects and frames together, as the parameters are."""

DAILY_TOKENS = 10_000_000
"""``ModelDailyTokens``."""

RETENTION_DAYS = 400
LOG_DAYS = 30

DATABASE_CLASS = "db.t4g.micro"
DATABASE_CONNECTIONS = 80
"""What the class takes: its gibibyte divided by 9,531,392, less what RDS keeps for itself."""

DATABASE_GIB, DATABASE_MAXIMUM_GIB = 20, 200
"""Storage at first, and as far as it grows by itself."""

OPERATORS_CONNECTIONS = 4
"""Two for manage_events, one each for migrate_database and purge_old_events."""

SECRETS = 11
"""One for each source, two of the chat's, and one of the database's."""

SOURCES = 8

ALARM_METRICS, DASHBOARDS = 65, 1
"""An alarm that watches a sum of several metrics is charged for each of them."""

QUEUES_POLLED = 3
POLLS_A_SECOND = 5 / 20
"""Of each empty queue: five pollers of Lambda's, which wait for twenty seconds each time."""

PLATFORM_LOG_BYTES = 350
"""START, END and REPORT of each invocation."""

ACCOUNT_CONCURRENCY = 1_000
ACCOUNT_REQUESTS = 10_000
"""API Gateway's requests a second of all an account's REST APIs, and as many callbacks of its WebSocket APIs."""

NEW_CONNECTIONS = 500
FIFO_MESSAGES = 70_000
"""High-throughput FIFO without batches, in us-east-1; in smaller regions as few as 2,400."""

TABLE_READS, TABLE_WRITES = 12_000, 4_000
"""What a new on-demand table takes at once; it grows with its traffic to the quota of 40,000."""

ITEM_WRITES = 1_000
"""What one partition of a table takes. The day's sum of tokens is one item, to which every answer adds."""

MODEL_TOKENS_A_MINUTE = 1_000_000
"""Differs between models, regions and accounts by orders of magnitude: look it up."""

CALLS_AT_ONCE = 200
"""Of a Lex alias, by voice."""

SHOWN = (
    "The load is the same all day and night; a peak needs the capacity, and only its hours cost what it does.",
    (
        f"A session has {measured.MESSAGES_A_SESSION} messages in {CONVERSATION_SECONDS / 60:.0f} minutes and loads"
        f" {measured.FILES_A_SESSION} files of the page; {HANDOFFS_A_SESSION:.0%} of them are handed over to a person."
    ),
    (
        f"A message looks up {LOOK_UPS_A_MESSAGE:g} orders; questions have {measured.QUESTION_CHARACTERS} characters,"
        f" answers {measured.ANSWER_CHARACTERS}. Every {MESSAGES_A_SUMMARY:.0f} messages are summarised."
    ),
    (
        f"A webhook has {measured.BODY_BYTES:,} bytes and a batch of its own; {LARGE_BODIES:.1%} have"
        f" {LARGE_BODY_BYTES / 1e6:g} MB and go through S3."
    ),
    f"A call takes {CALL_SECONDS / 60:g} minutes and seven turns.",
    (
        f"Durations are guesses on the safe side: an answer {SECONDS['answer_messages']:g} s, with a look-up"
        f" {SECONDS['answer_messages'] + LOOK_UP_SECONDS:g} s, a turn of a call {SECONDS['lex_codehook']:g} s."
    ),
    "Tokens are a quarter of the characters, as the application estimates them; retries and failures are left out.",
    "Left out: free tiers, taxes, KMS, X-Ray, WAF, provisioned concurrency, RDS Proxy, backups, and the bank.",
)
