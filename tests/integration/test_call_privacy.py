"""Nothing that a caller says, keys in or is asked to prove is left behind: neither by calls of every kind, in two
languages and with a failing bank, nor by events that hide it where nobody expects it."""

import io
import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql

from infra.languages import read_languages
from localcloud.bank.samples import SampleAccount, SampleCard, SampleCustomer
from localcloud.layout import Layout
from localcloud.phone.call import Call, read_typed
from localcloud.phone.definition import read_bots
from localcloud.phone.function import CODEHOOK, DeployedFunction
from tests.builders import EVENTS, load_event
from tests.integration.canaries import Search
from tests.integration.cloud import STAGE_PREFIX, Cloud, eventually, start_cloud
from tests.integration.customers import add_customers
from tests.unit.localcloud.bank.asking import Client

CANARIES = {
    "customer number": "73519264",
    "unknown number": "91827364",
    "PIN": "8396",
    "wrong PIN": "7948",
    "another wrong PIN": "9863",
    "checking account": "7693",
    "savings account": "8967",
    "card": "9879",
    "other card": "8786",
    "amount": "391746",
    "English words": "quokka marmalade",
    "Spanish words": "ñandú zarzuela",
}
SEARCH = Search(CANARIES)
OF_THE_BANK = {"checking account", "savings account", "card", "other card", "amount"}
"""What the bank's own books hold."""

PLANTED = "60718295"
PLANT = Search({"planted": PLANTED})

CUSTOMER = SampleCustomer(
    "cus_canary",
    CANARIES["customer number"],
    CANARIES["PIN"],
    (
        SampleAccount(
            "acc_canary_c", "checking", CANARIES["checking account"], 5_000_00, SampleCard("card_c1", "9879")
        ),
        SampleAccount("acc_canary_s", "savings", CANARIES["savings account"], 9_000_00, SampleCard("card_c2", "8786")),
    ),
)

Fault = tuple[str, dict[str, Any]]
"""In a script of steps: how the bank fails from here on."""

NORMAL: Fault = ("normal", {})
PROOF = ("#73519264", "#8396")

CALLS: Sequence[tuple[str, Sequence[str | Fault], Sequence[str]]] = (
    (
        "en_US",
        (
            "how much is in my savings account",
            "seven three five one nine two six four",
            "#7948",
            "7351 9264",
            "nine eight six three",
            "#7351",
            "#73519264",
            "eight three nine six",
            "transfer 3917.46 dollars from savings to checking",
            ("drop-after", {"times": 1, "path": "/transfers"}),
            "yes",
            "transfer 3917.46 dollars from checking to savings",
            "no",
            "transfer 3917.46 dollars from checking to savings",
            ("stall", {"path": "/transfers"}),
            "yes",
            NORMAL,
            "I lost my card",
            "quokka marmalade 9879",
            "nine eight seven nine",
            "yes",
            "help",
            "quokka marmalade",
            "8396",
            "agent",
        ),
        (
            "ending in 8 9 6 7 holds 9,000 dollars",
            "Done: 3,917 dollars and 46 cents",
            "I will not make that transfer",
            "cannot say yet",
            "9 8 7 9 is blocked",
            "a person",
        ),
    ),
    (
        "es_US",
        (
            "transferir 3917.46 dólares de corriente a ahorros",
            "siete tres cinco uno nueve dos seis cuatro",
            "ocho tres nueve seis",
            "sí",
            "cuánto hay en mi cuenta corriente",
            "perdí mi tarjeta",
            "ocho siete ocho seis",
            "sí",
            "ñandú zarzuela siete tres cinco uno nueve dos seis cuatro",
            "",
            "agente",
        ),
        ("Listo:", "terminada en 7 6 9 3", "está bloqueada", "comunico con un colega"),
    ),
    ("en_US", ("what is my balance 73519264", *PROOF, ("error", {}), "my savings balance"), ("cannot reach",)),
    ("en_US", ("verify me", "#73519264", ("rubbish", {}), "#8396"), ("cannot reach",)),
    ("en_US", ("verify me", "#73519264", ("drip", {}), "#8396"), ("cannot reach",)),
    ("en_US", ("verify me", *("#91827364", "#8396") * 3), ("could not make sure who is calling",)),
)


@dataclass
class Talk:
    """What was said and answered on the line of one local cloud."""

    cloud: Cloud
    heard: list[str] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    def call(self, locale: str, steps: Sequence[str | Fault]) -> str:
        """A call; what was heard in it."""
        bank = Client(str(self.cloud.endpoints.bank))
        bank.fault("normal")
        call = Call(read_bots(read_languages())[locale], self.send)
        heard: list[str] = []
        for step in steps:
            if isinstance(step, tuple):
                bank.fault(step[0], **step[1])
            elif not call.has_ended:
                heard += call.hear(read_typed(step))
        bank.fault("normal")
        return "\n".join(heard)

    def send(self, event: Any) -> Any:
        answer = DeployedFunction(self.cloud.client("lambda"))(event)
        self.answers.append(answer)
        return answer

    @property
    def attributes(self) -> str:
        states = [answer.get("sessionState", {}) for answer in self.answers]
        return json.dumps([state.get("sessionAttributes") for state in states])


def hidden() -> Iterator[Any]:
    """Events with canaries at every place, those of Lex in all its shapes and those of others."""
    for path in sorted(EVENTS.glob("lex_*.json")):
        yield _infest(load_event(path.stem), 0)
    yield load_event("connect_invoke_lambda") | {"Name": " ".join(CANARIES.values())}
    connect = load_event("connect_invoke_lambda")
    connect["Details"]["Parameters"] = CANARIES
    yield connect
    yield {"sessionState": {"intent": {"name": "CheckBalance 73519264", "slots": {"Pin 8396": "8396"}}}}
    yield {"sessionState": "7 3 5 1 9 2 6 4", "interpretations": [CANARIES]}
    yield list(CANARIES.values())
    yield "quokka marmalade 8396"
    yield 73519264


KEPT = {"sessionId", "name", "invocationSource", "inputMode", "type", "localeId", "state", "confirmationState", "shape"}
"""What makes an event go on to where it is worked with; an attribute would come back as it was."""


def _infest(value: Any, place: int) -> Any:
    """A value with a canary in place of every text in it, and of every mapping with one in an unknown field."""
    if isinstance(value, dict):
        infested = {
            name: one if name in KEPT or name == "sessionAttributes" else _infest(one, place + number)
            for number, (name, one) in enumerate(value.items())
        }
        return (
            infested | {f"unknown {CANARIES['PIN']}": CANARIES["customer number"]}
            if "messageVersion" in value
            else infested
        )
    if isinstance(value, list):
        return [_infest(one, place + number) for number, one in enumerate(value)]
    return list(CANARIES.values())[place % len(CANARIES)] if isinstance(value, str) else value


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    """A local cloud of its own, of which everything that it holds comes from these calls."""
    cloud = start_cloud(tmp_path_factory.mktemp("privacy") / ".localcloud", "--no-reload")
    add_customers(cloud.layout.bank, [CUSTOMER])
    yield Talk(cloud)
    cloud.stop(signal.SIGTERM)


def read_files(layout: Layout) -> str:
    """What the local cloud keeps, without the parts that are read otherwise, our own code, and process ids, of which
    one may look like a PIN."""
    left_out = {layout.postgres, layout.package, layout.processes_file, layout.logs}
    files = [
        path
        for path in layout.directory.rglob("*")
        if path.is_file() and not left_out & {path, *path.parents} and "bank.sqlite" not in path.name
    ]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files if path.exists())


def read_logs(cloud: Cloud) -> str:
    """The logs, and what was shown to whoever started the cloud."""
    files = [path for path in cloud.layout.logs.iterdir() if path.name != "postgres.log"]
    return "\n".join(path.read_text(encoding="utf-8") for path in [*files, cloud.output])


def read_log_groups(cloud: Cloud) -> str:
    logs = cloud.client("logs")
    return "\n".join(
        event["message"]
        for group in logs.get_paginator("describe_log_groups").paginate()
        for one in group["logGroups"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=one["logGroupName"])
        for event in page["events"]
    )


def read_tables(cloud: Cloud) -> str:
    dynamodb = cloud.client("dynamodb")
    pages = (
        page
        for names in dynamodb.get_paginator("list_tables").paginate()
        for name in names["TableNames"]
        for page in dynamodb.get_paginator("scan").paginate(TableName=name)
    )
    return "\n".join(json.dumps(page["Items"], default=str) for page in pages)


def read_queues(cloud: Cloud) -> str:
    """Every message that waits, in whichever queue."""
    sqs, messages = cloud.client("sqs"), []
    for url in sqs.list_queues().get("QueueUrls", ()):
        while received := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30, MessageAttributeNames=["All"]
        ).get("Messages"):
            messages += received
    return json.dumps(messages)


def read_postgresql(cloud: Cloud) -> str:
    """Every row of every table, as text; bytes are hexadecimal."""
    with psycopg.connect(cloud.endpoints.postgres_dsn, autocommit=True) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert tables
        rows = [
            row
            for names in tables
            for row in connection.execute(
                sql.SQL("select entry::text from {} as entry").format(sql.Identifier(*names))
            ).fetchall()
        ]
    return "\n".join(str(row[0]) for row in rows)


def read_bank(layout: Layout) -> str:
    """The bank's books, as SQL."""
    output = io.StringIO()
    with closing(sqlite3.connect(layout.bank)) as connection:
        output.writelines(f"{line}\n" for line in connection.iterdump())
    return output.getvalue()


READERS: dict[str, Callable[[Cloud], str]] = {
    "logs": read_logs,
    "log groups": read_log_groups,
    "tables": read_tables,
    "queues": read_queues,
    "PostgreSQL": read_postgresql,
    "files": lambda cloud: read_files(cloud.layout),
}


def break_table(cloud: Cloud) -> None:
    """Let the codehook's table be one that is not there."""
    functions = cloud.client("lambda")
    variables = functions.get_function_configuration(FunctionName=CODEHOOK)["Environment"]["Variables"]
    variables |= {"CALLS_TABLE": f"{STAGE_PREFIX}nowhere"}
    functions.update_function_configuration(FunctionName=CODEHOOK, Environment={"Variables": variables})


@pytest.mark.timeout(300)
def test_no_secret_of_a_caller_is_left_behind(talk: Talk) -> None:
    for locale, steps, expected in CALLS:
        heard = talk.call(locale, steps)
        assert [words for words in expected if words not in heard] == [], heard
    for event in hidden():
        talk.send(event)
    break_table(talk.cloud)
    assert "cannot reach our systems" in talk.call("en_US", ("my savings balance", *PROOF))
    time.sleep(6)  # the state is saved every five seconds

    found = {place: SEARCH.find(read(talk.cloud)) for place, read in READERS.items()}
    assert {place: names for place, names in found.items() if names} == {}
    assert SEARCH.find(talk.attributes) == set()
    assert SEARCH.find(read_bank(talk.cloud.layout)) <= OF_THE_BANK
    for file in talk.cloud.layout.directory.glob("bank.sqlite*"):
        assert CANARIES["customer number"].encode() not in file.read_bytes()


def test_the_search_finds_what_is_planted(talk: Talk) -> None:
    """In each kind of place, and in another form each time."""
    cloud = talk.cloud
    plant_everywhere(talk)

    assert PLANT.find(talk.attributes) == {"planted"}
    for read in READERS.values():
        eventually(partial(finds_plant, read, cloud))


def finds_plant(read: Callable[[Cloud], str], cloud: Cloud) -> bool:
    return bool(PLANT.find(read(cloud)))


def plant_everywhere(talk: Talk) -> None:
    cloud = talk.cloud
    with (cloud.layout.logs / "functions.log").open("a", encoding="utf-8") as log:
        log.write(f"function\t{' '.join(PLANTED)}\n")
    logs, group = cloud.client("logs"), {"logGroupName": "planted", "logStreamName": "planted"}
    logs.create_log_group(logGroupName="planted")
    logs.create_log_stream(**group)
    logs.put_log_events(**group, logEvents=[{"timestamp": int(time.time() * 1000), "message": "aXQgaXMgNjA3MTgyOTUh"}])
    item = {"sessionId": {"S": "planted"}, "note": {"S": "six zero seven, one eight two, nine five"}}
    cloud.client("dynamodb").put_item(TableName=f"{STAGE_PREFIX}calls", Item=item)
    cloud.client("sqs").send_message(QueueUrl=cloud.queue_url("webhook-events-dlq"), MessageBody="60-71-82-95")
    cloud.query("create table planted (body bytea)")
    cloud.query("insert into planted values (%s)", f"reversed: {PLANTED[::-1]}".encode())
    event = load_event("lex_dialog_speech")
    event["sessionState"]["sessionAttributes"] = {"note": "seis cero siete uno ocho dos nueve cinco"}
    talk.send(event)


@pytest.mark.parametrize(
    "text",
    [
        *("PIN=8396", '{"pin": "8396"}', "8 3 9 6", "83-96", '["8", "3", "9", "6"]', "6938"),
        *("Eight, three, nine six", "ocho tres nueve seis"),
        *("ODM5Ng==", "eA0ODM5NiI", r"\u0038\u0033\u0039\u0036", "0x38333936"),
    ],
)
def test_a_pin_is_found_in_each_form(text: str) -> None:
    assert SEARCH.find(text) == {"PIN"}


@pytest.mark.parametrize(
    "text", ["18396", "83960", "a8396", "0.8396", "8396.25", "f0000000-8396-4000-8000-000000000000"]
)
def test_what_only_looks_like_a_pin_is_none(text: str) -> None:
    assert SEARCH.find(text) == set()
