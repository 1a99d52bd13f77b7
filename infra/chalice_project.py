"""A project for ``chalice deploy``, made from the packaged template: nothing about a function is written twice.

Chalice knows no CloudFormation. So the template's values are resolved against the deployed data stack and written as
Chalice's configuration: memory, time, network, variables and a policy file for each function. The dependencies stand
in ``vendor``, with bytecode, where Chalice takes its layer from.
"""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.settings import APP_NAME
from infra.errors import DeploymentError
from infra.folders import MARK, PROJECT, Mark, check_replaceable
from infra.intrinsics import Scope, parameter_values
from infra.packaging import ROOT, Package, compile_tree, copy_sources

SOCKETS_NOT_YET_THERE = "made-by-the-first-chalice-deploy"
"""Stands for the id of the WebSocket API until Chalice has made it."""

_FUNCTION = "AWS::Serverless::Function"
_STREAMS = "DynamoDB"


@dataclass(frozen=True)
class Place:
    """Where a stage is: ``exports`` are those of its stacks, by name."""

    stage: str
    account: str
    region: str
    partition: str
    exports: Mapping[str, str]


@dataclass(frozen=True)
class Function:
    """A function with every value resolved. ``name`` is the handler's in app.py, and Chalice's key for it."""

    name: str
    deployed_name: str
    properties: Mapping[str, Any]
    policy: Mapping[str, Any]
    log_retention_days: int

    @property
    def variables(self) -> dict[str, str]:
        """Its environment. One that no Lambda has is ``chalice local``'s."""
        given: Mapping[str, Any] = self.properties.get("Environment", {}).get("Variables", {})
        return {name: str(value) for name, value in given.items()}

    @property
    def event_sources(self) -> list[Mapping[str, Any]]:
        """The properties of its queues and streams."""
        events: Mapping[str, Mapping[str, Any]] = self.properties.get("Events", {})
        return [event["Properties"] for event in events.values() if event["Type"] in ("SQS", _STREAMS)]


@dataclass(frozen=True)
class Project:
    """The folder of a stage's project, which keeps in ``.chalice/deployed`` what Chalice has deployed from it."""

    directory: Path
    stage: str

    def deployed(self) -> dict[str, dict[str, Any]]:
        """What Chalice has deployed, by the name of the resource; empty before the first time.

        ``DeploymentError`` where that cannot be read: nothing else knows it.
        """
        memory = self.directory / ".chalice" / "deployed" / f"{self.stage}.json"
        try:
            return {resource["name"]: resource for resource in json.loads(memory.read_bytes())["resources"]}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DeploymentError(
                f"What Chalice has deployed stands in {memory}, which cannot be read "
                f"({type(error).__name__}: {error}). Bring back a copy of it, "
                f"or remove the functions, roles and both APIs of frontdesk-{self.stage} by hand, and then this file."
            ) from error

    def socket_api(self) -> str | None:
        """The id of the WebSocket API, once there is one."""
        found: str | None = self.deployed().get("websocket_api", {}).get("websocket_api_id")
        return found

    def template(self) -> dict[str, Any]:
        """The app's template that the project was made from; ``DeploymentError`` where there is no project yet."""
        try:
            text = self._template.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise DeploymentError(
                f"There is no project in {self.directory}: run `python -m infra chalice prepare --stage {self.stage}`."
            ) from None
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError) as error:
            raise DeploymentError(
                f"{self._template} is damaged: run `python -m infra chalice prepare --stage {self.stage}` again."
            ) from error

    def check(self) -> None:
        """``InfraError`` unless the project may be written, and what was deployed from it can be read."""
        folder = self.directory / ".chalice"
        if folder.is_symlink():
            raise DeploymentError(f"{folder} is a link: put the folder itself there.")
        check_replaceable(self.directory, PROJECT, self._doomed())
        self.deployed()

    def write_sources(self, package: Package, template: Mapping[str, Any]) -> None:
        """The application and its dependencies, with bytecode. The folder itself stays: a shell may be in it."""
        self._clear()
        copy_sources(self.directory)
        compile_tree(self.directory / "chalicelib")
        if package.layer.exists():
            self._write_vendor(package.layer)
        _write_json(self._template, template)

    @property
    def _template(self) -> Path:
        return self.directory / "template.json"

    def _clear(self) -> None:
        """Remove all but the memory of what was deployed."""
        self.check()
        for path in self._doomed():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        (self.directory / ".chalice").mkdir(parents=True, exist_ok=True)
        Mark.of(PROJECT, self.stage).write(self.directory)

    def _doomed(self) -> list[Path]:
        folder = self.directory / ".chalice"
        kept = {folder, folder / "deployed", self.directory / MARK}
        found = [path for place in (self.directory, folder) if place.is_dir() for path in place.iterdir()]
        return [path for path in found if path not in kept]

    def _write_vendor(self, layer: Path) -> None:
        prefix = "python/lib/"
        with zipfile.ZipFile(layer) as archive:
            for entry in archive.infolist():
                if entry.filename.startswith(prefix) and not entry.is_dir():
                    _, _, inside = entry.filename.removeprefix(prefix).partition("/site-packages/")
                    target = self.directory / "vendor" / inside
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(archive.read(entry))

    def write_configuration(self, functions: list[Function], place: Place) -> None:
        """The stage in Chalice's configuration, and the policy of each function."""
        folder = self.directory / ".chalice"
        common = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
        stage = common["stages"].get(self.stage, {})
        for function in functions:
            _write_json(folder / _policy_file(function), function.policy)
        stage |= {
            # app.py is read with these: Chalice asks it which queues and streams there are.
            "environment_variables": {
                "STAGE": self.stage,
                "SESSIONS_STREAM_ARN": place.exports[f"{APP_NAME}-{self.stage}-SessionsStreamArn"],
            },
            "lambda_functions": {function.name: _configuration(function) for function in functions},
        }
        if any(function.properties.get("Tracing") == "Active" for function in functions):
            stage["xray"] = True
        _write_json(folder / "config.json", common | {"stages": {self.stage: stage}})


@dataclass(frozen=True)
class Application:
    """What a packaged template says of a place: its functions, and the two doors that lead to them.

    ``method_settings`` and ``route_settings`` are the limits of the REST API's stage and of the sockets'.
    """

    functions: list[Function]
    binary_media_types: list[str]
    method_settings: list[Mapping[str, Any]]
    route_settings: Mapping[str, Any]


def read_application(
    template: Mapping[str, Any], given: Mapping[str, str], place: Place, socket_api: str | None
) -> Application:
    """A packaged template, with ``given`` parameters, resolved for a place."""
    resources: Mapping[str, Mapping[str, Any]] = template["Resources"]
    pseudo = {
        "AWS::Region": place.region,
        "AWS::AccountId": place.account,
        "AWS::Partition": place.partition,
        "AWS::URLSuffix": "amazonaws.com.cn" if place.partition == "aws-cn" else "amazonaws.com",
        "AWS::StackName": f"{APP_NAME}-{place.stage}-app",
    }
    parameters = parameter_values(template, given) | pseudo
    names = {logical_id: _handler_name(entry) for logical_id, entry in resources.items() if entry["Type"] == _FUNCTION}
    attribute = _attributes(resources, names, place, socket_api or SOCKETS_NOT_YET_THERE)
    scope = Scope(parameters, template.get("Conditions", {}), place.exports, attribute)
    rest, sockets = resources["RestAPI"]["Properties"], resources["WebsocketAPIStage"]["Properties"]
    return Application(
        [_function(logical_id, name, resources, scope, place) for logical_id, name in sorted(names.items())],
        scope.resolve(rest["BinaryMediaTypes"]),
        scope.resolve(rest["MethodSettings"]),
        scope.resolve(sockets["DefaultRouteSettings"]),
    )


def _function(
    logical_id: str, name: str, resources: Mapping[str, Mapping[str, Any]], scope: Scope, place: Place
) -> Function:
    properties = resources[logical_id]["Properties"]
    role, _ = properties["Role"]["Fn::GetAtt"]
    (policy,) = resources[role]["Properties"]["Policies"]
    wanted = ("Environment", "Events", "MemorySize", "Timeout", "VpcConfig", "ReservedConcurrentExecutions", "Tracing")
    logs = resources[_log_group(name, resources)]
    return Function(
        name,
        deployed_name(name, place.stage),
        scope.resolve({key: properties[key] for key in wanted if key in properties}),
        scope.resolve(policy["PolicyDocument"]),
        int(scope.resolve(logs["Properties"]["RetentionInDays"])),
    )


def deployed_name(name: str, stage: str) -> str:
    """What Chalice calls a function: that of the HTTP door has always been named after the stage alone."""
    return f"{APP_NAME}-{stage}" if name == "api_handler" else f"{APP_NAME}-{stage}-{name}"


def _handler_name(function: Mapping[str, Any]) -> str:
    text: str = function["Properties"]["FunctionName"]["Fn::Sub"]
    return text.removeprefix(f"{APP_NAME}-${{Stage}}-")


def _log_group(name: str, resources: Mapping[str, Mapping[str, Any]]) -> str:
    wanted = {"Fn::Sub": f"/aws/lambda/{APP_NAME}-${{Stage}}-{name}"}
    (found,) = [
        logical_id
        for logical_id, entry in resources.items()
        if entry["Type"] == "AWS::Logs::LogGroup" and entry["Properties"].get("LogGroupName") == wanted
    ]
    return found


def _attributes(
    resources: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], place: Place, socket_api: str
) -> Callable[[str, str | None], str]:
    def arn(service: str, resource: str) -> str:
        return f"arn:{place.partition}:{service}:{place.region}:{place.account}:{resource}"

    def known() -> Iterator[tuple[tuple[str, str | None], str]]:
        yield ("WebsocketAPI", None), socket_api
        for logical_id, name in names.items():
            deployed = deployed_name(name, place.stage)
            yield (logical_id, None), deployed
            yield (logical_id, "Arn"), arn("lambda", f"function:{deployed}")
            yield (_log_group(name, resources), "Arn"), arn("logs", f"log-group:/aws/lambda/{deployed}:*")

    attributes = dict(known())
    return lambda logical_id, attribute: attributes[logical_id, attribute]


def _configuration(function: Function) -> dict[str, Any]:
    properties = function.properties
    network = properties.get("VpcConfig", {})
    options = {
        "lambda_memory_size": _number(properties.get("MemorySize")),
        "lambda_timeout": _number(properties.get("Timeout")),
        "reserved_concurrency": _number(properties.get("ReservedConcurrentExecutions")),
        "subnet_ids": network.get("SubnetIds"),
        "security_group_ids": network.get("SecurityGroupIds"),
    }
    return {
        "iam_policy_file": _policy_file(function),
        "environment_variables": function.variables,
        **{name: value for name, value in options.items() if value is not None},
    }


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _policy_file(function: Function) -> str:
    return f"policy-{function.name}.json"


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
