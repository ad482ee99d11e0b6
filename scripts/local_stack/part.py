"""One program of a stack that runs, and its log."""

import asyncio
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

LONGEST_LINE_BYTES = 1 << 20

Say = Callable[[str, str], None]  # takes the name of who speaks, and a line


class Part:
    """What it says goes to its log and to `say`."""

    def __init__(
        self, name: str, command: Callable[[], list[str]], env: Mapping[str, str], log: Path, say: Say
    ) -> None:
        self.name = name
        self.command = command
        self.env = env
        self.log = log
        self.say = say
        self.stop_signal = signal.SIGTERM
        self.stop_timeout_s = 10.0
        self.process: asyncio.subprocess.Process | None = None
        self._pump: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        # A session of its own, or Ctrl-C would reach it directly and not in order.
        self.process = await asyncio.create_subprocess_exec(
            *self.command(), env=self.env, cwd="/", start_new_session=True, limit=LONGEST_LINE_BYTES,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        self._pump = asyncio.create_task(self._copy_output(self.process))

    async def stop(self) -> None:
        if self.process is not None and self.is_alive:
            self.process.send_signal(self.stop_signal)
            try:
                await asyncio.wait_for(self.process.wait(), self.stop_timeout_s)
            except TimeoutError:
                self.say("stack", f"{self.name} did not stop in time and is killed")
                self.process.kill()
                await self.process.wait()
        if self._pump is not None:
            await asyncio.wait({self._pump}, timeout=self.stop_timeout_s)

    async def _copy_output(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with self.log.open("a") as log:
            while True:
                try:
                    line = await process.stdout.readline()
                except ValueError:
                    line = b"(a line that was too long)\n"
                if not line:
                    break
                text = line.decode(errors="replace").rstrip("\n")
                log.write(f"{text}\n")
                log.flush()
                self.say(self.name, text)
