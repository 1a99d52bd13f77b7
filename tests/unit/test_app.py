"""app.py as a table of contents: importable anywhere, and short."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import app

ROOT = Path(app.__file__).parent

HEAVY = ("boto3", "botocore.session", "jwt", "psycopg", "requests")


def test_importing_it_needs_no_environment_and_no_heavy_library() -> None:
    script = f"import sys, app; print([name for name in {HEAVY!r} if name in sys.modules])"
    clean = {"PATH": os.environ["PATH"]}

    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=clean, capture_output=True, text=True, check=False
    )

    assert result.stderr == ""
    assert result.stdout.strip() == "[]"


def test_what_it_listens_to() -> None:
    routes = {(path, method) for path, methods in app.app.routes.items() for method in methods}

    assert routes == {
        ("/health", "GET"),
        ("/webhooks/{source}", "POST"),
        ("/webhooks/{source}", "GET"),
        ("/", "GET"),
        ("/desk", "GET"),
        ("/assets/{name}", "GET"),
        ("/chat/sessions", "POST"),
        ("/chat/sessions", "OPTIONS"),
    }
    assert app.app.handler_map.keys() >= {
        "websocket_connect",
        "websocket_message",
        "websocket_disconnect",
        "process_webhooks",
        "answer_messages",
        "write_failed_turns",
        "summarize_sessions",
        "delete_expired_sessions",
        "lex_codehook",
        "look_up_order",
        "hand_off_session",
        "check_waiting",
        "purge_old_events",
        "migrate_database",
        "manage_events",
    }


def test_a_handler_is_three_lines_at_most() -> None:
    functions = [node for node in ast.parse((ROOT / "app.py").read_text()).body if isinstance(node, ast.FunctionDef)]

    assert functions
    assert {function.name: len(function.body) for function in functions if len(function.body) > 3} == {}


def test_only_settings_reads_the_environment() -> None:
    readers = [
        path.name
        for path in (ROOT / "chalicelib").rglob("*.py")
        if any(isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} for node in ast.walk(_tree(path)))
    ]

    assert set(readers) <= {"settings.py", "wiring.py"}
    assert "os" not in _imports(ROOT / "chalicelib" / "wiring.py")


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(path: Path) -> set[str]:
    return {alias.name for node in ast.walk(_tree(path)) if isinstance(node, ast.Import) for alias in node.names}
