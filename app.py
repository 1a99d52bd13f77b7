"""Frontdesk's table of contents: every route, queue and function, and who answers it."""

from typing import TYPE_CHECKING, Any, cast

from chalice.app import Chalice, CloudWatchEvent, ConvertToMiddleware, SQSEvent

from chalicelib import telemetry, wiring
from chalicelib.aws import batches, rest
from chalicelib.settings import APP_NAME, deployed_name

if TYPE_CHECKING:
    from logging import Logger

app = Chalice(app_name=APP_NAME, configure_logs=False)
app.log = cast("Logger", telemetry.logger)
app.register_middleware(ConvertToMiddleware(telemetry.logger.inject_lambda_context(log_event=False, clear_state=True)))


@app.route("/health", methods=["GET"], content_types=rest.ANY_CONTENT_TYPE)
@rest.answers
def health() -> rest.Answer:
    return rest.Answer(wiring.health())


@app.route("/webhooks/{source}", methods=["POST"], content_types=rest.ANY_CONTENT_TYPE)
@rest.answers
def receive_webhook(source: str) -> rest.Answer:
    return wiring.intake().receive(source, rest.read_request(app))


@app.route("/webhooks/{source}", methods=["GET"], content_types=rest.ANY_CONTENT_TYPE)
@rest.answers
def answer_handshake(source: str) -> rest.Answer:
    return wiring.intake().answer_handshake(source, rest.read_request(app))


@app.on_sqs_message(queue=deployed_name("webhook-events"), batch_size=10, maximum_concurrency=5)
def process_webhooks(event: SQSEvent) -> dict[str, Any]:
    return batches.answer_batch(wiring.processor().process(batches.read_batch(event.to_dict())))


@app.schedule("rate(1 hour)")
def purge_old_events(event: CloudWatchEvent) -> dict[str, Any]:
    return wiring.purge_old_events(event.context)


@app.lambda_function()
def migrate_database(event: dict[str, Any], context: object) -> dict[str, Any]:
    return wiring.migrate_database()


@app.lambda_function()
def manage_events(event: dict[str, Any], context: object) -> dict[str, Any]:
    return wiring.management().handle(event)
