"""Broadcasts from the database: the rows of realtime.messages, decoded from the log of PostgreSQL at their commit."""

import asyncio
import logging
import secrets
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg
from psycopg import generators, pq

PUBLICATION = "supabase_realtime_messages_publication"
RETRY_S = 0.25
MESSAGES_AT_ONCE = 100  # then the others of the process have their turn
POSTGRES_EPOCH_S = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
WAL_DATA = ord("w")
KEEPALIVE = ord("k")
WAL_DATA_HEADER_BYTES = 25

Row = dict[str, str | None]
log = logging.getLogger(__name__)


@dataclass
class Decoder:
    """What pgoutput (protocol 1) says of inserted rows, columns as text."""

    columns: dict[int, list[str]] = field(default_factory=dict)

    def row(self, message: bytes) -> Row | None:
        """The row of an insert; None for everything else. A table is described before its first row."""
        if message[:1] == b"R":
            self._learn(message)
        if message[:1] != b"I":
            return None
        (relation,) = struct.unpack_from(">I", message, 1)
        row: Row = {}
        position = 8  # kind, table, 'N', number of columns
        for name in self.columns[relation]:
            kind, position = message[position : position + 1], position + 1
            row[name] = None
            if kind == b"t":
                (length,) = struct.unpack_from(">I", message, position)
                row[name] = message[position + 4 : position + 4 + length].decode()
                position += 4 + length
        return row

    def _learn(self, message: bytes) -> None:
        (relation,) = struct.unpack_from(">I", message, 1)
        position = message.index(b"\0", message.index(b"\0", 5) + 1) + 2  # schema, table, replica identity
        (count,) = struct.unpack_from(">H", message, position)
        position += 2
        names = []
        for _ in range(count):
            end = message.index(b"\0", position + 1)  # after the flags
            names.append(message[position + 1 : end].decode())
            position = end + 9  # type and modifier
        self.columns[relation] = names


class Stream:
    """Reads the log as long as it runs, through restarts of PostgreSQL, and hands each row to `take`."""

    def __init__(self, url: str, take: Callable[[Row], None]) -> None:
        self.streams = asyncio.Event()
        self._url = url
        self._take = take

    async def run(self) -> None:
        """For ever. What is sent while the connection is lost stays unsent, as with the real server."""
        while True:
            try:
                await self._read()
            except Exception as error:
                log.warning("replication_lost error=%r", str(error).strip())
            finally:
                self.streams.clear()
            await asyncio.sleep(RETRY_S)

    async def _read(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True, replication="database")
        try:
            # Temporary: gone with the connection, it holds back no log afterwards. The server wants capitals.
            slot = f"realtime_messages_{secrets.token_hex(8)}"
            await connection.execute(f"CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT")
            options = f"proto_version '1', publication_names '{PUBLICATION}'"
            connection.pgconn.send_query(f"START_REPLICATION SLOT {slot} LOGICAL 0/0 ({options})".encode())
            (answer,) = await connection.wait(generators.execute(connection.pgconn))
            if answer.status != pq.ExecStatus.COPY_BOTH:
                raise psycopg.OperationalError(answer.error_message.decode())
            self.streams.set()
            log.info("replication_streams slot=%s", slot)
            await self._follow(connection.pgconn)
        finally:
            await connection.close()

    async def _follow(self, connection: pq.abc.PGconn) -> None:
        loop, arrived, decoder = asyncio.get_running_loop(), asyncio.Event(), Decoder()
        loop.add_reader(connection.socket, arrived.set)
        try:
            while True:
                connection.consume_input()
                count = 0
                while (got := connection.get_copy_data(1))[0] > 0:
                    self._message(connection, decoder, bytes(got[1] or b""))
                    count += 1
                    if count % MESSAGES_AT_ONCE == 0:
                        await asyncio.sleep(0)
                if got[0] < 0:
                    raise psycopg.OperationalError("the server ended the stream")
                await arrived.wait()
                arrived.clear()
        finally:
            loop.remove_reader(connection.socket)

    def _message(self, connection: pq.abc.PGconn, decoder: Decoder, data: bytes) -> None:
        if data[0] == KEEPALIVE:
            # Nothing is kept here, so all that was sent counts as done.
            (position,) = struct.unpack_from(">Q", data, 1)
            now_us = int((time.time() - POSTGRES_EPOCH_S) * 1_000_000)
            connection.put_copy_data(struct.pack(">cQQQQB", b"r", position, position, position, now_us, 0))
            connection.flush()
        elif data[0] == WAL_DATA:
            row = decoder.row(data[WAL_DATA_HEADER_BYTES:])
            if row is not None:
                self._take(row)
