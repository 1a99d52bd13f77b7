from collections.abc import Sequence
from urllib.parse import urljoin

import pytest

from chalicelib.errors import NotFoundError, SettingsError
from chalicelib.web.assets import WebFile, asset, chat_page, desk_page

SOCKET = "wss://chat.example"


def directives(file: WebFile) -> dict[str, str]:
    parts = [part.split(" ", 1) for part in file.headers["Content-Security-Policy"].split("; ")]
    return {part[0]: part[1] for part in parts}


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("chat.js", "text/javascript; charset=utf-8"),
        ("embed.js", "text/javascript; charset=utf-8"),
        ("base.css", "text/css; charset=utf-8"),
        ("mark.svg", "image/svg+xml; charset=utf-8"),
    ],
)
def test_an_asset_comes_with_its_type_and_headers(name: str, content_type: str) -> None:
    file = asset(name)

    assert file.body.decode()
    assert file.content_type == file.headers["Content-Type"] == content_type
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert file.headers["Referrer-Policy"] == "no-referrer"
    assert file.headers["Cache-Control"] == "no-cache"
    assert directives(file)["default-src"] == "'none'"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "nothing.js",
        "chat.html",
        "desk.html",
        "CHAT.JS",
        "../assets.py",
        "..%2fassets.py",
        "../static/chat.js",
        "./chat.js",
        "..\\assets.py",
        "/etc/passwd",
        "chat.js/",
        "chat.js\0",
        "a" * 5000,
        "mark.svg\n",
    ],
)
def test_every_other_name_is_not_found(name: str) -> None:
    with pytest.raises(NotFoundError):
        asset(name)


@pytest.mark.parametrize("page", [chat_page(websocket_origin=SOCKET), desk_page(websocket_origin=SOCKET)])
def test_a_page_runs_its_own_files_only_and_talks_to_one_socket(page: WebFile) -> None:
    assert page.content_type == "text/html; charset=utf-8"
    assert directives(page) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' {SOCKET}",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    assert b"<style" not in page.body
    assert b" style=" not in page.body
    assert page.body.count(b"<script") == page.body.count(b'<script type="module" src="assets/')


@pytest.mark.parametrize("page", [chat_page(websocket_origin=SOCKET), desk_page(websocket_origin=SOCKET)])
def test_whatever_a_page_names_is_there(page: WebFile) -> None:
    named = [part.split('"')[0] for part in page.body.decode().split('="assets/')[1:]]

    assert len(named) > 5
    for name in named:
        assert asset(name).body


def test_modules_import_what_is_there() -> None:
    seen, todo = set[str](), ["chat.js", "desk.js"]
    while todo:
        name = todo.pop()
        seen.add(name)
        imported = [line.split(' from "')[1] for line in asset(name).body.decode().splitlines() if ' from "./' in line]
        todo += {urljoin(name, path.rstrip('";')) for path in imported} - seen

    assert {"transcript.js", "connection.js", "frame.js"} <= seen


def test_shops_may_embed_the_chat_and_nobody_the_desk() -> None:
    shops = ["https://shop.example", "http://localhost:8080", "http://127.0.0.1:*"]

    assert directives(chat_page(websocket_origin=SOCKET, frame_ancestors=shops))["frame-ancestors"] == " ".join(shops)
    assert directives(desk_page(websocket_origin=SOCKET))["frame-ancestors"] == "'none'"


@pytest.mark.parametrize(
    ("socket", "shops"),
    [
        ("", []),
        ("chat.example", []),
        ("wss://chat.example/path", []),
        ("wss://chat.example; script-src *", []),
        ("wss://chat.example:*", []),
        (SOCKET, ["*"]),
        (SOCKET, ["http://*:80"]),
        (SOCKET, ["http://shop.example:80:*"]),
        (SOCKET, ["https://shop.example 'unsafe-inline'"]),
        (SOCKET, ["https://shop.example\r\nX-Other: 1"]),
    ],
)
def test_what_is_no_origin_never_reaches_the_policy(socket: str, shops: Sequence[str]) -> None:
    with pytest.raises(SettingsError, match="Not an origin"):
        chat_page(websocket_origin=socket, frame_ancestors=shops)


def test_a_browser_that_has_the_content_is_told_so() -> None:
    file = asset("chat.js")
    tag = file.headers["ETag"]

    assert file.is_unchanged(tag)
    assert file.is_unchanged(f'"other", W/{tag}')
    assert file.is_unchanged("*")
    assert not file.is_unchanged('"other"')
    assert not file.is_unchanged("")
    assert not file.is_unchanged(None)


def test_a_page_under_another_policy_is_another_content() -> None:
    tags = {chat_page(websocket_origin=origin).headers["ETag"] for origin in (SOCKET, "wss://other.example")}

    assert len(tags) == 2
