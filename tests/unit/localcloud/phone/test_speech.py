import pytest

from localcloud.phone.speech import heard


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<speak>Good day.</speak>", "Good day."),
        ("<speak>One<break time='300ms'/>two</speak>", "One two"),
        ('<speak>Card <say-as interpret-as="digits">9876</say-as>.</speak>', "Card 9 8 7 6."),
        ('<speak><say-as interpret-as="currency">USD 12.50</say-as></speak>', "USD 12.50"),
        ('<speak>Ask <sub alias="the bank">FDB</sub>!</speak>', "Ask the bank!"),
        ("<speak>\n  <s>One.</s>\n  <s>Two &amp; three.</s>\n</speak>", "One. Two & three."),
        ('<speak><prosody rate="slow">Slow <emphasis>down</emphasis></prosody>, please</speak>', "Slow down, please"),
    ],
)
def test_ssml_is_heard_as_its_words(content: str, text: str) -> None:
    assert heard("SSML", content) == text


def test_plain_text_is_heard_as_it_is() -> None:
    assert heard("PlainText", "1 < 2") == "1 < 2"


@pytest.mark.parametrize("kind", ["CustomPayload", "ImageResponseCard"])
def test_nobody_hears_what_is_shown(kind: str) -> None:
    assert heard(kind, "{}") == ""


@pytest.mark.parametrize("content", ["Good day.", "<speak>1 < 2</speak>", "<p>Good day.</p>"])
def test_ssml_that_is_none_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match="SSML"):
        heard("SSML", content)
