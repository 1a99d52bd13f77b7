"""What cold start and size look at: Frontdesk's package, the plain design's, and a stand-in for Lambda's runtime."""

import compileall
import importlib.util
import os
import py_compile
import shutil
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import chalice

from infra.packaging import Package, package

_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What Lambda's Python runtime brings, each with its bytecode."""

_PLAIN_DISTRIBUTIONS = (
    "aws-lambda-powertools",
    "psycopg",
    "psycopg-binary",
    "typing_extensions",
    "requests",
    "certifi",
    "charset-normalizer",
    "idna",
)
"""What the plain design puts beside its code. It uses the runtime's urllib3, though pip would bring another."""

_PLAIN_SOURCES = Path(__file__).with_name("plain")


@dataclass(frozen=True)
class Packages:
    """All that was packaged, below one folder; ``frontdesk`` are the archives, the rest are unpacked trees."""

    directory: Path
    frontdesk: Package

    @property
    def application(self) -> Path:
        return self.directory / "application"

    @property
    def layer(self) -> Path:
        """The folder of the unpacked layer that Python searches."""
        (found,) = (self.directory / "layer").glob("python/lib/python3.*/site-packages")
        return found

    @property
    def runtime(self) -> Path:
        return self.directory / "runtime"

    @property
    def in_one(self) -> Path:
        """The application and what is in its layer in one folder, as one zip without a layer would be unpacked."""
        return self.directory / "in-one"

    def without_bytecode(self, tree: Path) -> Path:
        """The same tree as it is when nothing was compiled; made when it is first asked for."""
        bare = self.directory / "without-bytecode" / tree.relative_to(self.directory)
        if not bare.exists():
            shutil.copytree(tree, bare, ignore=shutil.ignore_patterns("__pycache__"), copy_function=os.link)
        return bare

    @property
    def plain(self) -> Path:
        return self.directory / "plain"

    @property
    def plain_precompiled(self) -> Path:
        return self.directory / "plain-precompiled"

    @property
    def plain_archive(self) -> Path:
        return self.directory / "plain.zip"


def prepare(directory: Path) -> Packages:
    """Package both designs and unpack them below ``directory``; ``PackagingError`` when Chalice cannot."""
    packages = Packages(directory, package("dev", directory / "frontdesk"))
    _unpack(packages.frontdesk.application, packages.application)
    _unpack(packages.frontdesk.layer, directory / "layer")
    for tree in (packages.layer, packages.application):
        shutil.copytree(tree, packages.in_one, dirs_exist_ok=True, copy_function=os.link)
    _link_runtime(packages.runtime)
    _assemble_plain(packages.plain)
    shutil.make_archive(str(packages.plain), "zip", packages.plain)
    shutil.copytree(packages.plain, packages.plain_precompiled)
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(packages.plain_precompiled, quiet=2, invalidation_mode=unchecked)
    return packages


def _unpack(archive: Path, tree: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        source.extractall(tree)


def _link_runtime(tree: Path) -> None:
    tree.mkdir()
    for name in _RUNTIME:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        target = origin.parent if origin.name == "__init__.py" else origin
        (tree / target.name).symlink_to(target)


def _assemble_plain(tree: Path) -> None:
    shutil.copytree(_PLAIN_SOURCES, tree / "plain", ignore=shutil.ignore_patterns("__pycache__"))
    for name in _PLAIN_DISTRIBUTIONS:
        for file in metadata.files(name) or ():
            if "__pycache__" in file.parts or ".." in file.parts:
                continue
            target = tree / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), target)
    framework = tree / "chalice"  # the part of it that Chalice itself puts into a package
    framework.mkdir()
    for name in ("__init__.py", "app.py"):
        shutil.copyfile(Path(chalice.__file__).parent / name, framework / name)
