"""Frontdesk's table of contents: every route, queue and function, and who answers it."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from chalice.app import Chalice, ConvertToMiddleware, SQSEvent

from chalicelib import telemetry, wiring
from chalicelib.aws import batches, rest
from chalicelib.settings import APP_NAME, deployed_name

if TYPE_CHECKING:
    from logging import Logger

app = Chalice(app_name=APP_NAME, configure_logs=False)
app.log = cast("Logger", telemetry.logger)
app.register_middleware(ConvertToMiddleware(telemetry.logger.inject_lambda_context(log_event=False, clear_state=True)))


@app.route("/health", methods=["GET"])
@rest.answers(HTTPStatus.OK)
def health() -> dict[str, str]:
    return wiring.health()


@app.route("/webhooks/{source}", methods=["POST"], content_types=rest.ANY_CONTENT_TYPE)
@rest.answers(HTTPStatus.ACCEPTED)
def receive_webhook(source: str) -> dict[str, str]:
    event_id = wiring.intake().receive(source, rest.read_request(app))
    return {"status": "accepted", "event_id": event_id}


@app.on_sqs_message(queue=deployed_name("webhook-events"), batch_size=10, maximum_concurrency=5)
def process_webhooks(event: SQSEvent) -> dict[str, Any]:
    return batches.answer_batch(wiring.processor().process(batches.read_batch(event.to_dict())))


@app.lambda_function()
def migrate_database(event: dict[str, Any], context: object) -> dict[str, Any]:
    return wiring.migrate_database()


@app.lambda_function()
def manage_events(event: dict[str, Any], context: object) -> dict[str, Any]:
    return wiring.management().handle(event)
