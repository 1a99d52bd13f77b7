"""The stand-in for Bedrock as the local cloud runs it."""

import json
from pathlib import Path

import pytest
import requests

from localcloud.model.part import model_server
from tests.integration.cloud import Cloud
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


def test_a_server_of_one_s_own_answers_instead(tmp_path: Path) -> None:
    own = Running(ChatCompletions().application)
    server = model_server(tmp_path / "model.log", tmp_path, upstream=f"{own.url}/v1")
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
