"""Frontdesk's table of contents: every route, queue and function, and who answers it."""

from typing import TYPE_CHECKING, Any, cast

from chalice.app import Chalice, CloudWatchEvent, ConvertToMiddleware, DynamoDBEvent, SQSEvent, WebsocketEvent

from chalicelib import telemetry, wiring
from chalicelib.aws import batches, rest, streams
from chalicelib.settings import APP_NAME, deployed_name, sessions_stream_arn

if TYPE_CHECKING:
    from logging import Logger

app = Chalice(app_name=APP_NAME, configure_logs=False)
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.log = cast("Logger", telemetry.logger)
app.register_middleware(ConvertToMiddleware(telemetry.logger.inject_lambda_context(log_event=False, clear_state=True)))


# The service itself


@app.route("/health", methods=["GET"], content_types=rest.ANY_CONTENT_TYPE)
@rest.answers
def health() -> rest.Answer:
    return rest.Answer(wiring.health())


# Webhooks


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


# Chat: pages, sessions and sockets


@app.route("/", methods=["GET"], content_types=rest.ANY_CONTENT_TYPE)
@rest.answers
def chat_page() -> rest.Answer:
    return wiring.pages().chat(rest.read_request(app))


@app.route("/desk", methods=["GET"], content_types=rest.ANY_CONTENT_TYPE)
@rest.answers
def desk_page() -> rest.Answer:
    return wiring.pages().desk(rest.read_request(app))


@app.route("/assets/{name}", methods=["GET"], content_types=rest.ANY_CONTENT_TYPE)
@rest.answers
def asset(name: str) -> rest.Answer:
    return wiring.pages().asset(name, rest.read_request(app))


@app.route("/chat/sessions", methods=["POST"], content_types=rest.ANY_CONTENT_TYPE)
@rest.cross_origin
@rest.answers
def open_session() -> rest.Answer:
    return wiring.opening().open(rest.read_request(app))


@app.route("/chat/sessions", methods=["OPTIONS"], content_types=rest.ANY_CONTENT_TYPE)
@rest.cross_origin
@rest.answers
def answer_preflight() -> rest.Answer:
    return rest.Answer({})


@app.on_ws_connect(name="websocket_connect")
def websocket_connect(event: WebsocketEvent) -> dict[str, int]:
    query = event.to_dict().get("queryStringParameters")
    return {"statusCode": wiring.reception().connect(event.connection_id, query)}


@app.on_ws_message(name="websocket_message")
def websocket_message(event: WebsocketEvent) -> None:
    wiring.reception().receive(event.connection_id, event.body)


@app.on_ws_disconnect(name="websocket_disconnect")
def websocket_disconnect(event: WebsocketEvent) -> None:
    wiring.reception().disconnect(event.connection_id)


# Chat: what follows a message


@app.on_sqs_message(queue=deployed_name("chat-messages.fifo"), batch_size=1, maximum_concurrency=50)
def answer_messages(event: SQSEvent) -> dict[str, Any]:
    return batches.answer_batch(wiring.session_queue().process(batches.read_batch(event.to_dict())))


@app.on_sqs_message(queue=deployed_name("failed-turns"), batch_size=10, maximum_concurrency=2)
def write_failed_turns(event: SQSEvent) -> dict[str, Any]:
    return batches.answer_batch(wiring.turn_writer().write(batches.read_batch(event.to_dict())))


@app.lambda_function()
def look_up_order(event: dict[str, Any], context: object) -> dict[str, Any]:
    return wiring.look_up_order(event)


@app.on_dynamodb_record(stream_arn=sessions_stream_arn(), batch_size=10, starting_position="TRIM_HORIZON")
def summarize_sessions(event: DynamoDBEvent) -> dict[str, Any]:
    changes = streams.read_changes(event.to_dict())
    return streams.answer_changes(streams.for_each(changes, wiring.summarizing().handle))


@app.on_dynamodb_record(stream_arn=sessions_stream_arn(), batch_size=10, starting_position="TRIM_HORIZON")
def delete_expired_sessions(event: DynamoDBEvent) -> dict[str, Any]:
    changes = streams.read_changes(event.to_dict())
    return streams.answer_changes(streams.for_each(changes, wiring.expiry().handle))


@app.lambda_function()
def hand_off_session(event: dict[str, Any], context: object) -> dict[str, Any]:
    return wiring.hand_off_session(event)


@app.schedule("rate(1 minute)")
def check_waiting(event: CloudWatchEvent) -> dict[str, int]:
    return wiring.waiting().check()


# Voice


@app.lambda_function()
def lex_codehook(event: dict[str, Any], context: object) -> dict[str, Any]:
    return wiring.codehook().handle(event, context)


# Operators and deployments


@app.lambda_function()
def manage_events(event: dict[str, Any], context: object) -> dict[str, Any]:
    return wiring.management().handle(event)


@app.lambda_function()
def migrate_database(event: dict[str, Any], context: object) -> dict[str, Any]:
    return wiring.migrate_database(event)
