"""Benchmarks: Frontdesk beside the plain design, on this machine and in the same run.

The plain design is how such a service is usually built first. A validator function behind API Gateway reads the JSON,
checks it with a dataclass and sends it to SQS. It verifies no signature. A processor function takes batches of ten from
the queue and writes each message as ``jsonb``, one commit a row, on one warm connection. Both build their clients when
their module is imported, and everything they need lies in one zip without bytecode. Its chat is one function, which
loads the context, asks the model and stores the answer; its codehook a router over Lex's dictionaries. All of it stands
in ``benchmarks.plain``.

Nothing here fails for being slow: the figures are to be read, and kept in ``results.json``.
"""
