"""``python -m localcloud.model PORT``: the stand-in as a program, which the local cloud starts.

Its environment chooses what answers: MODEL_URL, MODEL_NAME and MODEL_API_KEY a server of chat completions; without
MODEL_URL it is the assistant of rules, at once with MODEL_INSTANT=1 and in human time else.
"""

import os
import sys

from aiohttp import web

from localcloud.model.faults import Control
from localcloud.model.openai import OpenAIModel
from localcloud.model.server import Model, Rules, Server


def main() -> None:
    url = os.environ.get("MODEL_URL")
    name, api_key = os.environ.get("MODEL_NAME") or "default", os.environ.get("MODEL_API_KEY", "")
    model: Model = OpenAIModel(url, name, api_key) if url else Rules()
    control = Control(start_instant=os.environ.get("MODEL_INSTANT") == "1")
    web.run_app(
        Server(model, control).application(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
        shutdown_timeout=0.1,
        handler_cancellation=True,
    )


if __name__ == "__main__":
    main()
