"""The local stack's command line; scripts/up, down, status and token call it."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from local_stack import commands
from local_stack.config import API_PORT, DATABASE_PORT
from local_stack.processes import REPOSITORY, StackError

Command = Callable[[argparse.Namespace], int]


def parser() -> argparse.ArgumentParser:
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument("--dir", type=Path, default=REPOSITORY / ".stack", help="the stack's folder (default: .stack)")
    place.add_argument("--api-port", type=int, metavar="N", help=f"the API's port (default: {API_PORT})")
    place.add_argument("--db-port", type=int, metavar="N", help=f"PostgreSQL's port (default: {DATABASE_PORT})")

    top = argparse.ArgumentParser(prog="python -m local_stack", description=__doc__)
    names = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Command, text: str) -> argparse.ArgumentParser:
        added = names.add_parser(name, parents=[place], help=text, description=text, prog=f"scripts/{name}")
        added.set_defaults(function=function)
        return added

    up = command("up", commands.up, "Start the stack; Ctrl-C stops it.")
    up.add_argument("--detach", action="store_true", help="return once all is healthy; scripts/down ends it")
    up.add_argument("--reset", action="store_true", help="delete this stack's data first")
    up.add_argument("--bare", action="store_true", help="the platform alone: no migrations, seed or worker")
    up.add_argument("--demo", action="store_true", help="show the main story against it and exit with its status")
    up.add_argument("--docker", action="store_true", help="the Supabase CLI's own stack instead of this one")
    up.add_argument("--fast", action="store_true", help="quicker writes that a crash of the machine may lose")
    up.add_argument("--background", action="store_true", help=argparse.SUPPRESS)  # what --detach starts
    command("down", commands.down, "Stop the stack.")
    status = command("status", commands.status, "Say how to reach the stack; exit with 1 when it does not run.")
    status.add_argument("-o", "--output", choices=["pretty", "env"], default="pretty", help='env: NAME="value" lines')
    token = command("token", commands.token, "Print a JWT for a user of your development.")
    token.add_argument("name", help="the user's id, the claim `sub`")
    token.add_argument("--role", default="authenticated", help="(default: authenticated)")
    token.add_argument("--claims", type=json_object, default={}, metavar="JSON", help="more claims, as an object")
    token.add_argument("--valid-for", type=int, default=3600, metavar="S", help="seconds (default: 3600)")
    command("serve", commands.serve, "Run the API alone, for a database that runs already.")
    return top


def json_object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return value


def main() -> int:
    options = parser().parse_args()
    function: Command = options.function
    try:
        return function(options)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
