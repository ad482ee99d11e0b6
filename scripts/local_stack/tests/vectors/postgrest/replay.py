#!/usr/bin/env python3
"""Replay recorded HTTP vectors against a server and compare its answers with the recorded ones.

    replay.py DIR --base-url http://127.0.0.1:3000 --jwt-secret SECRET [--dsn postgres://...] [--reset]

With `--dsn` the fixture DIR/schema.sql is loaded first (through `psql`); `--reset` empties the `public`
schema before, so give it a throwaway database only. Exit status: 0 all equal, 1 some differ, 2 could not run.
"""

import argparse
import json
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import jwt

RELOAD_WAIT_S = 30
RESET_SQL = "drop schema public cascade; create schema public;"
RELOAD_SQL = "notify pgrst, 'reload config'; notify pgrst, 'reload schema';"

PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
PATTERNS = {
    "any": r"[\s\S]*",
    "string": r"[\s\S]*",
    "integer": r"-?\d+",
    "number": r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?",
    "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[-+]\d\d:\d\d)",
}


class Number(str):
    """A JSON number as it was written: 1.10 differs from 1.1, and no bigint loses a digit."""


def parse_json(text: str) -> Any:
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)


# --- requests ---------------------------------------------------------------------------------------------


def expand(value: str | dict[str, Any] | None) -> str:
    """A long text is stored as {"prefix", "repeat", "times", "suffix"}."""
    if isinstance(value, dict):
        return value.get("prefix", "") + value["repeat"] * int(value["times"]) + value.get("suffix", "")
    return value or ""


def plain(value: Any) -> Any:
    """Claims as ordinary Python numbers."""
    if isinstance(value, Number):
        return json.loads(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def make_token(spec: dict[str, Any], secret: str) -> str:
    """Sign a token; `<claim>_in_s` (exp, nbf, iat) is seconds from now."""
    claims = plain(spec["claims"])
    for claim in ("exp", "nbf", "iat"):
        if f"{claim}_in_s" in spec:
            claims[claim] = int(time.time()) + int(spec[f"{claim}_in_s"])
    algorithm = spec.get("alg", "HS256")
    key = None if algorithm == "none" else secret
    if spec.get("secret") == "other":
        key = secret[::-1] + "-other"
    return jwt.encode(claims, key, algorithm=algorithm)


class Target:
    """The server under test: where it listens and how its tokens are signed."""

    def __init__(self, base_url: str, prefix: str, secret: str, extra: list[str], tokens: dict[str, Any]):
        self.base_url = base_url.rstrip("/")
        self.prefix = prefix.rstrip("/")
        self.secret = secret
        self.tokens = tokens
        self.extra = [tuple(part.strip() for part in header.split(":", 1)) for header in extra]
        self.client = httpx.Client(timeout=30, trust_env=False)
        self.client.headers.clear()

    def headers(self, vector: dict[str, Any]) -> list[tuple[str, str]]:
        given = [*vector.get("headers", {}).items()]
        names = {name.lower() for name, _ in given}
        given += [(name, value) for name, value in self.extra if name.lower() not in names]
        return [(name, self.fill(value)) for name, value in given]

    def fill(self, value: str) -> str:
        return re.sub(r"\{\{token:(\w+)\}\}", lambda m: make_token(self.tokens[m[1]], self.secret), value)

    def send(self, vector: dict[str, Any]) -> httpx.Response:
        target = self.prefix + expand(vector["path"])
        body = expand(vector["body"]).encode() if vector.get("body") is not None else None
        request = self.client.build_request(
            vector["method"], self.base_url + target, headers=self.headers(vector), content=body
        )
        request.extensions["target"] = target.encode()  # as written, not as the client would re-encode it
        return self.client.send(request)


# --- comparison -------------------------------------------------------------------------------------------


def match_value(expected: Any, actual: Any, where: str = "body") -> list[str]:
    """The differences between a recorded value and a received one, as readable lines."""
    if isinstance(expected, str) and not isinstance(expected, Number) and PLACEHOLDER.search(expected):
        return [] if fits(expected, actual) else [f"{where}: expected {expected}, got {show(actual)}"]
    if isinstance(expected, dict) and isinstance(actual, dict):
        lines = [f"{where}.{key}: missing" for key in expected if key not in actual]
        lines += [f"{where}.{key}: unexpected {show(actual[key])}" for key in actual if key not in expected]
        for key in expected.keys() & actual.keys():
            lines += match_value(expected[key], actual[key], f"{where}.{key}")
        return sorted(lines)
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for i, (e, a) in pairs for line in match_value(e, a, f"{where}[{i}]")]
    if type(expected) is type(actual) and expected == actual:
        return []
    return [f"{where}: expected {show(expected)}, got {show(actual)}"]


def fits(expected: str, actual: Any) -> bool:
    whole = PLACEHOLDER.fullmatch(expected)
    if whole and whole[1] == "any":
        return True
    if whole and whole[1] == "object":
        return isinstance(actual, dict)
    if whole and whole[1] in ("integer", "number"):
        return isinstance(actual, Number) and re.fullmatch(PATTERNS[whole[1]], actual) is not None
    if not isinstance(actual, str) or isinstance(actual, Number):
        return False
    pattern = "".join(
        PATTERNS[part] if i % 2 else re.escape(part) for i, part in enumerate(PLACEHOLDER.split(expected))
    )
    return re.fullmatch(pattern, actual) is not None


def show(value: Any) -> str:
    text = str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else text[:300] + "…"


def match_headers(expected: dict[str, str | None], response: httpx.Response) -> list[str]:
    lines = []
    for name, value in expected.items():
        received = response.headers.get(name)
        if value is None and received is not None:
            lines.append(f"header {name}: unexpected {show(received)}")
        elif value is not None:
            lines += match_value(value, received, f"header {name}")
    return lines


def match_body(expect: dict[str, Any], response: httpx.Response) -> list[str]:
    text = response.content.decode()
    match expect["body_is"]:
        case "empty":
            return [] if not text else [f"body: expected none, got {show(text)}"]
        case "text":
            return match_value(expect["body"], text)
        case "json":
            try:
                received = parse_json(text)
            except ValueError:
                return [f"body: not JSON: {show(text)}"]
            return match_value(expect["body"], received)
        case other:
            raise ValueError(f"unknown body_is {other!r}")


def differences(vector: dict[str, Any], response: httpx.Response) -> list[str]:
    expect = vector["expect"]
    lines = []
    if response.status_code != int(expect["status"]):
        lines.append(f"status: expected {expect['status']}, got {response.status_code}")
    return lines + match_headers(expect.get("headers", {}), response) + match_body(expect, response)


# --- fixture ----------------------------------------------------------------------------------------------


def psql(dsn: str, *arguments: str) -> None:
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, *arguments]
    environment = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}
    subprocess.run(command, check=True, env=environment)


def load_fixture(directory: Path, dsn: str, reset: bool, target: Target) -> None:
    """Load schema.sql, then wait until the server serves a function that did not exist before."""
    if reset:
        psql(dsn, "-1", "-c", RESET_SQL)
    psql(dsn, "-1", "-f", str(directory / "schema.sql"))
    probe = f"zz_loaded_{secrets.token_hex(4)}"
    psql(
        dsn,
        *("-c", f"create function public.{probe}() returns boolean language sql as 'select true'"),
        *("-c", f"grant execute on function public.{probe}() to public"),
        *("-c", RELOAD_SQL),
    )
    deadline = time.monotonic() + RELOAD_WAIT_S
    call = {"method": "POST", "path": f"/rpc/{probe}", "headers": {"Content-Type": "application/json"}}
    while target.send({**call, "body": "{}"}).status_code != 200:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server does not serve the fixture after {RELOAD_WAIT_S} s")
        time.sleep(0.2)
    psql(dsn, "-c", f"drop function public.{probe}()")


# --- command line -----------------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, metavar="DIR", help="holds vectors.json and schema.sql")
    parser.add_argument("--base-url", default="http://127.0.0.1:3000")
    parser.add_argument("--prefix", default="", help="path before /rpc and /table, such as /rest/v1")
    parser.add_argument("--jwt-secret", default=os.environ.get("JWT_SECRET"), help="default: $JWT_SECRET")
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="sent with every vector that has no such header; may hold {{token:NAME}}",
    )
    parser.add_argument("--dsn", help="load the fixture into this database first")
    parser.add_argument("--reset", action="store_true", help="with --dsn: drop the public schema first")
    parser.add_argument("--only", default="", metavar="REGEX", help="vectors whose name matches")
    parser.add_argument("--skip", metavar="REGEX", help="not the vectors whose name matches")
    parser.add_argument("--verbose", "-v", action="store_true", help="also name the vectors that pass")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if not options.jwt_secret:
        print("replay: give --jwt-secret or set JWT_SECRET", file=sys.stderr)
        return 2
    recorded = parse_json((options.directory / "vectors.json").read_text(encoding="utf-8"))
    target = Target(options.base_url, options.prefix, options.jwt_secret, options.header, recorded["tokens"])
    if options.dsn:
        load_fixture(options.directory, options.dsn, options.reset, target)
    chosen = [
        vector
        for vector in recorded["vectors"]
        if re.search(options.only, vector["name"]) and not (options.skip and re.search(options.skip, vector["name"]))
    ]
    failed = 0
    for vector in chosen:
        lines = differences(vector, target.send(vector))
        failed += bool(lines)
        if lines or options.verbose:
            print(f"{'FAIL' if lines else 'ok  '} {vector['name']}: {vector['title']}")
        for line in lines:
            print(f"       {line}")
    print(f"{len(chosen)} vectors, {len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
