"""A stack of its own for a test in JavaScript: says how to reach it, then does what it is told, a line for a line."""

import json
import sys
from contextlib import ExitStack
from typing import Any

import psycopg

from local_stack.testing import TemporaryStack, temporary_stack

# Of a session in a test nothing should be due by mere waiting, and a session that nobody keeps alive should end soon.
PLAN = "insert into public.plans (id, name, limit_seconds) values (%s, %s, %s) on conflict (id) do nothing"


def do(stack: TemporaryStack, deed: str, arguments: list[Any]) -> Any:
    """Stops and starts the stack's parts, signs tokens, asks the database."""
    match deed:
        case "sign":
            return stack.sign(*arguments)
        case "sql":
            with psycopg.connect(stack.admin_db_url, autocommit=True) as connection:
                cursor = connection.execute(*arguments)
                return cursor.fetchall() if cursor.description else None
        case "plan":
            return do(stack, "sql", [PLAN, [arguments[0], *arguments]])
        case "stop api":
            return stack.api.stop()
        case "start api":
            return stack.api.start()
        case "stop database":
            return stack.cluster.stop()
        case "start database":
            return stack.cluster.start()
    raise ValueError(deed)


def say(value: Any) -> None:
    print(json.dumps(value, default=str), flush=True)


def main() -> None:
    with ExitStack() as running:
        stack = running.enter_context(temporary_stack(worker="worker" in sys.argv))
        say({"url": stack.api_url, "anonKey": stack.anon_key, "serviceKey": stack.service_role_key})
        for line in sys.stdin:
            deed, *arguments = json.loads(line)
            say({"answer": do(stack, deed, arguments)})


if __name__ == "__main__":
    main()
