"""Who may do what on a private topic: the policies on realtime.messages, asked with a probe that is rolled back."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from local_stack import realtime_protocol as protocol
from local_stack.realtime_tokens import RefusedError

BROADCAST = "broadcast"
PRESENCE = "presence"
POOL_TIMEOUT_S = 5
UNREACHABLE = "Realtime was unable to connect to the project database"

Pool = AsyncConnectionPool[Any]


class UnreachableError(RefusedError):
    """The database does not answer."""

    def __init__(self) -> None:
        super().__init__("UnableToConnectToProject", UNREACHABLE)


@dataclass(frozen=True)
class Person:
    """Who asks: the claims of a token, and the headers that policies may read."""

    claims: Mapping[str, Any]
    headers: Mapping[str, str]


class Permissions:
    """What a channel's token allows. Each answer is kept until there is a new token, as in the real server."""

    def __init__(self, pool: Pool, topic: str, *, is_private: bool) -> None:
        self._pool = pool
        self._topic = topic
        self._is_private = is_private
        self._person = Person({}, {})
        self._readable: frozenset[str] = frozenset()
        self._writable: frozenset[str] | None = None

    async def ask(self, person: Person, *, with_presence: bool) -> None:
        """Raises RefusedError unless the person may receive broadcasts."""
        self._person, self._writable = person, None
        if self._is_private:
            extensions = [BROADCAST, PRESENCE] if with_presence else [BROADCAST]
            self._readable = await readable(self._pool, person, self._topic, extensions)
            if BROADCAST not in self._readable:
                raise _forbidden(self._topic)

    def let_read(self, extension: str) -> bool:
        return not self._is_private or extension in self._readable

    async def let_write(self, extension: str) -> bool:
        if not self._is_private:
            return True
        if self._writable is None:
            try:
                self._writable = await writable(self._pool, self._person, self._topic)
            except RefusedError:
                return False
        return extension in self._writable


async def readable(pool: Pool, person: Person, topic: str, extensions: Collection[str]) -> frozenset[str]:
    """Which of the extensions the person may receive. Raises RefusedError."""
    try:
        async with _rolled_back(pool) as cursor:
            await cursor.execute(
                """insert into realtime.messages (topic, extension)
                   select %s, unnest(%s::text[]) returning id, extension""",
                [topic, list(extensions)],
            )
            probes = dict(await cursor.fetchall())
            await _become(cursor, person, topic)
            await cursor.execute(
                "select id from realtime.messages where topic = %s and id = any(%s)", [topic, list(probes)]
            )
            return frozenset(probes[row[0]] for row in await cursor.fetchall())
    except psycopg.errors.CheckViolation as error:
        reason = "Realtime was unable to find the expected messages partition"
        raise RefusedError("MissingPartition", reason, UNREACHABLE) from error
    except psycopg.Error as error:  # a policy that raises, a role that does not exist
        raise _forbidden(topic) from error


async def writable(pool: Pool, person: Person, topic: str) -> frozenset[str]:
    """Which extensions the person may send. Raises RefusedError when a policy raises."""
    allowed = set()
    try:
        async with _rolled_back(pool) as cursor:
            await _become(cursor, person, topic)
            for extension in (BROADCAST, PRESENCE):
                with suppress(psycopg.errors.InsufficientPrivilege):
                    async with cursor.connection.transaction():
                        # Returning asks the select policies too, as the real server's probe does.
                        await cursor.execute(
                            "insert into realtime.messages (topic, extension) values (%s, %s) returning *",
                            [topic, extension],
                        )
                    allowed.add(extension)
    except psycopg.Error as error:
        raise RefusedError("RlsPolicyError", str(error)) from error
    return frozenset(allowed)


def _forbidden(topic: str) -> RefusedError:
    return RefusedError("Unauthorized", f"You do not have permissions to read from this Channel topic: {topic}")


@asynccontextmanager
async def _rolled_back(pool: Pool) -> AsyncIterator[psycopg.AsyncCursor[Any]]:
    """A cursor in a transaction that leaves nothing behind. Raises UnreachableError."""
    try:
        connection = await _begun(pool)
    except psycopg.OperationalError as error:
        raise UnreachableError from error
    try:
        yield connection.cursor()
    except psycopg.OperationalError as error:
        if connection.broken:
            raise UnreachableError from error
        raise
    finally:
        with suppress(psycopg.Error):
            await connection.rollback()
        await pool.putconn(connection)


async def _begun(pool: Pool) -> psycopg.AsyncConnection[Any]:
    connection: psycopg.AsyncConnection[Any] = await pool.getconn(POOL_TIMEOUT_S)
    try:
        await connection.execute("select")
    except psycopg.OperationalError:  # PostgreSQL was restarted, and the pool does not know it yet
        await pool.putconn(connection)
        await pool.check()
        connection = await pool.getconn(POOL_TIMEOUT_S)
    return connection


async def _become(cursor: psycopg.AsyncCursor[Any], person: Person, topic: str) -> None:
    role, sub = person.claims.get("role"), person.claims.get("sub")
    if not isinstance(role, str) or role == "none":  # either would leave the superuser in place
        raise psycopg.errors.InvalidParameterValue(f"role {role!r} does not exist")
    claims, headers = protocol.dumps(person.claims), protocol.dumps(dict(person.headers))
    await cursor.execute(
        """select set_config('role', %s, true), set_config('realtime.topic', %s, true),
             set_config('request.jwt.claims', %s, true), set_config('request.jwt.claim.sub', %s, true),
             set_config('request.jwt.claim.role', %s, true), set_config('request.headers', %s, true)""",
        [role, topic, claims, sub if isinstance(sub, str) else None, role, headers],
    )
