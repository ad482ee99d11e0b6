"""A throwaway stack for tests in other languages: says how to reach it, then does what it is told, a line for a line.

Ends with its standard input.
"""

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from local_stack.processes import free_port
from local_stack.testing import TemporaryStack, temporary_stack

HELPERS = Path(__file__).parents[2] / "supabase" / "tests" / "000-helpers.test.sql"
PLAN = "insert into public.plans (id, name, limit_seconds) values (%s, %s, %s) on conflict (id) do nothing"


def deeds_of(stack: TemporaryStack) -> dict[str, Callable[..., Any]]:
    def ask(query: str, *values: Any) -> Any:
        with psycopg.connect(stack.admin_db_url, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values or None)
            return cursor.fetchall() if cursor.description else None

    def age(function: str) -> Callable[[str, str], Any]:
        def by(whose: str, how_much: str) -> Any:
            helpers, _, _the_test_of_them = HELPERS.read_text().partition("\nbegin;\n")
            ask(helpers)
            return ask(f"select {function}(%s, %s::interval)", whose, how_much)

        return by

    return {
        "sign": stack.sign,
        "sql": ask,
        "plan": lambda name, seconds: ask(PLAN, name, name, seconds),
        "age user": age("tests.age"),
        "age room": age("tests.age_room"),
        "stop api": stack.api.stop,
        "start api": stack.api.start,
        "stop database": stack.cluster.stop,
        "start database": stack.cluster.start,
    }


def say(value: dict[str, Any]) -> None:
    print(json.dumps(value, default=str), flush=True)


def main() -> None:
    with ExitStack() as running:
        port = free_port()
        stack = running.enter_context(temporary_stack(worker=True, env={"HTTP_PORT": str(port)}))
        deeds = deeds_of(stack)
        keys = {"anonKey": stack.anon_key, "serviceKey": stack.service_role_key}
        say({"url": stack.api_url, "workerUrl": f"http://127.0.0.1:{port}", **keys})
        for line in sys.stdin:
            deed, *values = json.loads(line)
            try:
                say({"answer": deeds[deed](*values)})
            except Exception as error:
                say({"error": repr(error)})


if __name__ == "__main__":
    main()
