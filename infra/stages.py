"""The stages: what each wants otherwise than the templates' defaults, from ``infra/stages.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from infra.errors import DeploymentError

STAGES = Path(__file__).with_name("stages.yaml")
STACKS = ("data", "app")


@dataclass(frozen=True)
class Stage:
    """One stage. ``account`` and ``region``, where given, are the only ones it is deployed to; ``parameters`` are those
    that differ from the templates' defaults, by stack.
    """

    name: str
    account: str | None = None
    region: str | None = None
    parameters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def stack(self, name: str) -> str:
        """The name of one of ``STACKS``."""
        return self.deployed_name(name)

    def deployed_name(self, name: str) -> str:
        """The name of a function, queue or stack, ``frontdesk-<stage>-<name>``."""
        return f"frontdesk-{self.name}-{name}"

    def secret(self, name: str) -> str:
        """The name of a secret, ``frontdesk/<stage>/<name>``."""
        return f"frontdesk/{self.name}/{name}"

    def check_place(self, account: str, region: str) -> None:
        """``DeploymentError`` unless the stage may be deployed there."""
        for what, wanted, found in (("account", self.account, account), ("region", self.region, region)):
            if wanted not in (None, found):
                raise DeploymentError(
                    f"The stage {self.name} belongs to the {what} {wanted} (infra/stages.yaml), and these credentials "
                    f"lead to {found}: choose others with AWS_PROFILE or AWS_DEFAULT_REGION."
                )

    def parameters_for(
        self,
        stack: str,
        declared: Mapping[str, Any],
        *,
        outputs: Mapping[str, str],
        given: Mapping[str, str],
    ) -> dict[str, str]:
        """The values of a stack's parameters, of those that its template ``declared``.

        In the order in which they count: the target's own (``given``), those of the stage, ``outputs`` of the data
        stack that are called like a parameter. The others have the template's default.
        """
        own = self.parameters.get(stack, {})
        if unknown := sorted(own.keys() - declared.keys()):
            raise DeploymentError(
                f"infra/stages.yaml gives the {stack} stack of {self.name} what its template does not declare: "
                f"{', '.join(unknown)}. It declares {', '.join(sorted(declared.keys() - {'Stage'}))}."
            )
        known = dict(outputs) | dict(own) | dict(given) | {"Stage": self.name}
        return {name: value for name, value in known.items() if name in declared}


def read_stage(name: str, file: Path = STAGES) -> Stage:
    """The stage of a name; ``DeploymentError`` where it is unknown, or the file is not as it should be."""
    stages = yaml.safe_load(file.read_text(encoding="utf-8"))
    if name not in stages:
        raise DeploymentError(f"There is no stage {name}: infra/stages.yaml knows {', '.join(sorted(stages))}.")
    entry: dict[str, Any] = stages[name] or {}
    if unknown := sorted(entry.keys() - {"account", "region", *STACKS}):
        raise DeploymentError(
            f"The stage {name} has what infra/stages.yaml knows nothing of: {', '.join(unknown)}. "
            "It takes account, region, data and app."
        )
    parameters = {
        stack: {parameter: _text(value) for parameter, value in (entry.get(stack) or {}).items()} for stack in STACKS
    }
    account = entry.get("account")
    if account is not None and not isinstance(account, str):
        raise DeploymentError(f"The account of the stage {name} is a number in infra/stages.yaml: put it in quotes.")
    return Stage(name, account, entry.get("region"), parameters)


def _text(value: Any) -> str:
    """A parameter's value as CloudFormation takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
