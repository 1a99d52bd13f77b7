"""A shop on an origin of its own, with a Content-Security-Policy as strict as one embeds a chat under."""

import html
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Manga shop</title>
<link rel="icon" href="data:,"></head><body><h1>Manga shop</h1>
<p>The new volumes are here.</p><script src="{script}"{identity} defer></script></body></html>"""


class Shop:
    def __init__(self, *, script: str, identity: str | None) -> None:
        self.identity = identity
        self._script = script
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", shop.policy)
                self.end_headers()
                self.wfile.write(shop.page.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def policy(self) -> str:
        frontdesk = urlsplit(self._script)
        origin = f"{frontdesk.scheme}://{frontdesk.netloc}"
        return f"default-src 'none'; script-src {origin}; frame-src {origin}; img-src data:"

    @property
    def page(self) -> str:
        identity = "" if self.identity is None else f' data-identity="{html.escape(self.identity)}"'
        return PAGE.format(script=self._script, identity=identity)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
