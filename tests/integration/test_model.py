"""The stand-in for Bedrock as the local cloud runs it."""

import json
from pathlib import Path

import pytest
import requests

from localcloud.model.part import ModelServer
from tests.integration.cloud import Cloud, eventually
from tests.integration.test_ops import ops_json
from tests.unit.localcloud.model.serving import HELLO, MODEL, ChatCompletions, Running, bedrock


def test_it_answers_at_the_published_address(cloud: Cloud) -> None:
    assert cloud.endpoints.model is not None

    answer = bedrock(cloud.endpoints.model, read_timeout=20).converse(modelId=MODEL, messages=HELLO)

    assert "working day" in answer["output"]["message"]["content"][0]["text"]


def test_its_faults_are_chosen_by_command(cloud: Cloud) -> None:
    cloud.command("model", "throttle", "--times", "3")

    shown = json.loads(cloud.command("model").stdout)
    assert (shown["fault"], shown["times"]) == ("throttle", 3)
    assert json.loads(cloud.command("model", "normal").stdout)["fault"] == "normal"
    assert "throttle" in cloud.command("model", "--help").stdout


def test_that_it_is_dead_is_seen_and_told(cloud: Cloud) -> None:
    cloud.command("kill", "model", "--seconds", "8")
    try:
        findings = {one["subject"]: one for one in ops_json(cloud, "doctor", code=1)}
        asked = cloud.command("model", check=False)
    finally:
        eventually(lambda: cloud.command("model", check=False).returncode == 0, seconds=60)

    assert (findings["model"]["level"], findings["WebSocket"]["level"]) == ("bad", "good")
    assert "try again in a moment" in asked.stderr
    assert "urllib3" not in asked.stderr
    assert "answers" in {one["subject"]: one for one in ops_json(cloud, "doctor", "--ask-model")}["model"]["text"]


def test_a_server_of_one_s_own_answers_instead(tmp_path: Path) -> None:
    own = Running(ChatCompletions().application)
    server = ModelServer(tmp_path / "model.log", tmp_path, upstream=f"{own.url}/v1")
    server.launch()
    try:
        server.wait()
        answer = bedrock(server.url).converse(modelId=MODEL, messages=HELLO)
    finally:
        server.stop()
        own.stop()

    assert answer["output"]["message"]["content"] == [{"text": "Hello, Grüße!"}]
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/control", timeout=5)
