"""``python -m localcloud.bank PORT FILE``: the stand-in as a program, which the local cloud starts.

FILE is its database. Its environment holds the key that requests must bring, as BANK_API_KEY.
"""

import os
import sys
from pathlib import Path

from aiohttp import web

from localcloud.bank.callers import Callers
from localcloud.bank.database import Database
from localcloud.bank.ledger import Ledger
from localcloud.bank.server import Server


def main() -> None:
    database = Database(Path(sys.argv[2]))
    try:
        web.run_app(
            Server(Ledger(database), Callers(database), os.environ["BANK_API_KEY"]).application(),
            host="127.0.0.1",
            port=int(sys.argv[1]),
            access_log=None,
            print=None,
            shutdown_timeout=0.1,
        )
    finally:
        database.close()


if __name__ == "__main__":
    main()
