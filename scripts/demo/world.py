"""People with a past, for the console to show."""

import contextlib
from pathlib import Path

import psycopg

WORLD = Path(__file__).with_suffix(".sql")
WHO_SIGNS_IN = "ada@example.com, who uses the app, or admin@example.com, who runs it; both with the password hourglass"


def make(db_url: str) -> None:
    """Makes them once; a second time changes nothing."""
    with contextlib.suppress(psycopg.errors.DuplicateObject), psycopg.connect(db_url) as connection:
        connection.execute(WORLD.read_bytes())
