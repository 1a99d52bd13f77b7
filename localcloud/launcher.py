"""MiniStack, mended: what a child process runs in place of ``python -m ministack``.

Each patch replaces a private function of the pinned version; ``tests/integration/test_launcher.py`` fails when a
new version makes one wrong.

1. *Live logs.* MiniStack hands a function's output on when the invocation is over, and that of socket and REST
   functions not to standard output at all. Here each line goes there at once, marked with its function's name.
2. *Saving.* MiniStack saves its state on a clean stop only. Here it does so every few seconds too, so that a
   ``kill -9`` loses no more than that. One save ends before the next begins, since both write the same drafts.
3. *Streams after a restart.* MiniStack keeps how far a mapping has read a stream, but not the stream's records: the
   mapping would wait for as many new ones before it reads on. Here every stream is read from its begin.
4. *One id for a request.* MiniStack answers with another ``x-amzn-requestid`` than the ``requestId`` that it tells the
   function. Here, as on AWS, both are the same.

More of them are in ``localcloud.patches``.
"""

import json
import logging
import os
import threading
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from localcloud.patches import PATCHES, write_function_line

SAVE_EVERY_SECONDS = 5.0


def stream_function_output() -> None:
    from ministack.core.lambda_runtime import Worker

    def read_stderr(worker: Worker) -> None:
        process, queue = worker._proc, worker._stderr_queue
        try:
            for line in process.stderr:
                text = line.rstrip("\n")
                queue.put(text)
                write_function_line(worker.func_name, text)
        except ValueError:
            pass  # the pipe was closed while it was read: the worker has ended

    Worker._read_stderr = read_stderr


def save_periodically() -> None:
    from ministack import app

    saving, save_all = threading.Lock(), app.save_all

    def save_alone(services: Any) -> None:
        with saving:
            save_all(services)

    logging.getLogger("persistence").setLevel(logging.ERROR)

    def save() -> None:
        while True:
            time.sleep(SAVE_EVERY_SECONDS)
            save_alone(app._build_persistence_save_dict())

    app.save_all = save_alone
    threading.Thread(target=save, daemon=True, name="frontdesk-save").start()


def answer_with_the_request_id() -> None:
    from ministack.services import apigateway_v1 as gateway

    build, invoke = gateway._build_lambda_event_v1, gateway._invoke_lambda_proxy_v1
    request_id: ContextVar[str] = ContextVar("request_id")

    def build_event(*arguments: Any, **options: Any) -> Any:
        event = build(*arguments, **options)
        request_id.set(event["requestContext"]["requestId"])
        return event

    async def invoke_function(*arguments: Any, **options: Any) -> Any:
        answer = await invoke(*arguments, **options)
        if isinstance(answer, tuple):
            answer[1]["x-amzn-requestid"] = request_id.get()
        return answer

    gateway._build_lambda_event_v1 = build_event
    gateway._invoke_lambda_proxy_v1 = invoke_function


def drop_old_logs(state: Path) -> None:
    """Saved log events would only make each start slower; the folder ``logs`` has them."""
    (state / "cloudwatch_logs.json").unlink(missing_ok=True)


def reset_stream_positions(state: Path) -> None:
    """Let every stream mapping of the saved state begin at the first record; damaged state is MiniStack's to report."""
    file = state / "lambda.json"
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
        positions = saved["payload"]["dynamodb_stream_positions"]["data"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    positions.update(dict.fromkeys(positions, 0))
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(saved), encoding="utf-8")
    draft.replace(file)


def main() -> None:
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    os.umask(0o077)  # what is saved holds secrets
    state = Path(os.environ["STATE_DIR"])
    drop_old_logs(state)
    reset_stream_positions(state)
    from ministack.app import main as run_ministack

    stream_function_output()
    answer_with_the_request_id()
    save_periodically()
    for patch in PATCHES:
        patch()
    run_ministack()


if __name__ == "__main__":
    main()
