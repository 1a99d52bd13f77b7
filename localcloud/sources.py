"""The sources in the working tree, looked at by a process of their own: this one has imported them as they were."""

import json
import subprocess
import sys
from collections.abc import Mapping

from localcloud.layout import ROOT
from localcloud.processes import StartError

_LOOK = """
import json, pathlib
for path in pathlib.Path("chalicelib").rglob("*.py"):
    compile(path.read_bytes(), path, "exec")
import app
from chalicelib.webhooks.schema import read_migrations
from chalicelib.webhooks.sources import SOURCES
list(read_migrations())
print(json.dumps({source.name: source.scheme for source in SOURCES.values()}))
"""


def look_at_sources() -> Mapping[str, str]:
    """Compile all of it and import the application; the signature scheme of each source of webhooks, by name.

    ``StartError`` says where it fails: such code would answer nothing but errors.
    """
    command = [sys.executable, "-B", "-c", _LOOK]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        said = result.stderr.replace(f"{ROOT}/", "").strip().splitlines()
        places = [line.strip() for line in said if line.strip().startswith("File ") and "<string>" not in line]
        raise StartError(": ".join([*places[-1:], said[-1]]))
    return dict(json.loads(result.stdout.splitlines()[-1]))
