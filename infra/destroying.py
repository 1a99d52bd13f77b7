"""Removing the app of a stage. Its data stay, and what stays is named."""

import re
from collections.abc import Iterator

from botocore.exceptions import ClientError

from infra.deploying import PROTECTED_STAGE, Deployment
from infra.exclusive import chalice_door


def destroy(deployment: Deployment) -> None:
    """Delete the app stack; nothing happens where there is none."""
    app = deployment.app
    if app.status() is None:
        deployment.say(f"there is no stack {app.name}")
        return
    app.delete(protected=deployment.stage.name == PROTECTED_STAGE)
    deployment.say(f"{app.name} is deleted")


def leftovers(deployment: Deployment) -> Iterator[tuple[str, list[str]]]:
    """What is left of a stage without its app, by kind."""
    client, stage = deployment.target.client, deployment.stage
    if deployment.data.status() is not None:
        yield f"stack {deployment.data.name}", [f"{kind} {name}" for kind, name in deployment.data.resources()]
    if bucket := _bucket(deployment):
        yield "packages and templates", [bucket]
    prefix = stage.secret("")
    found = (
        client("secretsmanager").get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": [prefix]}])
    )
    yield "secrets", sorted(entry["Name"] for page in found for entry in page["SecretList"])
    parameters = client("ssm").get_paginator("get_parameters_by_path").paginate(Path=f"/{prefix}", Recursive=True)
    yield "parameters", sorted(entry["Name"] for page in parameters for entry in page["Parameters"])
    groups = (
        client("logs")
        .get_paginator("describe_log_groups")
        .paginate(logGroupNamePrefix=f"/aws/lambda/{chalice_door(stage)}")
    )
    own = re.compile(f"/aws/lambda/{chalice_door(stage)}(-.+)?")
    names = (group["logGroupName"] for page in groups for group in page["logGroups"])
    yield "log groups", sorted(name for name in names if own.fullmatch(name))


def _bucket(deployment: Deployment) -> str | None:
    try:
        deployment.artifacts.client.head_bucket(Bucket=deployment.artifacts.bucket)
    except ClientError:
        return None
    return deployment.artifacts.bucket
