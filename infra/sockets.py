"""The deployment of the WebSocket API: a new one whenever its routes or integrations change.

Chalice gives it a fixed logical id, so that CloudFormation would never make a second one, and new routes would not be
served.
"""

import hashlib
import json
from typing import Any

_KINDS = ("AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route")
_DEPLOYMENT = "AWS::ApiGatewayV2::Deployment"


def name_deployments(template: dict[str, Any]) -> None:
    """Let the deployment's logical id tell what is deployed, as SAM does for the REST API."""
    resources = template["Resources"]
    deployed = {name: resource for name, resource in resources.items() if resource["Type"] in _KINDS}
    digest = hashlib.sha256(json.dumps(deployed, sort_keys=True).encode()).hexdigest()[:12]
    names = {name: f"{name}{digest}" for name, resource in resources.items() if resource["Type"] == _DEPLOYMENT}
    for old, new in names.items():
        resources[new] = resources.pop(old)
    for resource in resources.values():
        if resource["Type"] == "AWS::ApiGatewayV2::Stage":
            deployment = resource["Properties"]["DeploymentId"]
            deployment["Ref"] = names.get(deployment["Ref"], deployment["Ref"])
