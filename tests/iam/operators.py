"""The operators' policy as docs/ has it, and an operator of the local cloud who has nothing else."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.packaging import ROOT
from localcloud.layout import STAGE
from localcloud.ministack import ACCOUNT, REGION
from ops.stage import Stage
from tests.iam.leave import clients_of
from tests.integration.cloud import Cloud

POLICY = ROOT / "docs" / "policies" / "operator.json"


def read_policy(*, stage: str, region: str, account: str) -> dict[str, Any]:
    """The policy of a stage's operators, its three words replaced as docs/deploying.md shows it."""
    text = POLICY.read_text(encoding="utf-8")
    for word, value in {"STAGE": stage, "REGION": region, "ACCOUNT": account}.items():
        text = text.replace(word, value)
    document: dict[str, Any] = json.loads(text)
    return document


@dataclass
class OperatorsStage(Stage):
    """The local stage as somebody reaches it who is not its root user."""

    make: Callable[[str], Any] = field(kw_only=True)

    def client(self, service: str) -> Any:
        return self.make(service)


@contextmanager
def operator(cloud: Cloud) -> Iterator[OperatorsStage]:
    """A user who may do what the operators' policy allows."""
    iam, user = cloud.client("iam"), {"UserName": f"operator-{uuid.uuid4().hex[:8]}"}
    policy = read_policy(stage=STAGE, region=REGION, account=ACCOUNT)
    iam.create_user(**user)
    iam.put_user_policy(**user, PolicyName="operator", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(**user)["AccessKey"]
    try:
        make = clients_of(cloud, key["AccessKeyId"], key["SecretAccessKey"])
        yield OperatorsStage(STAGE, cloud.layout.directory, make=make)
    finally:
        iam.delete_access_key(**user, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(**user, PolicyName="operator")
        iam.delete_user(**user)
