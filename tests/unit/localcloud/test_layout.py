import multiprocessing
from pathlib import Path

import pytest

from localcloud.layout import Endpoints, Layout
from localcloud.processes import StartError, free_port

ENDPOINTS = Endpoints("http://127.0.0.1:8000", None, "http://127.0.0.1:4566", "postgresql://", None, None)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / ".localcloud")
    layout.create()
    return layout


def test_without_a_folder_nothing_runs(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "absent")

    assert not layout.is_running()
    with pytest.raises(StartError, match="make run"):
        layout.endpoints()


def test_the_one_that_holds_the_folder_is_found(layout: Layout) -> None:
    with layout.locked():
        layout.publish(ENDPOINTS)

        assert layout.is_running()
        assert layout.endpoints() == ENDPOINTS
    assert not layout.is_running()


def test_addresses_of_one_that_died_are_not_believed(layout: Layout) -> None:
    with layout.locked():
        layout.publish(ENDPOINTS)

    with pytest.raises(StartError):
        layout.endpoints()


def try_to_lock(directory: Path) -> str:
    try:
        with Layout(directory).locked():
            return "locked"
    except StartError as error:
        return str(error)


def test_only_one_holds_a_folder(layout: Layout) -> None:
    with layout.locked(), multiprocessing.get_context("spawn").Pool(1) as pool:
        said = pool.apply(try_to_lock, [layout.directory])

    assert "already runs" in said
    assert "python -m localcloud --directory OTHER up" in said


def test_what_is_remembered_is_private(layout: Layout) -> None:
    layout.remember({"postgres_password": "secret"})
    layout.remember({"postgres_port": "5432"})

    assert layout.settings() == {"postgres_password": "secret", "postgres_port": "5432"}
    assert layout.settings_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"postgres_port": 7}', "null"])
def test_damaged_settings_say_what_to_do(layout: Layout, text: str) -> None:
    layout.settings_file.write_text(text)

    with pytest.raises(StartError, match="reset"):
        layout.settings()


@pytest.mark.parametrize("port", ["abc", "-1", "99999", ""])
def test_a_port_that_is_none_is_forgotten(layout: Layout, port: str) -> None:
    layout.remember({"postgres_port": port})

    assert layout.port("postgres_port") == 0


def test_a_pause_runs_out(layout: Layout) -> None:
    layout.pause("postgres", 60)
    layout.pause("ministack", -1)

    assert 59 < layout.pause_of("postgres") <= 60
    assert layout.pause_of("ministack") == 0
    assert layout.pause_of("nothing") == 0


def test_a_preferred_port_is_taken_when_it_is_free() -> None:
    port = free_port()

    assert free_port(port) == port
