"""What the REST API's template says, put through API Gateway's own API where nothing else carries it there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

API_STAGE = "api"
"""The stage of both APIs."""


def put_gateway_responses(gateway: Any, api: str, template: Mapping[str, Any]) -> None:
    """The REST API's own errors, from the app's template."""
    responses: dict[str, dict[str, Any]] = template["Resources"]["RestAPI"]["Properties"]["GatewayResponses"]
    for kind, response in responses.items():
        status = {"statusCode": response["StatusCode"]} if "StatusCode" in response else {}
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        gateway.put_gateway_response(
            restApiId=api,
            responseType=kind,
            responseTemplates=response["ResponseTemplates"],
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            **status,
        )
    gateway.create_deployment(restApiId=api, stageName=API_STAGE)


def put_throttling(gateway: Any, api: str, settings: Sequence[Mapping[str, Any]]) -> None:
    """The limits of a stage's methods, as a template's ``MethodSettings`` have them."""
    patches = [patch for setting in settings for patch in _limits(setting)]
    gateway.update_stage(restApiId=api, stageName=API_STAGE, patchOperations=patches)


def _limits(setting: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    path = setting["ResourcePath"]
    place = "" if path == "/*" else path
    for name, limit in (("rateLimit", "ThrottlingRateLimit"), ("burstLimit", "ThrottlingBurstLimit")):
        if limit in setting:
            where = f"{place or '/*'}/{setting['HttpMethod']}/throttling/{name}"
            yield {"op": "replace", "path": where, "value": str(setting[limit])}
