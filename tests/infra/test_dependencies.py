"""The layer's packages come from wheels with the locked hash, for Lambda's machine whatever this one is."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from infra.dependencies import install
from infra.errors import DependencyError

VERSION = "1.0"
METADATA = f"Metadata-Version: 2.1\nName: parcel\nVersion: {VERSION}\n"
SCRIPT = "[console_scripts]\nparcel = parcel:main\n"


def write_wheel(directory: Path, tag: str = "py3-none-any") -> str:
    """A wheel of a package ``parcel`` with a script; returns its hash."""
    directory.mkdir(exist_ok=True)
    path, folder = directory / f"parcel-{VERSION}-{tag}.whl", f"parcel-{VERSION}.dist-info"
    contents = {
        "parcel/__init__.py": "def main(): pass\n",
        f"{folder}/METADATA": METADATA,
        f"{folder}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{folder}/entry_points.txt": SCRIPT,
        f"{folder}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lock(directory: Path, wheels: Path, *hashes: str) -> Path:
    file = directory / "requirements.txt"
    hashed = "".join(f" \\\n    --hash=sha256:{digest}" for digest in hashes)
    file.write_text(f"--no-index\n--find-links {wheels}\nparcel=={VERSION}{hashed}\n", encoding="utf-8")
    return file


def test_a_wheel_with_the_locked_hash_is_installed(tmp_path: Path) -> None:
    digest = write_wheel(tmp_path / "wheels")

    install(lock(tmp_path, tmp_path / "wheels", digest), tmp_path / "vendor")

    found = {str(path.relative_to(tmp_path / "vendor")) for path in (tmp_path / "vendor").rglob("*") if path.is_file()}
    assert "parcel/__init__.py" in found
    assert {name for name in found if name.startswith("bin/") or name.endswith(("RECORD", ".pyc"))} == set()


def test_another_file_of_the_same_version_is_refused(tmp_path: Path) -> None:
    write_wheel(tmp_path / "wheels")
    another = hashlib.sha256(b"another").hexdigest()

    with pytest.raises(DependencyError, match="DO NOT MATCH THE HASHES"):
        install(lock(tmp_path, tmp_path / "wheels", another), tmp_path / "vendor")


def test_a_dependency_without_a_hash_is_refused(tmp_path: Path) -> None:
    write_wheel(tmp_path / "wheels")

    with pytest.raises(DependencyError, match="require-hashes"):
        install(lock(tmp_path, tmp_path / "wheels"), tmp_path / "vendor")


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", "x86_64"), ("arm64", "aarch64")])
def test_compiled_wheels_are_those_of_lambda_s_machine(tmp_path: Path, architecture: str, machine: str) -> None:
    """Whatever machine packages, and whichever wheels there are beside."""
    tags = [f"py3-none-{each}" for each in ("macosx_11_0_arm64", "manylinux_2_17_x86_64", "manylinux_2_17_aarch64")]
    hashes = {tag: write_wheel(tmp_path / "wheels", tag) for tag in tags}

    install(lock(tmp_path, tmp_path / "wheels", *hashes.values()), tmp_path / "vendor", architecture)  # type: ignore[arg-type]

    (description,) = (tmp_path / "vendor").glob("*.dist-info/WHEEL")
    assert f"Tag: py3-none-manylinux_2_17_{machine}" in description.read_text(encoding="utf-8")


@pytest.mark.parametrize("tag", ["py3-none-macosx_11_0_arm64", "py3-none-manylinux_2_39_x86_64"])
def test_without_a_wheel_for_lambda_nothing_is_packaged(tmp_path: Path, tag: str) -> None:
    """Chalice would warn and leave the dependency out. The second is built for a newer glibc than Lambda's."""
    digest = write_wheel(tmp_path / "wheels", tag)

    with pytest.raises(DependencyError, match="cannot be packaged for x86_64"):
        install(lock(tmp_path, tmp_path / "wheels", digest), tmp_path / "vendor")
