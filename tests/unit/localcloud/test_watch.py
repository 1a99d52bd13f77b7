from pathlib import Path

import pytest

from localcloud.watch import changed, needs_stack_update, snapshot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("one")
    (tmp_path / "chalicelib" / "webhooks").mkdir(parents=True)
    (tmp_path / "chalicelib" / "webhooks" / "intake.py").write_text("one")
    return tmp_path


def test_nothing_changed(root: Path) -> None:
    assert changed(snapshot(root), snapshot(root)) == set()


def test_changed_new_and_removed_files_are_noticed(root: Path) -> None:
    before = snapshot(root)
    intake, new = root / "chalicelib" / "webhooks" / "intake.py", root / "chalicelib" / "new.sql"
    intake.write_text("two lines")
    new.write_text("select 1")
    (root / "app.py").unlink()

    assert changed(before, snapshot(root)) == {intake, new, root / "app.py"}


def test_bytecode_and_other_folders_are_none_of_its_business(root: Path) -> None:
    before = snapshot(root)
    (root / "chalicelib" / "__pycache__").mkdir()
    (root / "chalicelib" / "__pycache__" / "x.pyc").write_bytes(b"")
    (root / "README.md").write_text("x")

    assert changed(before, snapshot(root)) == set()


def test_what_the_app_listens_to_may_have_changed_with_app_py(root: Path) -> None:
    assert needs_stack_update({root / "app.py"}, root)
    assert not needs_stack_update({root / "chalicelib" / "webhooks" / "intake.py"}, root)
