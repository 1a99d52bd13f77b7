"""API Gateway's WebSocket connections: sending frames to them, and closing them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import telemetry
from chalicelib.errors import UnavailableError

MAX_FRAME_BYTES = 128 * 1024
"""The longest message a connection takes."""


@dataclass(frozen=True)
class Connections:
    """The open connections of the API. ``client`` is an API Gateway Management API client with the API's endpoint."""

    client: Any

    def send(self, connection_id: str, frame: Mapping[str, Any]) -> bool:
        """Send a frame; whether the connection is still there. ``UnavailableError`` when that cannot be known.

        A frame that is too large for API Gateway never leaves: it is logged, and not to be had.
        """
        data = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()
        if len(data) > MAX_FRAME_BYTES:
            telemetry.logger.error("frame too large", type=str(frame.get("type")), bytes=len(data))
            raise UnavailableError("What was asked for is too large to be shown.")
        return self._call("post_to_connection", connection_id, Data=data)

    def close(self, connection_id: str) -> bool:
        """Close a connection; whether it was still there."""
        return self._call("delete_connection", connection_id)

    def _call(self, method: str, connection_id: str, **arguments: Any) -> bool:
        try:
            getattr(self.client, method)(ConnectionId=connection_id, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("GoneException", "410"):
                return False
            raise UnavailableError("The connection cannot be reached at the moment.") from error
        except BotoCoreError as error:
            raise UnavailableError("The connection cannot be reached at the moment.") from error
        return True
