"""A database of its own for a test of SQL."""

from typing import Any

import psycopg

from chalicelib.webhooks.database import Database
from chalicelib.webhooks.event_store import EventStore


class FixedCredentials:
    """Parameters that never change."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.parameters = parameters

    def current(self) -> dict[str, Any]:
        return self.parameters

    def refreshed(self) -> dict[str, Any]:
        return self.parameters


class Place:
    """A database of its own, and a store that writes to it."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.parameters = parameters
        self._databases: list[Database] = []
        self.store = self.new_store()

    def new_store(self) -> EventStore:
        """A store with a connection of its own."""
        return EventStore(self.new_database())

    def new_database(self) -> Database:
        """A connection of its own, opened when it is first needed."""
        database = Database(FixedCredentials(self.parameters))
        self._databases.append(database)
        return database

    def close(self) -> None:
        for database in self._databases:
            database.close()

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(**self.parameters, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def refuse(self, external_id: str, sqlstate: str = "P0001") -> None:
        """Let the database refuse an event each time."""
        self.query(
            f"""
            create function refuse() returns trigger language plpgsql as $$
            begin raise exception 'refused' using errcode = '{sqlstate}'; end $$;
            create trigger refuse before insert on webhook_events for each row
            when (new.external_id = '{external_id}') execute function refuse();
            """
        )
