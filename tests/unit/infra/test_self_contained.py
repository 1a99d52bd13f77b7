import zipfile
from pathlib import Path

from infra.packaging import Package, self_contained_zip

SITE = "python/lib/python3.11/site-packages"


def write(archive: Path, **files: str) -> None:
    with zipfile.ZipFile(archive, "w") as target:
        for name, text in files.items():
            target.writestr(name.replace("__", "/") + ".py", text)


def read(archive: Path) -> dict[str, str]:
    with zipfile.ZipFile(archive) as source:
        return {name: source.read(name).decode() for name in source.namelist()}


def test_dependencies_stand_beside_the_application(tmp_path: Path) -> None:
    packaged = Package(tmp_path)
    write(packaged.application, app="app", chalicelib__wiring="wiring")
    with zipfile.ZipFile(packaged.layer, "w") as layer:
        layer.writestr(f"{SITE}/psycopg/__init__.py", "psycopg")

    self_contained_zip(packaged, tmp_path / "whole.zip")

    assert read(tmp_path / "whole.zip") == {
        "app.py": "app",
        "chalicelib/wiring.py": "wiring",
        "psycopg/__init__.py": "psycopg",
    }


def test_a_package_without_dependencies_stays_as_it_is(tmp_path: Path) -> None:
    packaged = Package(tmp_path)
    write(packaged.application, app="app")

    self_contained_zip(packaged, tmp_path / "whole.zip")

    assert read(tmp_path / "whole.zip") == {"app.py": "app"}
