"""The pages as HTTP answers: the chat, the desk, and what they load."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from chalicelib.aws.rest import Answer, HttpRequest
from chalicelib.web.assets import WebFile, asset, chat_page, desk_page


@dataclass(frozen=True)
class Pages:
    """``websocket_url`` is where the pages open their sockets; ``frame_ancestors`` may embed the chat."""

    websocket_url: str
    frame_ancestors: Sequence[str] = ()

    def chat(self, request: HttpRequest) -> Answer:
        page = chat_page(websocket_origin=self._origin, frame_ancestors=self.frame_ancestors)
        return _answer(page, request)

    def desk(self, request: HttpRequest) -> Answer:
        return _answer(desk_page(websocket_origin=self._origin), request)

    def asset(self, name: str, request: HttpRequest) -> Answer:
        """What a page loads; ``NotFoundError`` for any other name."""
        return _answer(asset(name), request)

    @property
    def _origin(self) -> str:
        parts = urlsplit(self.websocket_url)
        return f"{parts.scheme}://{parts.netloc}"


def _answer(file: WebFile, request: HttpRequest) -> Answer:
    """A file, or 304 where the browser has it already."""
    if file.is_unchanged(request.headers.get("if-none-match")):
        return Answer("", HTTPStatus.NOT_MODIFIED, file.content_type, file.headers)
    return Answer(file.body.decode("utf-8"), HTTPStatus.OK, file.content_type, file.headers)
