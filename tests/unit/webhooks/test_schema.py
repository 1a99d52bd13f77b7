import re

from chalicelib.webhooks.schema import read_migrations


def test_versions_count_up_from_one() -> None:
    versions = [migration.version for migration in read_migrations()]

    assert versions == list(range(1, len(versions) + 1))


def test_migrations_only_expand() -> None:
    shrinking = re.compile(r"\b(drop|rename|truncate|delete\s+from|alter\s+column|set\s+not\s+null)\b", re.IGNORECASE)

    for migration in read_migrations():
        assert not shrinking.search(migration.sql), migration.name
