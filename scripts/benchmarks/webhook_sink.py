"""A receiver of webhooks in a process of its own, that does nothing but answer 204."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from local_stack.processes import environment, python_module

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


@contextmanager
def running() -> Iterator[str]:
    """Its URL, while it runs."""
    process = subprocess.Popen(
        python_module(["benchmarks.webhook_sink"]), env=environment({}), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
    finally:
        process.kill()
        process.wait()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode().lower().split("\r\n")
            (length,) = [line.partition(":")[2] for line in lines if line.startswith("content-length:")]
            await reader.readexactly(int(length))
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(asyncio.run(_serve()))
