"""The stages: what each wants otherwise than the templates' defaults, from ``infra/stages.yaml``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from infra.errors import DeploymentError

STAGES = Path(__file__).with_name("stages.yaml")
STACKS = ("data", "app")

_NAME = re.compile("[a-z][a-z0-9]{0,14}")  # part of the names of buckets, functions and hosts
_ACCOUNT = re.compile("[0-9]{12}")
_REGION = re.compile("[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}")
_NULL, _BOOLEAN = "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"


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
    stages = _read(file)
    for known in stages:
        if not _NAME.fullmatch(known):
            raise DeploymentError(
                f"infra/stages.yaml has a stage {known!r}: a stage's name is a lower-case letter, and up to 14 more "
                "lower-case letters or digits."
            )
    if name not in stages:
        raise DeploymentError(f"There is no stage {name}: infra/stages.yaml knows {', '.join(sorted(stages))}.")
    entry = _mapping(stages[name], f"The stage {name}")
    if unknown := sorted(entry.keys() - {"account", "region", *STACKS}):
        raise DeploymentError(
            f"The stage {name} has what infra/stages.yaml knows nothing of: {', '.join(unknown)}. "
            "It takes account, region, data and app."
        )
    account = _place(name, entry, "account", _ACCOUNT, "twelve digits")
    region = _place(name, entry, "region", _REGION, "a region's name, such as eu-central-1")
    return Stage(name, account, region, {stack: _parameters(name, stack, entry) for stack in STACKS})


def _read(file: Path) -> dict[str, yaml.Node]:
    """The stages, unread. Values are taken as they are written: YAML would make 256 of 0400, and 45000 of 12:30:00."""
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DeploymentError(f"infra/stages.yaml cannot be read: {error}") from error
    stages = _mapping(root, "infra/stages.yaml")
    if not stages:
        raise DeploymentError("infra/stages.yaml has no stage: write `dev: {}` into it.")
    return stages


def _mapping(node: yaml.Node | None, what: str) -> dict[str, yaml.Node]:
    """The keys of a mapping, and their values; nothing stands for an empty one."""
    if node is None or node.tag == _NULL:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise DeploymentError(f"{what} has to be a mapping of names to values{_line(node)}.")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise DeploymentError(f"{what} has a key that is no name{_line(key)}.")
        if key.value in found:
            raise DeploymentError(f"{what} has {key.value} twice{_line(key)}: remove one of them.")
        found[key.value] = value
    return found


def _parameters(stage: str, stack: str, entry: Mapping[str, yaml.Node]) -> dict[str, str]:
    what = f"The {stack} stack of {stage}"
    values = {name: _text(node, f"{what}: {name}") for name, node in _mapping(entry.get(stack), what).items()}
    if "Stage" in values:
        raise DeploymentError(f"{what} is given Stage in infra/stages.yaml, which is its own name: remove that.")
    return values


def _place(stage: str, entry: Mapping[str, yaml.Node], what: str, pattern: re.Pattern[str], form: str) -> str | None:
    if what not in entry:
        return None
    text = _text(entry[what], f"The {what} of the stage {stage}")
    if not pattern.fullmatch(text):
        raise DeploymentError(f"The {what} of the stage {stage} has to be {form}{_line(entry[what])}, not {text!r}.")
    return text


def _text(node: yaml.Node, what: str) -> str:
    """A value as CloudFormation takes it."""
    if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL:
        raise DeploymentError(f'{what} has to be a text, a number, true or false{_line(node)}; "" is an empty text.')
    text: str = node.value
    return str(yaml.safe_load(text)).lower() if node.tag == _BOOLEAN else text


def _line(node: yaml.Node) -> str:
    return f" (infra/stages.yaml, line {node.start_mark.line + 1})"
