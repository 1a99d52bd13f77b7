"""The transcript's reducer by itself, run where it runs: in the browser."""

import json
import random

from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.stand_in import Frame, StandIn, streamed

# Gives the frames of each case to a new transcript, and after each frame what would be shown.
RUN = """async (cases) => {
  const told = await import("./assets/transcript.js");
  const steps = { session: (state, frame) => told.load(state, frame.history), ack: told.acknowledge,
    delta: told.addDelta, message: (state, frame) => told.addTurn(state, frame, null) };
  return JSON.stringify(JSON.parse(cases).map(({ pending, frames }) => {
    let state = pending.reduce((before, message) => told.addPending(before, message), told.EMPTY);
    return frames.map((frame) => {
      state = steps[frame.type](state, frame);
      return told.items(state).map(({ key, state, seq, author, content }) => ({ key, state, seq, author, content }));
    });
  }));
}"""

PIECES = ["One ", "two ", "three ", "four"]


def run(open_page: OpenPage, stand_in: StandIn, cases: list[Frame]) -> list[list[list[Frame]]]:
    page: Page = open_page(f"{stand_in.address}/desk")
    shown: list[list[list[Frame]]] = json.loads(page.evaluate(RUN, json.dumps(cases)))
    return shown


def case(seed: int) -> Frame:
    """Two messages, the first answered in a second attempt; all in some order, much of it twice."""
    rng = random.Random(seed)
    stored = [
        {"seq": 1, "author": "customer", "content": "first", "message_id": "m-1"},
        {"seq": 2, "author": "customer", "content": "second", "message_id": "m-2"},
        {"seq": 3, "author": "bot", "content": "".join(PIECES), "message_id": "m-1", "response_id": "r-1"},
        {"seq": 4, "author": "agent", "content": "I take over", "message_id": "a-1"},
        {"seq": 5, "author": "system", "content": "Anna has joined."},
    ]
    frames: list[Frame] = [{"type": "ack", "message_id": turn["message_id"], "seq": turn["seq"]} for turn in stored[:2]]
    frames += streamed("m-1", "Wrong ", "start") + streamed("m-1", *PIECES, attempt=2)
    frames += [{"type": "message", **turn} for turn in stored[2:]]
    frames += [{"type": "session", "history": stored[: rng.randrange(len(stored) + 1)]}] * rng.randrange(2)
    frames += rng.sample(frames, rng.randrange(len(frames)))
    rng.shuffle(frames)
    # A history replaces all that came before it, so that what it lacks has to come after it, as from the server.
    frames.append({"type": "session", "history": stored})
    pending = [
        {"messageId": turn["message_id"], "content": turn["content"], "author": "customer"} for turn in stored[:2]
    ]
    return {"pending": pending, "frames": frames}


def test_in_whatever_order_frames_come_nothing_is_shown_twice_and_in_the_end_all(
    open_page: OpenPage, stand_in: StandIn
) -> None:
    cases = [case(seed) for seed in range(200)]

    for given, shown in zip(cases, run(open_page, stand_in, cases), strict=True):
        stored = given["frames"][-1]["history"]
        for items in shown:
            keys = [item["key"] for item in items]
            numbers = [item["seq"] for item in items if item["state"] == "stored"]
            drafts = [item["content"] for item in items if item["state"] == "draft"]
            assert len(set(keys)) == len(keys)
            assert numbers == sorted(set(numbers))
            assert all("".join(PIECES).startswith(text) or "Wrong start".startswith(text) for text in drafts)
            assert sum(item["content"] == "first" for item in items) <= 1
            assert sum(item["content"] == "".join(PIECES) for item in items if item["state"] == "stored") <= 1
        assert [(item["author"], item["content"]) for item in shown[-1]] == [
            (turn["author"], turn["content"]) for turn in stored
        ]


def test_a_history_without_names_still_settles_what_is_on_its_way(open_page: OpenPage, stand_in: StandIn) -> None:
    frames: list[Frame] = [
        {"type": "session", "history": [{"seq": 1, "author": "customer", "content": "hello"}]},
        {"type": "ack", "message_id": "m-1", "seq": 1},
    ]
    pending = [{"messageId": "m-1", "content": "hello", "author": "customer"}]

    shown = run(open_page, stand_in, [{"pending": pending, "frames": frames}])[0]

    assert [(item["state"], item["content"]) for item in shown[-1]] == [("stored", "hello")]


def test_ids_that_every_object_has_are_ids_like_others(open_page: OpenPage, stand_in: StandIn) -> None:
    page: Page = open_page(f"{stand_in.address}/desk")

    for name in ("constructor", "toString", "__proto__", "hasOwnProperty"):
        shown = page.evaluate(
            """async (id) => {
              const told = await import("./assets/transcript.js");
              const sent = told.addPending(told.EMPTY, { messageId: id, content: "hello", author: "customer" });
              const draft = told.addDelta(sent, { message_id: id, attempt: 1, index: 0, text: "Hi" });
              return [sent, draft].map((state) => [told.unsent(state).length, told.items(state)]);
            }""",
            name,
        )
        assert [unsent for unsent, _ in shown] == [1, 1]
        assert [(item["state"], item["content"], item["problem"]) for _, items in shown for item in items] == [
            ("sending", "hello", None),
            ("sending", "hello", None),
            ("draft", "Hi", None),
        ]
