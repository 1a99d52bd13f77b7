"""CloudFormation or ``chalice deploy``: one of them deploys a stage's functions, whose names are the same in both.

Where both had, deleting what one has made would take the functions of the other.
"""

from chalicelib.settings import APP_NAME
from infra.errors import DeploymentError
from infra.functions import Functions
from infra.stacks import Stack
from infra.stages import Stage


def chalice_door(stage: Stage) -> str:
    """What Chalice calls the function of the HTTP API: it has always been named after the stage alone."""
    return f"{APP_NAME}-{stage.name}"


def refuse_app_stack(app: Stack, stage: Stage) -> None:
    """``DeploymentError`` where the app stack is there, as ``chalice deploy`` must not find it."""
    if app.make_ready():
        raise DeploymentError(
            f"The stack {app.name} has functions of the same names: "
            f"`make destroy STAGE={stage.name}` removes it, and leaves the data."
        )


def refuse_functions(app: Stack, functions: Functions) -> None:
    """``DeploymentError`` where functions of the stage are there that no app stack has made."""
    if app.status() is None and (found := sorted(functions.hashes())):
        stage = functions.stage.name
        raise DeploymentError(
            f"There is no stack {app.name}, but there are functions of its names, such as {found[0]}: "
            f"`chalice delete --stage {stage}`, in the folder of the project, removes what `chalice deploy` has made. "
            'docs/deploying.md has the other steps under "Back to the app stack".'
        )
