"""How much of anything there may be at once, how long it may take, and how the gateway says that it is too much."""

import json
from typing import Any

import pytest
from botocore.config import Config

from chalicelib.aws import clients
from chalicelib.aws.clients import CALLER, MODEL, QUICK, SLOW
from tests.infra.templates import decided, mapping_of, of_type

GATEWAY_SECONDS = 29
"""The longest that API Gateway waits for a function, behind REST routes and sockets alike."""

GATEWAY_ERRORS = {
    "ACCESS_DENIED": 403,
    "API_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_FAILURE": 500,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "EXPIRED_TOKEN": 403,
    "INTEGRATION_FAILURE": 504,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "WAF_FILTERED": 403,
}
"""Every type of a gateway response, with its status by default; API Gateway's guide lists them."""

OWN_CODES = {
    "INVALID_SIGNATURE": (404, "not_found"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not_found"),
    "REQUEST_TOO_LARGE": (413, "too_large"),
    "RESOURCE_NOT_FOUND": (404, "not_found"),
    "THROTTLED": (429, "rate_limited"),
    "WAF_FILTERED": (403, "forbidden"),
}
"""What is not answered as its family is: 4XX with its own status and bad_request, 5XX with 503 and unavailable."""

CLIENTS: dict[str, list[Config]] = {
    "AnswerMessages": [QUICK, MODEL, SLOW],
    "SummarizeSessions": [QUICK, MODEL],
    "LexCodehook": [CALLER],
}
"""The time limits of the clients that ``chalicelib.wiring`` builds for a function; of all others, ``QUICK``."""


def functions(app: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return of_type(app, "AWS::Serverless::Function")


def seconds_of(app: dict[str, Any], function: str) -> float:
    timeout = functions(app)[function]["Timeout"]
    return float(app["Parameters"][timeout["Ref"]]["Default"] if isinstance(timeout, dict) else timeout)


def worst_of(config: Any) -> float:
    """Seconds that one call may take, its attempts and the pauses between them (at most 1, 2, 4 … seconds)."""
    attempts = config.retries["total_max_attempts"]
    return float(attempts * (config.connect_timeout + config.read_timeout) + 2 ** (attempts - 1) - 1)


def test_the_stage_is_throttled_and_sessions_more_so(transformed: dict[str, Any]) -> None:
    (rest,) = of_type(transformed, "AWS::ApiGateway::Stage").values()
    (sockets,) = of_type(transformed, "AWS::ApiGatewayV2::Stage").values()

    assert rest["MethodSettings"] == [
        {
            "ResourcePath": "/*",
            "HttpMethod": "*",
            "ThrottlingRateLimit": {"Ref": "HttpRateLimit"},
            "ThrottlingBurstLimit": {"Ref": "HttpBurstLimit"},
        },
        {
            "ResourcePath": "/~1chat~1sessions",
            "HttpMethod": "POST",
            "ThrottlingRateLimit": 50,
            "ThrottlingBurstLimit": 100,
        },
    ]
    assert sockets["StageName"] == "api"
    assert sockets["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": {"Ref": "WebsocketRateLimit"},
        "ThrottlingBurstLimit": {"Ref": "WebsocketBurstLimit"},
    }


@pytest.mark.parametrize("door", ["Http", "Websocket"])
def test_a_burst_may_be_larger_than_what_a_second_brings(app: dict[str, Any], door: str) -> None:
    defaults = {name: entry.get("Default") for name, entry in app["Parameters"].items()}

    assert defaults[f"{door}RateLimit"] == 500
    assert defaults[f"{door}BurstLimit"] == 1_000


@pytest.mark.parametrize(
    ("function", "most"), [("ProcessWebhooks", 5), ("AnswerMessages", 50), ("WriteFailedTurns", 2)]
)
def test_every_queue_has_a_bounded_number_of_consumers(transformed: dict[str, Any], function: str, most: int) -> None:
    """Bounded at the event source, so that what waits stays in the queue, and no receive is wasted on a throttle."""
    assert mapping_of(transformed, function)["ScalingConfig"] == {"MaximumConcurrency": most}


def test_no_queue_is_without(transformed: dict[str, Any]) -> None:
    for mapping in of_type(transformed, "AWS::Lambda::EventSourceMapping").values():
        is_stream = "StartingPosition" in mapping
        assert ("ScalingConfig" in mapping) is not is_stream
        assert (mapping.get("ParallelizationFactor") == 10) is is_stream


def test_functions_with_database_connections_have_a_share_if_so_wished(app: dict[str, Any]) -> None:
    def reserved(**given: str) -> dict[str, int]:
        return {
            name: function["ReservedConcurrentExecutions"]
            for name, function in functions(decided(app, **given)).items()
            if "ReservedConcurrentExecutions" in function
        }

    assert reserved() == {}
    assert reserved(ReserveConcurrency="true") == {
        "LookUpOrder": 20,
        "ManageEvents": 2,
        "MigrateDatabase": 1,
        "PurgeOldEvents": 1,
    }


def test_memory_is_that_of_the_source_design(app: dict[str, Any]) -> None:
    memory = {name: function["MemorySize"] for name, function in functions(app).items()}

    assert {name: size for name, size in memory.items() if size != 512} == {
        "ProcessWebhooks": 1024,
        "LexCodehook": 1024,
    }


def test_every_time_limit_of_a_client_is_known_here() -> None:
    known = {name: value for name, value in vars(clients).items() if isinstance(value, Config)}

    assert known == {"QUICK": QUICK, "MODEL": MODEL, "SLOW": SLOW, "CALLER": CALLER}


def test_no_call_outlives_its_function(app: dict[str, Any]) -> None:
    for name in functions(app):
        for config in CLIENTS.get(name, [QUICK]):
            assert worst_of(config) < seconds_of(app, name), name


def test_whoever_asks_another_function_waits_until_it_has_ended(app: dict[str, Any]) -> None:
    assert seconds_of(app, "LookUpOrder") < worst_of(SLOW) < seconds_of(app, "AnswerMessages")


@pytest.mark.parametrize("function", ["APIHandler", "WebsocketConnect", "WebsocketMessage", "WebsocketDisconnect"])
def test_no_function_behind_the_gateway_outlives_it(app: dict[str, Any], function: str) -> None:
    assert seconds_of(app, function) <= GATEWAY_SECONDS


@pytest.mark.parametrize(("kind", "status"), GATEWAY_ERRORS.items())
def test_the_gateways_own_errors_have_our_form(transformed: dict[str, Any], kind: str, status: int) -> None:
    (api,) = of_type(transformed, "AWS::ApiGateway::RestApi").values()
    responses = api["Body"]["x-amazon-apigateway-gateway-responses"]
    family = "DEFAULT_5XX" if status >= 500 else "DEFAULT_4XX"
    response = responses.get(kind, responses[family])
    found = int(response.get("statusCode", status))
    text = response["responseTemplates"]["application/json"].replace("$context.error.messageString", '"x"')
    headers = response["responseParameters"]
    expected, code = OWN_CODES.get(kind, (503, "unavailable") if status >= 500 else (status, "bad_request"))

    assert (found, json.loads(text)["code"]) == (expected, code)
    assert set(json.loads(text)) == {"code", "message"}
    assert ("gatewayresponse.header.Retry-After" in headers) is (found == 503 or kind == "THROTTLED")
    assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"


def test_no_gateway_response_is_misspelt(app: dict[str, Any]) -> None:
    named = set(app["Resources"]["RestAPI"]["Properties"]["GatewayResponses"])

    assert named == OWN_CODES.keys() | {"DEFAULT_4XX", "DEFAULT_5XX"}
    assert named - {"DEFAULT_4XX", "DEFAULT_5XX"} <= GATEWAY_ERRORS.keys()
