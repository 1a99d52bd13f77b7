"""The pages and what they load, each as bytes with the headers that belong to it.

Nothing is built and nothing comes from elsewhere: the pages are HTML, CSS and ES modules, and their
Content-Security-Policy lets them run nothing else. Every file is answered with ``Cache-Control: no-cache`` and an
ETag of its content, so that a browser never mixes modules of two versions and loads unchanged ones for a 304.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chalicelib.errors import NotFoundError, SettingsError

_FILES = Path(__file__).parent / "static"

_CONTENT_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}

_HTML = "text/html; charset=utf-8"

_HOST = r"(?:https?|wss?)://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])"
_ORIGIN = re.compile(rf"{_HOST}(?::\d{{1,5}})?", re.ASCII)
_ANCESTOR = re.compile(rf"{_HOST}(?::(?:\d{{1,5}}|\*))?", re.ASCII)
"""An origin, or one on every port, as a Content-Security-Policy writes it: ``http://127.0.0.1:*``."""


_SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_ASSET_POLICY = "default-src 'none'; frame-ancestors 'none'; style-src 'unsafe-inline'"
"""For whoever opens an asset on its own. An SVG file may then still style itself; it runs nothing."""


@dataclass(frozen=True)
class WebFile:
    """A file as it is to be answered: always UTF-8 text, with all headers, ``Content-Type`` included."""

    body: bytes
    content_type: str
    headers: Mapping[str, str]

    def is_unchanged(self, if_none_match: str | None) -> bool:
        """Whether the browser has this very content already: then answer 304, without the body."""
        given = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
        return self.headers["ETag"] in given or given == ["*"]


def asset(name: str) -> WebFile:
    """What a page loads from ``assets/<name>``. Raises ``NotFoundError`` for every name that is none."""
    if name not in _names():
        raise NotFoundError("There is no such file.")
    return _web_file(name, _CONTENT_TYPES[Path(name).suffix], _ASSET_POLICY)


def chat_page(*, websocket_origin: str, frame_ancestors: Sequence[str] = ()) -> WebFile:
    """The customer's page. ``frame_ancestors`` are the origins of the shops that may embed it; none when empty.

    ``websocket_origin`` is where the chat's WebSocket lives, as ``wss://host``. Raises ``SettingsError`` when either
    is not an origin.
    """
    return _page("chat.html", websocket_origin, frame_ancestors)


def desk_page(*, websocket_origin: str) -> WebFile:
    """The agents' page, which nobody may embed. Raises ``SettingsError`` when ``websocket_origin`` is no origin."""
    return _page("desk.html", websocket_origin, ())


def _page(name: str, websocket_origin: str, frame_ancestors: Sequence[str]) -> WebFile:
    return _web_file(name, _HTML, _page_policy(websocket_origin, frame_ancestors))


def _page_policy(websocket_origin: str, frame_ancestors: Sequence[str]) -> str:
    """Scripts and styles from our own files only, text only as text, and connections to one WebSocket only."""
    wrong = [origin for origin in frame_ancestors if not _ANCESTOR.fullmatch(origin)]
    if wrong := [*([] if _ORIGIN.fullmatch(websocket_origin) else [websocket_origin]), *wrong]:
        raise SettingsError(f"Not an origin such as https://shop.example: {', '.join(map(repr, wrong))}.")
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' {websocket_origin}",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": " ".join(frame_ancestors) or "'none'",
        "require-trusted-types-for": "'script'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _web_file(name: str, content_type: str, policy: str) -> WebFile:
    body = _content(name)
    headers = {
        "Content-Type": content_type,
        "Cache-Control": "no-cache",
        "ETag": f'"{hashlib.sha256(body + policy.encode()).hexdigest()[:24]}"',
        "Content-Security-Policy": policy,
        **_SECURITY_HEADERS,
    }
    return WebFile(body, content_type, headers)


@cache
def _names() -> frozenset[str]:
    """The names that can be asked for: a request's name is compared, and never becomes a path."""
    return frozenset(file.name for file in _FILES.iterdir() if file.suffix in _CONTENT_TYPES)


@cache
def _content(name: str) -> bytes:
    return (_FILES / name).read_bytes()
