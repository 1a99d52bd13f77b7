"""The first role of a stage's new database, made by an operator; and how many connections the functions hold."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.changes import Change
from infra.errors import DeploymentError

CONNECTIONS = {
    "process_webhooks": 5,
    "look_up_order": 20,
    "manage_events": 2,
    "migrate_database": 1,
    "purge_old_events": 1,
}
"""How many copies of each function run at once, at most; each copy keeps one connection."""

CONNECTIONS_AFTER_A_DEPLOYMENT = 2 * sum(CONNECTIONS.values())
"""The copies of the code before are gone only some minutes after the new ones have come."""


def bootstrap(client: Callable[[str], Any], stage: str, outputs: Mapping[str, str]) -> str | None:
    """Let ``migrate_database`` make the functions' role, and return its name; None where there is nothing to make.

    ``client`` makes a client of a service with the operator's credentials, which may read the administrator's secret
    (``secretsmanager:GetSecretValue``) and invoke the function. ``outputs`` are those of the data stack. Needed before
    the first migration, and harmless before any other.
    """
    secret = outputs.get("DatabaseMasterSecretArn")
    if secret is None:
        return None
    # The password is neither read nor sent unless the function says that it cannot do without.
    result = _ask(client, stage, "needed")
    if result["needed"]:
        administrator = json.loads(client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
        result = _ask(client, stage, {name: administrator[name] for name in ("username", "password")})
    return str(result["role"])


def _ask(client: Callable[[str], Any], stage: str, what: Any) -> dict[str, Any]:
    answer = client("lambda").invoke(
        FunctionName=f"frontdesk-{stage}-migrate_database", Payload=json.dumps({"bootstrap": what}).encode()
    )
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise DeploymentError(f"The database's role cannot be made: {result.get('errorMessage', result)}")
    return result


def refuse_to_cut_off(changes: Sequence[Change], outputs: Mapping[str, str], app: Mapping[str, str]) -> None:
    """``DeploymentError`` where a change of the data stack removes what the functions reach the database through.

    They would be moved only minutes later. ``outputs`` are those of the data stack before the change, ``app`` the
    present parameters of the app stack; nothing when there is none.
    """
    removed = {change.logical_id for change in changes if change.action == "Remove"}
    url = app.get("DatabaseUrl")
    for resource, what, used in (
        ("DatabaseProxyInstance", "the proxy", bool(url) and url == outputs.get("DatabaseUrl")),
        ("SecretsEndpoint", "the endpoint of Secrets Manager", url == ""),
    ):
        if resource in removed and used:
            raise DeploymentError(
                f"This would remove {what} while the functions still use it. First lead them past it with DatabaseUrl "
                "and its like below `app` in infra/stages.yaml and deploy with the data stack as it was; then make "
                'this change and take those away again. "Leaving the proxy or the secret" in docs/deploying.md shows '
                "how. Nothing was changed."
            )
