"""The first role of a stage's new database, made by an operator; and how many connections the functions hold."""

import json
from collections.abc import Callable, Mapping
from typing import Any

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
    administrator = json.loads(client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
    event = {"bootstrap": {name: administrator[name] for name in ("username", "password")}}
    answer = client("lambda").invoke(
        FunctionName=f"frontdesk-{stage}-migrate_database", Payload=json.dumps(event).encode()
    )
    result = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise DeploymentError(f"The database's role cannot be made: {result.get('errorMessage', result)}")
    return str(result["role"])
