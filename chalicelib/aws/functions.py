"""Lambda: asking another function."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import UnavailableError


@dataclass(frozen=True)
class Function:
    """A deployed function. ``client`` gives a Lambda client, made when it is first needed: that takes 50 ms."""

    client: Callable[[], Any]
    name: str

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What the function answers; ``UnavailableError`` when it does not, or fails."""
        try:
            answer = self.client().invoke(FunctionName=self.name, Payload=json.dumps(request).encode())
            result = json.loads(answer["Payload"].read())
        except (ClientError, BotoCoreError, ValueError) as error:
            raise UnavailableError(f"The function {self.name} does not answer.") from error
        if "FunctionError" in answer or not isinstance(result, dict):
            raise UnavailableError(f"The function {self.name} failed.")
        return result
