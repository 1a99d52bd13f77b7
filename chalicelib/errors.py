"""Every error Frontdesk raises on purpose.

    FrontdeskError
    ├── SettingsError               the environment lacks something, or holds nonsense
    ├── RequestError                the caller's fault; the answer says what to change
    │   ├── InvalidBodyError        the body is not what its source promises (with reasons)
    │   ├── SignatureError          who sent this cannot be proven
    │   ├── UnauthorizedError       who asks has not proven that they may
    │   ├── NotFoundError           no such thing at this address
    │   └── TooLargeError           more bytes than the source may send
    ├── UnavailableError            a dependency failed; the same request may succeed later
    └── EnvelopeError               a queue message that intake never wrote

The tree knows nothing of HTTP, SQS or Lex: each door turns it into its own kind of answer in one place.
``code`` is the word a client may rely on.
"""

from collections.abc import Sequence


class FrontdeskError(Exception):
    """Base of all errors raised on purpose."""

    code = "internal"


class SettingsError(FrontdeskError):
    """A setting is missing or unusable; the message names all of them."""


class RequestError(FrontdeskError):
    """The caller must change the request before trying again."""

    code = "bad_request"


class InvalidBodyError(RequestError):
    """The body is not what its source promises; ``reasons`` holds one sentence for each fault."""

    code = "invalid_body"

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("The body is not valid; see the reasons.")
        self.reasons = tuple(reasons)


class SignatureError(RequestError):
    """The request does not prove who sent it. The message never tells which secret came close."""

    code = "invalid_signature"


class UnauthorizedError(RequestError):
    """A token or a ticket is missing, forged, too old, used, or somebody else's: the answer never tells which."""

    code = "unauthorized"

    def __init__(self, message: str = "The token is not valid.") -> None:
        super().__init__(message)


class NotFoundError(RequestError):
    code = "not_found"


class TooLargeError(RequestError):
    code = "too_large"


class UnavailableError(FrontdeskError):
    """A dependency failed. ``retry_after`` is the pause in seconds after which to try again."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EnvelopeError(FrontdeskError):
    """A queue message that is not an envelope. Retrying cannot help; the dead-letter queue shows it."""

    code = "bad_envelope"
