"""The deployed functions of a stage: the code that each of them runs, and the schema that one of them brings in."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from infra.errors import DeploymentError
from infra.stages import Stage


def hash_of(code: bytes) -> str:
    """A zip's hash as Lambda tells it of a function."""
    return base64.b64encode(hashlib.sha256(code).digest()).decode("ascii")


@dataclass
class Functions:
    """The functions of one stage. ``client`` is Lambda's."""

    client: Any
    stage: Stage
    say: Callable[[str], None]

    def hashes(self) -> dict[str, str]:
        """The hash of each function's code, by its deployed name; of those that app.py declares."""
        prefix = self.stage.deployed_name("")
        return {
            function["FunctionName"]: function["CodeSha256"]
            for page in self.client.get_paginator("list_functions").paginate()
            for function in page["Functions"]
            if function["FunctionName"].startswith(prefix) and function["Handler"].startswith("app.")
        }

    def update(self, code: Mapping[str, Any], names: Iterator[str] | None = None) -> int:
        """Give functions new code, all of them where none are named; returns how many.

        ``code`` is what UpdateFunctionCode takes: ``ZipFile``, or ``S3Bucket`` and ``S3Key``.
        """
        chosen = list(self.hashes() if names is None else names)
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda name: self._update(name, code), chosen))
        return len(chosen)

    def settle(self, code: Mapping[str, Any], wanted: str) -> None:
        """Give its code to each function that has other code than the package, of which ``wanted`` is the hash.

        CloudFormation compares a template with the one before, not with what runs. A function whose code was changed
        since, by hand or to migrate ahead of an update that was rolled back, would keep it.
        """
        strays = [name for name, found in self.hashes().items() if found != wanted]
        if strays:
            self.update(code, iter(strays))

    def prepare_migration(self, code: Mapping[str, Any]) -> None:
        """Give the function that migrates new code before any other has what relies on a newer schema."""
        self._update(self._migration, code)

    def migrates_with(self, layer: bytes) -> bool:
        """Whether the function that migrates has this layer already."""
        function = self.client.get_function_configuration(FunctionName=self._migration)
        arns = [entry["Arn"] for entry in function.get("Layers", [])]
        return any(
            self.client.get_layer_version_by_arn(Arn=arn)["Content"]["CodeSha256"] == hash_of(layer) for arn in arns
        )

    def migrate(self) -> int:
        """Apply the schema and return its version."""
        answer = self.client.invoke(FunctionName=self._migration, Payload=b"{}")
        result: Any = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            reason = " ".join(str(result.get("errorMessage", result)).split()).rstrip(".")
            raise DeploymentError(
                f"The schema cannot be applied: {reason}. The log of {self._migration} may say more; deploy again once "
                "that is mended."
            )
        applied = ", ".join(str(version) for version in result["applied"])
        self.say(f"schema version {result['version']}" + (f", applied: {applied}" if applied else ""))
        return int(result["version"])

    @property
    def _migration(self) -> str:
        return self.stage.deployed_name("migrate_database")

    def _update(self, name: str, code: Mapping[str, Any]) -> None:
        self.client.update_function_code(FunctionName=name, **code)
        self.client.get_waiter("function_updated_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 2, "MaxAttempts": 90}
        )
