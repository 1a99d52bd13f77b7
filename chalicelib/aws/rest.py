"""API Gateway's REST door: what arrives becomes plain values, and every error becomes ``{"code", "message"}``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from chalice.app import Chalice, Response

from chalicelib import telemetry
from chalicelib.errors import (
    FrontdeskError,
    InvalidBodyError,
    NotFoundError,
    RequestError,
    SignatureError,
    TooLargeError,
    UnavailableError,
)

ANY_CONTENT_TYPE = ["*/*"]

_STATUS: Mapping[type[FrontdeskError], HTTPStatus] = {
    RequestError: HTTPStatus.BAD_REQUEST,
    SignatureError: HTTPStatus.UNAUTHORIZED,
    NotFoundError: HTTPStatus.NOT_FOUND,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    FrontdeskError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


@dataclass(frozen=True)
class HttpRequest:
    """A request as it arrived. ``headers`` match whatever their case; ``url`` is what the sender called, if known."""

    body: bytes
    headers: Mapping[str, str]
    url: str | None
    request_id: str


def read_request(app: Chalice) -> HttpRequest:
    """Take over the current request; from here on every log line carries its id as the correlation id.

    The id is API Gateway's own, which the sender also finds in the answer's ``x-amzn-requestid``.
    """
    request = app.current_request
    assert request is not None
    request_id = str(request.context.get("requestId") or uuid4())
    telemetry.logger.append_keys(correlation_id=request_id)
    body = request.raw_body or b""
    host, path = request.headers.get("host"), request.context.get("path")
    url = f"https://{host}{path}" if host and path else None
    return HttpRequest(body if isinstance(body, bytes) else body.encode(), request.headers, url, request_id)


def answers(status: HTTPStatus) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """A view's return value becomes the body of an answer with ``status``; its errors become theirs."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        @wraps(view)
        def answer(*args: Any, **kwargs: Any) -> Response:
            try:
                return Response(body=view(*args, **kwargs), status_code=status)
            except Exception as error:  # noqa: BLE001 - the boundary of one request
                return answer_error(error)

        return answer

    return decorate


def answer_error(error: Exception) -> Response:
    """The one place where an error becomes an HTTP answer. What was not raised on purpose is logged, not told."""
    if not isinstance(error, FrontdeskError):
        telemetry.logger.error("unexpected error", exc_info=error)
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, FrontdeskError.code, "Something broke here; it is logged.")
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        telemetry.logger.error("request failed", exc_info=error)
    extra: dict[str, Any] = {"reasons": error.reasons} if isinstance(error, InvalidBodyError) else {}
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, UnavailableError) else {}
    message = str(error) if isinstance(error, RequestError | UnavailableError) else "The service is misconfigured."
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
