"""The commands of ``python -m ops``."""

from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from chalicelib.errors import FrontdeskError
from ops.agents import agents
from ops.capacity.command import capacity
from ops.dlq import dlq
from ops.doctor import doctor
from ops.events import events
from ops.orders import orders
from ops.output import examples
from ops.person import person
from ops.secrets import secrets
from ops.sessions import sessions
from ops.sources import sources
from ops.stage import STAGES, Stage
from ops.stream_failures import stream_failures


class Group(click.Group):
    """Shows what went wrong in one line, not as a traceback."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except FrontdeskError as error:
            raise click.ClickException(f"{error} `python -m ops doctor` says what is wrong.") from error
        except NoCredentialsError as error:
            raise click.ClickException("There are no AWS credentials: set AWS_PROFILE, or sign in.") from error
        except NoRegionError as error:
            raise click.ClickException("There is no AWS region: set AWS_DEFAULT_REGION or AWS_PROFILE.") from error
        except ClientError as error:
            raise click.ClickException(_refusal(error)) from error
        except BotoCoreError as error:
            raise click.ClickException(
                f"AWS cannot be reached: {error} `python -m ops doctor` says what can."
            ) from error


def _refusal(error: ClientError) -> str:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    advice = {
        "AccessDenied": "Ask for leave, or take other credentials.",
        "AccessDeniedException": "Ask for leave, or take other credentials.",
        "ExpiredToken": "Sign in again.",
        "ExpiredTokenException": "Sign in again.",
    }.get(code, "`python -m ops doctor` says what is wrong.")
    reason = " ".join(message.split()).rstrip(".") or "no reason given"
    return f"AWS refuses {error.operation_name} ({code}): {reason}. {advice}"


@click.group(
    cls=Group,
    epilog=examples("doctor", "events list --since 2h", "--stage prod dlq list", "secrets rotate github --generate"),
)
@click.option("--stage", type=click.Choice(STAGES), default="local", show_default=True, help="Which Frontdesk.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="LOCALCLOUD_DIRECTORY",
    help="Where the local cloud of the stage local lives.  [default: .localcloud]",
)
@click.pass_context
def main(context: click.Context, stage: str, directory: Path | None) -> None:
    """Operating Frontdesk: events, orders, people, conversations, agents, dead letters, secrets, and a look at all."""
    context.obj = Stage(stage, directory)


for command in (doctor, events, dlq, stream_failures, sources, secrets, orders, person, sessions, agents, capacity):
    main.add_command(command)
