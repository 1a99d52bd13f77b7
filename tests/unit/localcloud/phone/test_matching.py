"""What callers say, and which intent they mean by it."""

import pytest

from chalicelib.voice.bot import FALLBACK
from localcloud.phone.matching import match
from tests.unit.localcloud.phone.codehook import bot


@pytest.mark.parametrize("locale", ["en_US", "es_US"])
def test_every_sample_utterance_means_its_intent(locale: str) -> None:
    spoken = bot(locale)
    said = {"AccountType": spoken.slot_types["AccountType"].values["savings"][1], "TransferAmount": "250"}
    said |= {"FromAccount": said["AccountType"], "ToAccount": said["AccountType"]}

    for intent in spoken.intents:
        for utterance in intent.utterances:
            text = utterance.replace("{", "").replace("}", "")
            for name, value in said.items():
                text = text.replace(name, value)
            found = match(text, spoken)
            assert found is not None, text
            assert found.intent.name == intent.name, text


@pytest.mark.parametrize(
    ("said", "intent", "values"),
    [
        ("Could you check my balance, please?", "CheckBalance", {}),
        ("I think I lost my card yesterday", "ReportLostCard", {}),
        ("what's my checking account balance", "CheckBalance", {"AccountType": "checking"}),
        ("I need help", "Help", {}),
        ("please transfer $1,250.50 from savings to my checking", "TransferFunds", {}),
        (
            "transfer five hundred dollars from my savings to credit card",
            "TransferFunds",
            {"TransferAmount": "500", "FromAccount": "savings", "ToAccount": "credit"},
        ),
        ("get me a representative now", "SpeakToAgent", {}),
        ("No, I lost my card", "ReportLostCard", {}),
        ("No, that's all.", "Goodbye", {}),
        ("thanks a lot", "Goodbye", {}),
    ],
)
def test_words_around_an_utterance_do_no_harm(said: str, intent: str, values: dict[str, str]) -> None:
    found = match(said, bot())

    assert found is not None
    assert found.intent.name == intent
    if values:
        assert {name: value.interpreted for name, value in found.values.items()} == values


@pytest.mark.parametrize(
    "said", ["", "good morning", "I have no idea", "1234", "my", "transfer my balance to the moon"]
)
def test_what_means_nothing_is_nothing(said: str) -> None:
    found = match(said, bot())

    assert found is None or found.intent.name != FALLBACK
    if said != "transfer my balance to the moon":
        assert found is None
