#!/usr/bin/env python3
# Kept as it came with the transcripts.
# ruff: noqa
# mypy: ignore-errors
"""Replay the golden transcripts of a folder against a Realtime server. README.md describes the format.

    replay.py --ws ws://127.0.0.1:54321/realtime/v1 --http http://127.0.0.1:54321/realtime/v1 \\
              --dsn postgresql://… --jwt-secret … [--only TEXT] [--repeat N] [--show] PATH…

Needs: websockets, psycopg, PyJWT, httpx. Exit status 0 when every scenario passed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import pathlib
import re
import sys
import time
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
import psycopg
import websockets
from websockets.asyncio.client import connect

QUIET_AT_THE_END_S = 0.2
WARM_UP_TOPIC = "replay-warm-up"
WARM_UP_LIMIT_S = 90
HEARTBEAT_S = 20

SEND = re.compile(r"\{\{(\w+)(?::(\w+))?([+-]\d+)?\}\}")
EXPECT = re.compile(r"<(uuid|int|timestamp|phx_ref|ref|pad)(?::(\w+))?>")
HEX = re.compile(r"<hex:uuid:(\w+)>")
PATTERN = {
    "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "int": r"-?\d+",
    "timestamp": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?",
    "phx_ref": r"[^<>]+",
}


class Mismatch(AssertionError):
    """The server did something else than the transcript says."""


@dataclasses.dataclass(frozen=True)
class Target:
    """Where the server under test is. `admin_dsn` runs set-up and tear-down, `dsn` the steps."""

    ws: str
    http: str
    dsn: str
    admin_dsn: str
    jwt_secret: str


# --- values ---------------------------------------------------------------------------------------


def pad(length: str | int) -> str:
    return ("0123456789" * (int(length) // 10 + 1))[: int(length)]


def short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 600 else f"{text[:600]}… ({len(text)} characters)"


class Tokens:
    """Signs the transcript's tokens, each at its first use."""

    def __init__(self, definitions: dict[str, Any], secret: str) -> None:
        self.definitions, self.secret, self.signed = definitions, secret, {}

    def __getitem__(self, name: str) -> str:
        if name not in self.signed:
            definition, now = self.definitions[name], int(time.time())
            claims = {**definition["claims"], "iat": now}
            if definition["exp_in_s"] is not None:
                claims["exp"] = now + definition["exp_in_s"]
            secret = f"not-{self.secret}" if definition.get("badly_signed") else self.secret
            self.signed[name] = jwt.encode(claims, secret, algorithm="HS256")
        return self.signed[name]


class Bound:
    """What named placeholders such as <uuid:1> stand for: one name, one value, and no value twice."""

    def __init__(self, values: dict[tuple[str, str], str] | None = None) -> None:
        self.values = dict(values or {})

    def take(self, kind: str, name: str, value: str) -> bool:
        key = (kind, name)
        if key in self.values:
            return self.values[key] == value
        if any(k[0] == kind and v == value for k, v in self.values.items()):
            return False
        self.values[key] = value
        return True


def match(expected: Any, actual: Any, bound: Bound, refs: list[str], path: str = "$") -> None:
    """Raise Mismatch unless `actual` has the shape and the values of the template `expected`."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        if "binary" in expected and "raw_hex" not in expected:
            actual = {key: value for key, value in actual.items() if key != "raw_hex"}
        keys = match_keys(expected, actual, bound, refs, path)
        for key, value in expected.items():
            if key == "raw_hex":
                value = HEX.sub(lambda found: bound.values["uuid", found[1]].encode().hex(), value)
            match(value, actual[keys[key]], bound, refs, f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            raise Mismatch(f"{path}: {len(expected)} items expected, got {short(actual)}")
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            match(one, other, bound, refs, f"{path}[{index}]")
    elif expected == "<int>":
        if not isinstance(actual, int) or isinstance(actual, bool):
            raise Mismatch(f"{path}: an integer expected, got {short(actual)}")
    elif isinstance(expected, str) and isinstance(actual, str):
        match_text(expected, actual, bound, refs, path)
    elif expected != actual or (isinstance(expected, bool) is not isinstance(actual, bool)):
        raise Mismatch(f"{path}: {short(expected)} expected, got {short(actual)}")


def match_keys(
    expected: dict[str, Any], actual: dict[str, Any], bound: Bound, refs: list[str], path: str
) -> dict[str, str]:
    """Which key of `actual` each key of `expected` stands for; a presence key may be a placeholder."""
    keys = {key: key for key in expected if key in actual}
    spare = [key for key in actual if key not in keys]
    for template in (key for key in expected if key not in keys):
        for candidate in spare:
            attempt = Bound(bound.values)
            try:
                match_text(template, candidate, attempt, refs, path)
                match(expected[template], actual[candidate], attempt, refs, path)
            except Mismatch:
                continue
            bound.values = attempt.values
            keys[template] = candidate
            spare.remove(candidate)
            break
        else:
            raise Mismatch(f"{path}: {short(expected)} expected, got {short(actual)}")
    if spare:
        raise Mismatch(f"{path}: unexpected {spare} in {short(actual)}")
    return keys


def match_text(expected: str, actual: str, bound: Bound, refs: list[str], path: str) -> None:
    pattern, names, position = "", [], 0
    for found in EXPECT.finditer(expected):
        kind, name = found[1], found[2]
        pattern += re.escape(expected[position : found.start()])
        position = found.end()
        if kind == "pad":
            pattern += pad(name)
        elif kind == "ref":
            pattern += re.escape(refs[int(name) - 1] if name else refs[-1])
        else:
            pattern += f"({PATTERN[kind]})"
            names.append((kind, name))
    values = re.fullmatch(pattern + re.escape(expected[position:]), actual, re.DOTALL)
    if values is None:
        raise Mismatch(f"{path}: {short(expected)!r} expected, got {short(actual)!r}")
    for (kind, name), value in zip(names, values.groups(), strict=True):
        if name and not bound.take(kind, name, value):
            raise Mismatch(f"{path}: {value!r} does not fit <{kind}:{name}> of before ({bound.values})")


def match_in_any_order(expected: list[Any], actual: list[Any], bound: Bound, refs: list[str]) -> Bound:
    """Pair the two lists up; gives the bindings of the pairing found."""
    if not expected:
        return bound
    reason = None
    for index, frame in enumerate(actual):
        attempt = Bound(bound.values)
        try:
            match(expected[0], frame, attempt, refs)
            return match_in_any_order(expected[1:], actual[:index] + actual[index + 1 :], attempt, refs)
        except Mismatch as problem:
            reason = reason or problem
    raise reason or Mismatch("no frame left")


# --- binary frames of serializer 2.0.0 ------------------------------------------------------------


def decode(message: str | bytes) -> Any:
    if isinstance(message, str):
        return json.loads(message)
    if message[0] != 4:
        return {"binary": {"kind": message[0]}, "raw_hex": message.hex()}
    position, parts = 5, []
    for length in message[1:4]:
        parts.append(message[position : position + length].decode())
        position += length
    payload = message[position:]
    return {
        "binary": {
            "kind": 4,
            "topic": parts[0],
            "event": parts[1],
            "meta": json.loads(parts[2]) if parts[2] else None,
            "encoding": message[4],
            "payload": json.loads(payload) if message[4] == 1 else payload.hex(),
        },
        "raw_hex": message.hex(),
    }


def encode(frame: Any) -> str | bytes:
    if not (isinstance(frame, dict) and "binary" in frame):
        return json.dumps(frame, ensure_ascii=False)
    push = frame["binary"]
    meta = json.dumps(push["meta"]) if push["meta"] is not None else ""
    parts = [text.encode() for text in (push["join_ref"], push["ref"], push["topic"], push["event"], meta)]
    is_json = push["encoding"] == 1
    payload = json.dumps(push["payload"]).encode() if is_json else bytes.fromhex(push["payload"])
    return bytes([push["kind"], *map(len, parts), push["encoding"]]) + b"".join(parts) + payload


# --- one connection -------------------------------------------------------------------------------


class Connection:
    """One socket of a scenario: its refs, its joins and what has arrived on it."""

    def __init__(self, definition: dict[str, Any], vsn: str) -> None:
        self.definition, self.vsn = definition, definition.get("vsn", vsn)
        self.refs: list[str] = []
        self.join_refs: dict[str, str] = {}
        self.arrived: asyncio.Queue[tuple[float, Any]] = asyncio.Queue()
        self.socket: Any = None
        self.reader: asyncio.Task[None] | None = None

    async def open(self, target: Target, render: Any) -> tuple[int, str]:
        """Status and body of the upgrade's answer."""
        query = {"vsn": self.vsn} if self.vsn is not None else {}
        if self.definition["apikey"] is not None:
            query["apikey"] = render(self.definition["apikey"])
        headers = render(self.definition.get("headers", {}))
        url = f"{target.ws}/websocket?{urlencode(query)}"
        try:
            self.socket = await connect(url, additional_headers=headers, max_size=None, ping_interval=None, proxy=None)
        except websockets.InvalidStatus as refused:
            return refused.response.status_code, bytes(refused.response.body or b"").decode()
        self.reader = asyncio.create_task(self._read())
        return 101, ""

    async def _read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in self.socket:
                self.arrived.put_nowait((time.monotonic(), decode(message)))
        self.arrived.put_nowait((time.monotonic(), {"closed": self.socket.close_code}))

    async def send(self, message: str | bytes) -> None:
        # Of a socket that the server has closed, expect_close or the missing answer tells.
        with contextlib.suppress(websockets.ConnectionClosed):
            await self.socket.send(message)

    async def next(self, timeout_s: float) -> tuple[float, Any] | None:
        try:
            return await asyncio.wait_for(self.arrived.get(), max(timeout_s, 0.001))
        except TimeoutError:
            return None

    async def close(self) -> None:
        if self.socket is not None:
            await self.socket.close()
            await self.reader
            self.socket = None


# --- one scenario ---------------------------------------------------------------------------------


class Scenario:
    """Runs the steps of one transcript, in order, and raises Mismatch at the first difference."""

    def __init__(self, transcript: dict[str, Any], target: Target, show: bool = False) -> None:
        self.transcript, self.target, self.show = transcript, target, show
        self.tokens = Tokens(transcript.get("tokens", {}), target.jwt_secret)
        self.bound = Bound()
        self.connections = {c["id"]: Connection(c, transcript["vsn"]) for c in transcript["connections"]}
        self.databases: dict[str, psycopg.AsyncConnection[Any]] = {}
        self.warnings: list[str] = []
        self.ignored: set[str] = set()
        self.started = time.monotonic()

    def render(self, value: Any, connection: Connection | None = None, topic: str = "") -> Any:
        """Fill in the placeholders of what is sent. All {{ref}} of one frame are the same new ref."""
        fresh: list[str] = []

        def one(found: re.Match[str]) -> str:
            kind, name, offset = found[1], found[2], int(found[3] or 0)
            if kind == "token":
                return self.tokens[name]
            if kind == "now_ms":
                return str(int(time.time() * 1000) + offset)
            if kind == "pad":
                return pad(name)
            if kind == "join_ref":
                return connection.join_refs[topic]
            if kind == "ref" and name:
                return connection.refs[int(name) - 1]
            if kind == "ref":
                if not fresh:
                    fresh.append(str(len(connection.refs) + 1))
                    connection.refs.append(fresh[0])
                return fresh[0]
            raise ValueError(f"unknown placeholder {found[0]}")

        def walk(part: Any) -> Any:
            if isinstance(part, dict):
                return {walk(key): walk(item) for key, item in part.items()}
            if isinstance(part, list):
                return [walk(item) for item in part]
            if not isinstance(part, str):
                return part
            text = SEND.sub(one, part)
            return int(text) if re.fullmatch(r"\{\{now_ms([+-]\d+)?\}\}", part) else text

        return walk(value)

    async def run(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            # The tear-down also clears what a run that was killed has left. Open transactions end before it.
            teardown = self.transcript["teardown_sql"]
            stack.push_async_callback(self._admin, teardown)
            stack.push_async_callback(self.close)
            await self._admin(teardown + self.transcript["setup_sql"])
            named = {step["connect"]["conn"] for step in self.transcript["steps"] if "connect" in step}
            for name in self.connections:
                if name not in named:
                    await self.step_connect({"conn": name, "status": 101})
            for number, step in enumerate(self.transcript["steps"], 1):
                await self._step(number, step)
            await asyncio.sleep(QUIET_AT_THE_END_S)
            for name, connection in self.connections.items():
                if name not in self.ignored and not connection.arrived.empty():
                    frame = connection.arrived.get_nowait()[1]
                    raise Mismatch(f"after the last step: {name} got {short(frame)}")

    async def _step(self, number: int, step: dict[str, Any]) -> None:
        kind = next(k for k in step if hasattr(self, f"step_{k}"))
        if self.show:
            print(f"  {time.monotonic() - self.started:6.2f} {number:3} {short(step)[:160]}")
        try:
            await getattr(self, f"step_{kind}")(step if kind == "sql" else step[kind])
        except Mismatch as problem:
            raise Mismatch(f"step {number} ({kind}): {problem}") from None
        if kind not in ("expect", "expect_none", "ignore"):
            self.started = time.monotonic()

    async def _admin(self, statements: list[str]) -> None:
        async with await psycopg.AsyncConnection.connect(self.target.admin_dsn, autocommit=True) as database:
            for statement in statements:
                await database.execute(statement)

    async def close(self) -> None:
        for connection in self.connections.values():
            await connection.close()
        for database in self.databases.values():
            await database.close()

    # the steps, one method each

    async def step_connect(self, step: dict[str, Any]) -> None:
        began = time.monotonic()
        status, body = await self.connections[step["conn"]].open(self.target, self.render)
        match(step["status"], status, self.bound, [], "status")
        match(step.get("body", ""), body, self.bound, [], "body")
        self.in_time(began, time.monotonic(), step)

    async def step_disconnect(self, step: dict[str, Any]) -> None:
        connection = self.connections[step["conn"]]
        await connection.close()
        frame = connection.arrived.get_nowait()[1]
        if "closed" not in frame:
            raise Mismatch(f"{step['conn']} had unread {short(frame)}")

    async def step_send(self, step: dict[str, Any]) -> None:
        connection, frame = self.connections[step["conn"]], step.get("frame")
        if frame is None:
            await connection.send(self.render(step["text"], connection))
            return
        body = frame["binary"] if isinstance(frame, dict) and "binary" in frame else frame
        topic, event = (body["topic"], body["event"]) if isinstance(body, dict) else (body[2], body[3])
        rendered = self.render(frame, connection, topic)
        if event == "phx_join" and connection.refs:
            connection.join_refs[topic] = connection.refs[-1]
        await connection.send(encode(rendered))

    async def step_expect(self, step: dict[str, Any]) -> None:
        connection, began, frames = self.connections[step["conn"]], self.started, []
        limit = time.monotonic() + step["within_ms"] / 1000
        for number in range(1, len(step["frames"]) + 1):
            got = await connection.next(limit - time.monotonic())
            if got is None:
                missing = f"frame {number} of {len(step['frames'])} did not come"
                raise Mismatch(f"{missing}; before it: {short(frames)}")
            frames.append(got[1])
        if step.get("any_order"):
            self.bound = match_in_any_order(step["frames"], frames, self.bound, connection.refs)
        else:
            match(step["frames"], frames, self.bound, connection.refs, "frames")
        if self.show:
            print(f"         +{(got[0] - began) * 1000:.0f} ms")

    async def step_expect_none(self, step: dict[str, Any]) -> None:
        got = await self.connections[step["conn"]].next(step["for_ms"] / 1000)
        if got is not None:
            raise Mismatch(f"nothing expected, got {short(got[1])}")

    async def step_expect_close(self, step: dict[str, Any]) -> None:
        got = await self.connections[step["conn"]].next(step.get("within_ms", 5000) / 1000)
        codes = [step["code"], *step.get("also", [])]
        if got is None or got[1] not in [{"closed": code} for code in codes]:
            raise Mismatch(f"close {step['code']} expected, got {short(got and got[1])}")

    async def step_ignore(self, step: dict[str, Any]) -> None:
        self.ignored.add(step["conn"])

    async def step_wait_ms(self, milliseconds: int) -> None:
        await asyncio.sleep(milliseconds / 1000)

    async def step_sql(self, step: dict[str, Any]) -> None:
        """One transaction as `role`, or, with `session`, statements on a session that stays open."""
        name = step.get("session", "")
        if name not in self.databases:
            database = await psycopg.AsyncConnection.connect(self.target.dsn, autocommit=True)
            database.add_notice_handler(self._notice)
            self.databases[name] = database
        database, self.warnings = self.databases[name], []
        error = None
        try:
            async with database.transaction() if not name else contextlib.nullcontext():
                if step.get("role", "postgres") != "postgres":
                    claims = json.dumps(self.transcript["tokens"][step["token"]]["claims"])
                    await database.execute("select set_config('request.jwt.claims', %s, true)", [claims])
                    await database.execute(f"set local role {step['role']}")
                for statement in [step["sql"]] if isinstance(step["sql"], str) else step["sql"]:
                    await database.execute(statement)
        except psycopg.Error as problem:
            error = {"sqlstate": problem.sqlstate, "message": problem.diag.message_primary}
        self.check_sql(step, error)

    def _notice(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity == "WARNING":
            self.warnings.append(notice.message_primary or "")

    def check_sql(self, step: dict[str, Any], error: dict[str, Any] | None) -> None:
        match(step.get("error"), error, self.bound, [], "error")
        match(step.get("warnings", []), self.warnings, self.bound, [], "warnings")

    async def step_http(self, step: dict[str, Any]) -> None:
        body = self.render(step["body"])
        content = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.request(
                step["method"],
                self.target.http + step["path"],
                headers=self.render(step.get("headers", {})),
                content=content.encode(),
            )
        self.check_http(step, answer.status_code, answer.text)

    def check_http(self, step: dict[str, Any], status: int, text: str) -> None:
        match(step["expect"]["status"], status, self.bound, [], "status")
        expected = step["expect"]["body"]
        match(expected, text if isinstance(expected, str) else json.loads(text), self.bound, [], "body")

    @staticmethod
    def in_time(began: float, ended: float, step: dict[str, Any]) -> None:
        limit = step.get("within_ms")
        if limit is not None and (ended - began) * 1000 > limit:
            raise Mismatch(f"took {(ended - began) * 1000:.0f} ms, at most {limit} expected")


# --- all scenarios --------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def warm(target: Target):
    """Keep one public channel joined, so that the server streams from the database all the time."""
    join = {"config": {"private": False}}
    definition = {"id": "warm-up", "apikey": "{{token:anon}}"}
    tokens = Tokens({"anon": {"claims": {"role": "anon"}, "exp_in_s": 7200}}, target.jwt_secret)
    keeper = Connection(definition, "1.0.0")
    status, _ = await keeper.open(target, lambda value: tokens["anon"] if isinstance(value, str) else value)
    if status != 101:
        raise Mismatch(f"the warm-up connection was refused with {status}")
    topic = f"realtime:{WARM_UP_TOPIC}"

    async def push(event: str, topic: str, payload: Any) -> None:
        await keeper.socket.send(
            json.dumps({"topic": topic, "event": event, "payload": payload, "ref": "1", "join_ref": "1"})
        )

    async def beat() -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await push("heartbeat", "phoenix", {})

    await push("phx_join", topic, join)
    async with await psycopg.AsyncConnection.connect(target.admin_dsn, autocommit=True) as database:
        for _ in range(WARM_UP_LIMIT_S * 2):
            await database.execute("select realtime.send('{}'::jsonb, 'warm', %s, false)", [WARM_UP_TOPIC])
            got = await keeper.next(0.5)
            while got is not None and got[1].get("event") != "broadcast":
                got = await keeper.next(0.5)
            if got is not None:
                break
        else:
            raise Mismatch("no broadcast from the database arrived during the warm-up")
    heart = asyncio.create_task(beat())
    try:
        yield
    finally:
        heart.cancel()
        await keeper.close()
        async with await psycopg.AsyncConnection.connect(target.admin_dsn, autocommit=True) as database:
            await database.execute("delete from realtime.messages where topic = %s", [WARM_UP_TOPIC])


def transcripts(paths: list[str], only: str) -> list[pathlib.Path]:
    found: list[pathlib.Path] = []
    for path in map(pathlib.Path, paths):
        found += sorted(path.glob("*.json")) if path.is_dir() else [path]
    return [path for path in found if only in path.stem]


async def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--ws", required=True, help="base of the socket; /websocket is appended")
    parser.add_argument("--http", required=True, help="base of the REST paths; /api/broadcast is appended")
    parser.add_argument("--dsn", required=True, help="connection for the steps")
    parser.add_argument("--admin-dsn", help="superuser connection for set-up and tear-down (default: --dsn)")
    parser.add_argument("--jwt-secret", required=True)
    parser.add_argument("--only", default="", help="only scenarios whose file name contains this")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print every step")
    parser.add_argument("paths", nargs="+", help="folders of transcripts, or single files")
    given = parser.parse_args()
    target = Target(given.ws, given.http, given.dsn, given.admin_dsn or given.dsn, given.jwt_secret)
    failed = passed = 0
    async with warm(target):
        for path in transcripts(given.paths, given.only) * given.repeat:
            began = time.monotonic()
            try:
                await Scenario(json.loads(path.read_text()), target, given.show).run()
            except Exception as problem:  # one broken scenario must not hide the others
                failed += 1
                print(f"FAIL {path.stem}: {type(problem).__name__}: {problem}")
            else:
                passed += 1
                print(f"ok   {path.stem} ({time.monotonic() - began:.1f} s)")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
