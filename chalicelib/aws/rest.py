"""API Gateway's REST door: what arrives becomes plain values, and every error becomes ``{"code", "message"}``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from chalice.app import Chalice, Request, Response

from chalicelib import settings, telemetry
from chalicelib.errors import (
    FrontdeskError,
    InvalidBodyError,
    NotFoundError,
    RequestError,
    SettingsError,
    SignatureError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
)

ANY_CONTENT_TYPE = ["*/*"]

_CROSS_ORIGIN: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "600",
}
"""As the Fetch standard has it; neither cookies nor credentials come with it."""

_STATUS: Mapping[type[FrontdeskError], HTTPStatus] = {
    RequestError: HTTPStatus.BAD_REQUEST,
    SignatureError: HTTPStatus.UNAUTHORIZED,
    UnauthorizedError: HTTPStatus.UNAUTHORIZED,
    NotFoundError: HTTPStatus.NOT_FOUND,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    SettingsError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


@dataclass(frozen=True)
class HttpRequest:
    """A request as it arrived. ``headers`` match whatever their case; ``url`` is what the sender called, if known.

    Of a name that stands in the ``query`` several times, the last value counts. ``arrived_at`` is when the gateway had
    it, in seconds since the epoch, if known: a cold start comes after that.
    """

    body: bytes
    headers: Mapping[str, str]
    url: str | None
    request_id: str
    query: Mapping[str, str] = field(default_factory=dict)
    arrived_at: float | None = None


@dataclass(frozen=True)
class Answer:
    """What a view answers: ``body`` is JSON, or with ``content_type`` a text of that type."""

    body: Any
    status: HTTPStatus = HTTPStatus.OK
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def read_request(app: Chalice) -> HttpRequest:
    """Take over the current request; from here on every log line carries its id as the correlation id.

    The id is API Gateway's own, which the sender also finds in the answer's ``x-amzn-requestid``.
    """
    request = app.current_request
    assert request is not None
    request_id = str(request.context.get("requestId") or uuid4())
    telemetry.logger.append_keys(correlation_id=request_id)
    body = request.raw_body or b""
    return HttpRequest(
        body if isinstance(body, bytes) else body.encode(),
        request.headers,
        _public_url(request),
        request_id,
        dict(_query(request)),
        _arrived_at(request.context),
    )


def _arrived_at(context: Mapping[str, Any]) -> float | None:
    """API Gateway writes when it had the request, in milliseconds; ``chalice local`` does not."""
    milliseconds = context.get("requestTimeEpoch")
    return float(milliseconds) / 1000 if milliseconds else None


def _public_url(request: Request) -> str | None:
    """The URL the sender called; a proxy before the gateway changes it, so that ``PUBLIC_URL`` has the last word.

    The gateway hands the query on decoded; it is encoded here as RFC 3986 has it.
    """
    query = urlencode(_query(request), quote_via=quote)
    if base := settings.public_url():
        address = base + request.context["resourcePath"].format(**_quoted(request.uri_params or {}))
    elif (host := request.headers.get("host")) and (path := request.context.get("path")):
        address = f"https://{host}{path}"
    else:
        return None
    return f"{address}?{query}" if query else address


def _quoted(values: Mapping[str, str]) -> dict[str, str]:
    return {name: quote(value, safe="") for name, value in values.items()}


def _query(request: Request) -> list[tuple[str, str]]:
    parameters = request.query_params
    return [(name, value) for name in parameters for value in parameters.getlist(name)] if parameters else []


def answers(view: Callable[..., Answer]) -> Callable[..., Response]:
    """A view's ``Answer`` becomes Chalice's response, and so do its errors."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> Response:
        try:
            given = view(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the boundary of one request
            return answer_error(error)
        headers: dict[str, str | list[str]] = {"X-Content-Type-Options": "nosniff", **given.headers}
        if given.content_type:
            headers["Content-Type"] = given.content_type
        return Response(body=given.body, headers=headers, status_code=given.status)

    return answer


def cross_origin(answer: Callable[..., Response]) -> Callable[..., Response]:
    """Let pages of any origin read what ``answers`` made, its errors too. Whom it serves is for the view to decide."""

    @wraps(answer)
    def answer_across(*args: Any, **kwargs: Any) -> Response:
        response = answer(*args, **kwargs)
        response.headers |= _CROSS_ORIGIN
        return response

    return answer_across


def answer_error(error: Exception) -> Response:
    """The one place where an error becomes an HTTP answer. What was not raised for the caller is logged, not told."""
    if not isinstance(error, RequestError | UnavailableError | SettingsError):
        telemetry.logger.error("unexpected error", exc_info=error)
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, FrontdeskError.code, "Something broke here; it is logged.")
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        telemetry.logger.error("request failed", exc_info=error)
    extra: dict[str, Any] = {"reasons": error.reasons} if isinstance(error, InvalidBodyError) else {}
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, UnavailableError) else {}
    message = "The service is misconfigured." if isinstance(error, SettingsError) else str(error)
    return _error(status, error.code, message, headers, extra)


def _error(
    status: HTTPStatus,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    return Response(
        body={"code": code, "message": message, **(extra or {})}, headers={**(headers or {})}, status_code=status
    )
