from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.cli import main
from infra.command import package_for
from infra.errors import DeploymentError, PackagingError
from infra.folders import MARK, PACKAGE, PROJECT, ROOT, Mark, check_replaceable, hash_of_sources, read_mark
from infra.packaging import Package, package


def check(folder: Path) -> None:
    check_replaceable(folder, PACKAGE, list(folder.iterdir()) if folder.exists() else [])


def test_what_is_new_empty_or_ours_may_be_replaced(tmp_path: Path) -> None:
    check(tmp_path / "new")
    check(tmp_path)
    (tmp_path / "template.json").touch()
    Mark.of(PACKAGE, "dev").write(tmp_path)
    check(tmp_path)


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()

    with pytest.raises(PackagingError, match=r"holds what is no package of ours, such as thesis\.txt"):
        check(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "\x00", '{"kind": "package"}'])
def test_a_damaged_mark_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / MARK).write_text(text)

    assert read_mark(tmp_path) is None
    with pytest.raises(PackagingError, match="no package of ours"):
        check(tmp_path)


def test_a_project_is_no_package(tmp_path: Path) -> None:
    """It holds what Chalice remembers."""
    Mark.of(PROJECT, "dev").write(tmp_path)

    with pytest.raises(PackagingError, match="no package of ours"):
        check(tmp_path)


@pytest.mark.parametrize("kind", [PACKAGE, PROJECT])
def test_neither_home_nor_the_sources_are_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    home = tmp_path / "people" / "me"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    Mark.of(kind, "dev").write(home)

    for folder in (home, home.parent, Path("/"), ROOT, ROOT.parent, ROOT / "infra" / ".."):
        with pytest.raises(PackagingError, match="name a folder of its own"):
            check_replaceable(folder, kind, [])


def test_links_and_files_are_no_folders(tmp_path: Path) -> None:
    folder, link, file = tmp_path / "folder", tmp_path / "link", tmp_path / "file"
    folder.mkdir()
    link.symlink_to(folder)
    file.touch()

    with pytest.raises(PackagingError, match="is a link: name the folder itself"):
        check(link)
    with pytest.raises(PackagingError, match="is no folder"):
        check_replaceable(file, PACKAGE, [])


def test_packaging_refuses_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept.txt"
    kept.touch()

    result = CliRunner().invoke(main, ["package", "--output", str(tmp_path)])

    assert result.exit_code == 1
    assert "such as kept.txt: name another folder" in result.stderr
    assert kept.exists()
    monkeypatch.chdir(ROOT)
    with pytest.raises(PackagingError, match="name a folder of its own"):
        package("dev", Path())


def test_the_hash_is_that_of_what_is_packaged(tmp_path: Path) -> None:
    (tmp_path / "chalicelib" / "__pycache__").mkdir(parents=True)
    (tmp_path / "app.py").touch()
    before = hash_of_sources(tmp_path)
    (tmp_path / "chalicelib" / "__pycache__" / "x.pyc").touch()
    (tmp_path / "README.md").touch()

    assert hash_of_sources(tmp_path) == before
    (tmp_path / "chalicelib" / "x.py").touch()
    assert hash_of_sources(tmp_path) != before


@pytest.fixture
def made(tmp_path: Path) -> Path:
    found = Package(tmp_path)
    for file in (found.template, found.application):
        file.touch()
    Mark.of(PACKAGE, "dev").write(tmp_path)
    return tmp_path


def test_a_package_of_these_sources_is_taken(made: Path) -> None:
    assert package_for("dev", made, Path("unused")) == Package(made)


def test_a_package_of_another_stage_is_refused(made: Path) -> None:
    with pytest.raises(DeploymentError, match=r"is of the stage dev, not prod: python -m infra package --stage prod"):
        package_for("prod", made, Path("unused"))


@pytest.mark.parametrize("mark", [Mark(PACKAGE, "dev", "0.0.1", hash_of_sources()), Mark(PACKAGE, "dev", "1", "0f")])
def test_a_package_of_other_sources_is_refused(made: Path, mark: Mark) -> None:
    mark.write(made)

    with pytest.raises(DeploymentError, match=f"version {mark.version}. is made from other sources than these"):
        package_for("dev", made, Path("unused"))


def test_a_package_that_does_not_say_what_it_is_is_refused(made: Path) -> None:
    (made / MARK).unlink()

    with pytest.raises(DeploymentError, match="does not say which stage it is of"):
        package_for("dev", made, Path("unused"))
