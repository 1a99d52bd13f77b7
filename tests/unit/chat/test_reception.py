"""Reception: what customers hear at once, and what it costs."""

import json

import pytest

from chalicelib.aws.tables import RefusedError
from chalicelib.chat.handoff import DESK, MAX_LINE, WAITING
from chalicelib.chat.messages import RateLimitedError
from chalicelib.chat.model import Stop, Text, ToolUse
from chalicelib.chat.sessions import Connection
from chalicelib.errors import UnauthorizedError
from tests.builders import NOW
from tests.unit.chat.world import World

REQUESTS = frozenset({"get_item", "query", "put_item", "update_item", "delete_item", "transact_write_items"})


@pytest.fixture
def session_id(world: World) -> str:
    return world.begin()


def codes(world: World, connection_id: str = "c1") -> list[str]:
    return [frame["code"] for frame in world.sockets.to(connection_id, "error")]


class TestAMessage:
    def test_is_stored_queued_and_acknowledged(self, world: World, session_id: str) -> None:
        world.say("Hi")

        assert world.said(session_id) == [("customer", "Hi")]
        assert world.queue.sent == [(session_id, session_id)]
        assert world.sockets.to("c1") == [{"type": "ack", "message_id": "m1", "seq": 1}]

    def test_has_no_ack_when_it_is_not_stored(self, world: World, session_id: str) -> None:
        world.requests.errors["transact_write_items"] = [RefusedError("no leave")]

        world.say("Hi")

        assert codes(world) == ["unavailable"]
        assert world.sockets.to("c1", "error")[0]["message_id"] == "m1"
        assert (world.sockets.to("c1", "ack"), world.queue.sent) == ([], [])

    def test_has_no_ack_when_it_is_not_queued(self, world: World, session_id: str) -> None:
        world.queue.broken = True
        world.say("Hi")
        assert codes(world) == ["unavailable"]
        assert world.sockets.to("c1", "ack") == []

        world.queue.broken = False
        world.say("Hi")

        assert world.queue.sent == [(session_id, session_id)]
        assert world.sockets.to("c1", "ack") == [{"type": "ack", "message_id": "m1", "seq": 1}]
        assert world.said(session_id) == [("customer", "Hi")]

    def test_that_is_repeated_is_queued_until_it_is_answered(self, world: World, session_id: str) -> None:
        world.say("Hi")
        world.say("Hi")
        assert len(world.queue.sent) == 2

        world.answering.answer(session_id, receives=1)
        world.sockets.frames.clear()
        world.say("Hi")

        assert len(world.queue.sent) == 2
        assert [frame["type"] for frame in world.sockets.to("c1")] == ["ack", "message"]
        assert world.sockets.to("c1", "message")[0]["content"] == "Hello."

    def test_goes_to_the_agent_while_there_is_one(self, world: World, session_id: str) -> None:
        text, _ = world.tokens.ticket(agent="Ann")
        assert world.reception.connect("a1", {"ticket": text}) == 200
        world.set_meta(session_id, status="handoff", agent="Ann")

        world.say("Hello, person")

        assert world.queue.sent == []
        (told,) = world.sockets.to("a1", "message")
        assert (told["content"], told["session_id"]) == ("Hello, person", session_id)
        world.say("Other words")
        assert world.sockets.to("a1", "message") == [told, told], "the first may not have arrived"
        assert world.sockets.to("c1", "ack")


class TestRepeats:
    """What is no new message has a share of the connection's: sixty at once, and then one every two seconds."""

    def test_of_a_message_that_is_answered(self, world: World, session_id: str) -> None:
        world.say("Hi")
        world.answering.answer(session_id, receives=1)
        world.sockets.frames.clear()

        for _ in range(80):
            world.say("Hi")

        assert (len(world.sockets.to("c1", "message")), len(world.sockets.to("c1", "error"))) == (60, 20)
        assert set(codes(world)) == {"rate_limited"}
        assert world.sockets.to("c1", "error")[0]["message_id"] == "m1"
        world.clock.now += 2
        world.say("Hi")
        assert len(world.sockets.to("c1", "message")) == 61

    def test_of_one_that_waits_are_queued_once_more(self, world: World, session_id: str) -> None:
        for _ in range(80):
            world.say("Hi")

        assert len(world.queue.sent) == 2, "the message itself, and the first that repeats it"

    def test_are_not_told_to_an_agent_who_is_done(self, world: World, session_id: str) -> None:
        text, _ = world.tokens.ticket(agent="Ann")
        world.reception.connect("a1", {"ticket": text})
        world.set_meta(session_id, status="handoff", agent="Ann")
        world.say("Hello, person")
        world.set_meta(session_id, status="closed")

        world.say("Hello, person")

        assert len(world.sockets.to("a1", "message")) == 1
        assert len(world.sockets.to("c1", "ack")) == 2

    @pytest.mark.parametrize(("action", "answer"), [("hello", "session"), ("request_human", "handoff")])
    def test_of_other_frames(self, world: World, session_id: str, action: str, answer: str) -> None:
        for _ in range(80):
            world.send(action=action)

        assert (len(world.sockets.to("c1", answer)), codes(world)) == (60, ["rate_limited"] * 20)
        world.say("Hi")
        assert world.sockets.to("c1", "ack"), "messages do not wait for it"

    def test_that_come_at_the_same_time_count_each(self, world: World, session_id: str) -> None:
        before = world.sessions.connection("c1")
        assert before

        for _ in range(60):
            world.reception.messages.charge(before)

        with pytest.raises(RateLimitedError):
            world.reception.messages.charge(before)

    def test_of_a_connection_that_is_gone(self, world: World, session_id: str) -> None:
        with pytest.raises(UnauthorizedError):
            world.reception.messages.charge(Connection("c9", session_id))


class TestAnAgentsToken:
    def test_ends_its_socket_too(self, world: World) -> None:
        token, expires_at = world.tokens.agent_token("Ann", 600)
        assert world.connect(world.post(token=token), "a1") == 200
        world.send("a1", action="hello")
        assert world.handoffs.is_staffed()
        world.sockets.frames.clear()

        world.clock.now = expires_at
        world.desk.show_queue()
        world.send("a1", action="hello")

        assert [frame["type"] for frame in world.sockets.to("a1")] == ["error"]
        assert codes(world, "a1") == ["unauthorized"]
        assert world.sockets.closed == ["a1"]
        assert not world.handoffs.is_staffed()
        assert [agent.gone_at for agent in world.desk.agents()] == [expires_at]


class TestCosts:
    """Round trips of an ordinary message. Each request below comes after the one before, but for two."""

    def test_three_before_the_ack(self, world: World, session_id: str) -> None:
        world.requests.made.clear()
        world.say("Hi")
        assert world.requests.made == ["get_item", "get_item", "transact_write_items"]

    def test_a_burst_costs_no_more(self, world: World, session_id: str) -> None:
        for number in range(5):
            world.requests.made.clear()
            world.say("Hi", f"m{number}")
            assert len(world.requests.made) == 3

    def test_one_before_the_model_and_eight_in_all(self, world: World, session_id: str) -> None:
        world.set_meta(session_id, summary_upto=1)
        world.requests.made.clear()
        world.say("Hi")
        before = list[str]()
        world.model.scripts = [[lambda: before.extend(world.requests.made[3:]), Text("Hello."), Stop("end_turn")]]

        world.answering.answer(session_id, receives=1)

        assert sorted(before) == ["get_item", "query", "query"], "all three at the same time"
        assert world.requests.made[-1] == "transact_write_items"
        assert len(world.requests.made) <= 8
        assert set(world.requests.made) <= REQUESTS


class TestHello:
    def test_shows_the_session_and_its_history(self, world: World, session_id: str) -> None:
        world.say("Hi")
        world.answering.answer(session_id, receives=1)

        world.send(action="hello")

        (greeting,) = world.sockets.to("c1", "session")
        assert (greeting["session_id"], greeting["status"]) == (session_id, "active")
        assert [(entry["seq"], entry["author"]) for entry in greeting["history"]] == [(1, "customer"), (2, "bot")]

    def test_from_a_connection_that_was_taken_over(self, world: World, session_id: str) -> None:
        world.set_meta(session_id, connection_id="c2")
        world.send(action="hello")
        world.send(action="request_human")
        world.say("Hi")
        assert codes(world) == ["unauthorized"] * 3

    def test_of_a_session_that_has_ended(self, world: World, session_id: str) -> None:
        world.set_meta(session_id, ttl=int(NOW))
        world.send(action="hello")
        assert codes(world) == ["session_closed"]

    def test_from_nowhere(self, world: World) -> None:
        world.send("unknown", action="hello")
        assert codes(world, "unknown") == ["unauthorized"]


class TestAPerson:
    def test_is_asked_for_once(self, world: World, session_id: str) -> None:
        world.send(action="request_human", reason="wet parcel")
        world.send(action="request_human")

        assert [frame["status"] for frame in world.sockets.to("c1", "handoff")] == ["waiting", "waiting"]
        assert [author for author, _ in world.said(session_id)] == ["system"]
        assert len(world.handoffs.entries()) == 1
        assert codes(world) == []

    def test_of_customers_nobody_knows_so_many_may_wait(self, world: World, session_id: str) -> None:
        fill_line(world)

        world.send(action="request_human")
        known = world.begin("c2")
        world.set_meta(known, customer_id="7001")
        world.send("c2", action="request_human")

        assert codes(world) == ["rate_limited"]
        assert world.session(session_id).status == "active"
        assert world.session(known).status == "waiting"

    def test_nor_does_the_assistant_let_one_more_in(self, world: World, session_id: str) -> None:
        fill_line(world)
        world.say("A person!")
        wish = ToolUse("t1", "request_human", {"reason": "x"})
        world.model.scripts = [[wish, Stop("tool_use")], [Text("Later."), Stop("end_turn")]]

        world.answering.answer(session_id, receives=1)

        assert world.said(session_id)[-1] == ("bot", "Later.")
        assert "More people wait" in str(world.model.requests[-1])

    def test_is_not_to_be_had_any_more(self, world: World, session_id: str) -> None:
        world.set_meta(session_id, status="closed")
        world.send(action="request_human")
        assert codes(world) == ["session_closed"]


def fill_line(world: World) -> None:
    entries = [
        {"PK": DESK, "SK": f"{WAITING}{number:015}#x{number}", "session_id": f"x{number}", "customer": "anonymous"}
        | {"reason": "", "since": int(NOW), "ttl": int(NOW) + 10**6}
        for number in range(MAX_LINE)
    ]
    world.table.write_batch(puts=entries)


class TestConnections:
    def test_a_second_one_takes_over(self, world: World) -> None:
        opened = world.post()
        assert world.connect(opened, "c1") == 200
        assert world.connect(world.post(token=opened["token"]), "c2") == 200

        assert codes(world) == ["unauthorized"]
        assert world.sockets.closed == ["c1"]
        world.reception.disconnect("c1")
        assert world.session(opened["session_id"]).connection_id == "c2"
        world.say("Hi", connection_id="c2")
        assert world.sockets.to("c2", "ack")

    def test_a_disconnect_is_noted_and_may_come_twice_or_never(self, world: World, session_id: str) -> None:
        world.reception.disconnect("c1")
        world.reception.disconnect("c1")
        world.reception.disconnect("unknown")

        assert world.session(session_id).connection_id is None

    def test_a_ticket_is_used_once(self, world: World) -> None:
        opened = world.post()
        assert [world.connect(opened, "c1"), world.connect(opened, "c2")] == [200, 401]

    @pytest.mark.parametrize("query", [None, {}, {"ticket": ""}, {"ticket": "x"}, {"ticket": None}, {"ticket": ["x"]}])
    def test_others_are_refused(self, world: World, query: dict[str, object] | None) -> None:
        assert world.reception.connect("c1", query) == 401

    def test_a_ticket_of_a_session_that_ended_is_refused(self, world: World) -> None:
        for number, (name, value) in enumerate((("ttl", int(NOW)), ("status", "closed"))):
            opened = world.post()
            world.set_meta(opened["session_id"], **{name: value})
            assert world.connect(opened, f"c{number}") == 401

    def test_without_the_table_nobody_can_tell(self, world: World) -> None:
        world.requests.errors["update_item"] = [RefusedError("no leave")]
        assert world.connect(world.post(), "c1") == 503

    def test_an_old_socket_that_cannot_be_closed_stops_nobody(self, world: World) -> None:
        opened = world.post()
        world.connect(opened, "c1")
        world.sockets.broken.add("c1")
        assert world.connect(world.post(token=opened["token"]), "c2") == 200


def test_what_is_unexpected_is_not_told(world: World, session_id: str) -> None:
    world.requests.errors["get_item"] = [ValueError("a secret")]
    world.send(action="hello")
    (error,) = world.sockets.to("c1", "error")
    assert (error["code"], "secret" in error["message"]) == ("internal", False)


def test_contents_are_in_no_log_and_no_metric(
    world: World, session_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    private = ["aiko@example.com", "4111 1111 1111 1111", "+32 470 12 34 56", "Korenmarkt"]
    text = f"I am {', '.join(private)}"
    use = ToolUse("t", "look_up_order", {"number": text, "email": private[0]})
    world.model.scripts = [[use, Stop("tool_use")], [Text(text), ValueError("broken")], [Text(text), Stop("end_turn")]]

    world.say(text)
    world.send(action="request_human", reason=text * 20)
    world.reception.receive("c1", json.dumps({"action": text}))
    world.requests.errors["transact_write_items"] = [RefusedError("no leave")]
    world.say(text, "m2")
    with pytest.raises(ValueError, match="broken"):
        world.answering.answer(session_id, receives=1)
    world.answering.answer(session_id, receives=2)
    world.send(action="request_human", reason=text)

    written = capsys.readouterr().out
    assert "ChatMessages" in written
    assert not [word for word in private if word in written]
