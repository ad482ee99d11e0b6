"""What many who share a connection get."""

import asyncio

from local_stack.config import Stack
from worker import database

CROWD = 20


async def test_many_who_ask_at_once_share_one_backend(stack: Stack) -> None:
    connection = database.Connection(stack.worker_db_url, "crowd")
    try:
        rows = await asyncio.gather(*(connection.fetch("select pg_backend_pid()") for _ in range(CROWD)))
    finally:
        await connection.close()
    assert len(set(rows)) == 1
