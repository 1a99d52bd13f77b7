"""The scripted calls of the documentation, on the deployed codehook: each goes as its transcript says."""

import re
import time
from pathlib import Path

import pytest
import requests

from localcloud.layout import ROOT
from tests.integration.cloud import Cloud

SCRIPTS = sorted((ROOT / "docs" / "calls").glob("*.txt"))
BREAKER_SECONDS = 31
"""After this long a bank that failed before is asked again."""

DATE = re.compile(r"\b\d{1,2}/\d{1,2}/\d{4}\b")


def written(name: str) -> list[str]:
    """The transcript of a call in docs/calls.md, without the dates."""
    text = (ROOT / "docs" / "calls.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"^## \[{name}\].*?^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return DATE.sub("DATE", block).splitlines()


def play(cloud: Cloud, script: Path, transcript: Path) -> str | None:
    """What went wrong in a call, if anything."""
    result = cloud.command("call", "--script", str(script), "--transcript", str(transcript), check=False)
    return None if result.returncode == 0 else result.stdout + result.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_call_goes_as_it_is_written(cloud: Cloud, script: Path, tmp_path: Path) -> None:
    transcript = tmp_path / "transcript.txt"
    failure = play(cloud, script, transcript)
    if failure and "cannot reach our systems" in failure:  # some other test's bank failed until just now
        time.sleep(BREAKER_SECONDS)
        failure = play(cloud, script, transcript)

    assert failure is None
    assert DATE.sub("DATE", transcript.read_text(encoding="utf-8")).splitlines() == written(script.stem)


def test_every_script_has_its_transcript() -> None:
    text = (ROOT / "docs" / "calls.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^## \[([\w-]+)\]", text, re.MULTILINE)) == {script.stem for script in SCRIPTS}


def test_a_call_from_the_keyboard(cloud: Cloud) -> None:
    result = cloud.command("call", "--locale", "es_US", "--events", input="ayuda\n")

    assert "caller: ayuda" in result.stdout
    assert '"invocationSource": "DialogCodeHook"' in result.stdout
    assert "bot: " in result.stdout
    assert result.stdout.endswith("(the call has ended)\n")


def test_a_language_that_the_bot_does_not_speak_is_refused(cloud: Cloud) -> None:
    result = cloud.command("call", "--locale", "tlh", check=False)

    assert (result.returncode, result.stderr) == (1, "Error: The bot does not speak tlh, but en_US, es_US.\n")


def test_the_page_calls_the_deployed_codehook(cloud: Cloud) -> None:
    url = f"{cloud.endpoints.http}/phone"
    assert requests.get(url, timeout=10).headers["Content-Type"] == "text/html; charset=utf-8"

    call = requests.post(f"{url}/calls", json={"locale": "en_US"}, timeout=10).json()["call"]
    turn = requests.post(f"{url}/calls/{call}", json={"say": "agent"}, timeout=60).json()

    assert turn["ended"] is True
    assert turn["heard"][-1] == "(transferred to a person)"
    (exchange,) = turn["exchanges"][:1]
    assert exchange["event"]["sessionState"]["intent"]["name"] == "SpeakToAgent"
