"""What ``chalice deploy`` cannot send, applied after it: each option as the packaged template has it."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.chalice_project import Application, Project
from infra.errors import DeploymentError
from infra.gateway import API_STAGE, put_gateway_responses, put_throttling

EVENT_SOURCE_OPTIONS = (
    "FunctionResponseTypes",
    "ScalingConfig",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "MaximumRecordAgeInSeconds",
    "ParallelizationFactor",
    "DestinationConfig",
    "FilterCriteria",
)
"""What of a template's event source UpdateEventSourceMapping takes under the same name."""


class NotDeployedError(DeploymentError):
    """Chalice has not deployed what options are for; the message says what to do."""


@dataclass(frozen=True)
class Options:
    """Applies the options of a stage's functions to what Chalice has deployed.

    ``client`` makes a client of a service. Applying them again changes nothing.
    """

    client: Callable[[str], Any]
    project: Project
    application: Application
    template: Mapping[str, Any]

    def apply(self) -> Iterator[str]:
        """Apply one after the other; yields a line about each kind when it is done."""
        self._check()
        yield f"{self._put_log_groups()} log groups have their retention"
        yield f"{self._put_variables()} functions have new variables"
        yield f"{self._put_policies()} roles have their policies"
        yield f"{self._put_event_sources()} event sources have their options"
        self._put_doors()
        yield "both doors take every byte, answer errors in our format, and are throttled"

    def _check(self) -> None:
        deployed = self.project.deployed()
        if missing := sorted(function.name for function in self.application.functions if function.name not in deployed):
            raise NotDeployedError(
                f"Chalice has not deployed {', '.join(missing)} of the stage {self.project.stage}: "
                f"run `chalice deploy --stage {self.project.stage}` in {self.project.directory} first."
            )

    def _put_log_groups(self) -> int:
        logs = self.client("logs")
        for function in self.application.functions:
            name = f"/aws/lambda/{function.deployed_name}"
            with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
                logs.create_log_group(logGroupName=name)
            logs.put_retention_policy(logGroupName=name, retentionInDays=function.log_retention_days)
        return len(self.application.functions)

    def _put_variables(self) -> int:
        """Those that differ: at the first deployment nobody knew where the sockets would be."""
        service, changed = self.client("lambda"), 0
        for function in self.application.functions:
            name = function.deployed_name
            present = service.get_function_configuration(FunctionName=name).get("Environment", {}).get("Variables", {})
            wanted = present | function.variables
            if wanted != present:
                service.update_function_configuration(FunctionName=name, Environment={"Variables": wanted})
                service.get_waiter("function_updated_v2").wait(FunctionName=name)
                changed += 1
        return changed

    def _put_policies(self) -> int:
        iam, deployed = self.client("iam"), self.project.deployed()
        for function in self.application.functions:
            role = deployed[f"{function.name}_role"]["role_name"]
            iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=json.dumps(function.policy))
        return len(self.application.functions)

    def _put_event_sources(self) -> int:
        service = self.client("lambda")
        mappings = {
            resource["lambda_arn"]: resource["event_uuid"]
            for resource in self.project.deployed().values()
            if "event_uuid" in resource
        }
        deployed, count = self.project.deployed(), 0
        for function in self.application.functions:
            for source in function.event_sources:
                options = {name: source[name] for name in EVENT_SOURCE_OPTIONS if name in source}
                service.update_event_source_mapping(UUID=mappings[deployed[function.name]["lambda_arn"]], **options)
                count += 1
        return count

    def _put_doors(self) -> None:
        deployed = self.project.deployed()
        gateway, api = self.client("apigateway"), deployed["rest_api"]["rest_api_id"]
        present = gateway.get_rest_api(restApiId=api).get("binaryMediaTypes", [])
        patches = [
            {"op": "add", "path": f"/binaryMediaTypes/{kind.replace('/', '~1')}"}
            for kind in self.application.binary_media_types
            if kind not in present
        ]
        if patches:
            gateway.update_rest_api(restApiId=api, patchOperations=patches)
        put_gateway_responses(gateway, api, self.template)
        put_throttling(gateway, api, self.application.method_settings)
        self.client("apigatewayv2").update_stage(
            ApiId=self.project.socket_api(),
            StageName=API_STAGE,
            DefaultRouteSettings=_numbers(self.application.route_settings),
        )


def _numbers(settings: Mapping[str, Any]) -> dict[str, int]:
    """A parameter's value is a text to a template, and API Gateway wants a number."""
    return {name: int(value) for name, value in settings.items()}
