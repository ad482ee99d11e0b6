"""Runs the parts of a stack: starts them in order, restarts what dies, stops them in reverse order."""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping

import httpx

from local_stack import migrations
from local_stack.cluster import Cluster
from local_stack.config import Stack
from local_stack.folder import Held
from local_stack.part import Part, Say
from local_stack.processes import StackError, environment, python_module

READY_TIMEOUT_S = 60
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 10.0
POLL_S = 0.05


class Supervisor:
    """A stack that runs in this process until a signal."""

    def __init__(self, stack: Stack, cluster: Cluster, *, bare: bool, say: Say) -> None:
        self.stack = stack
        self.cluster = cluster
        self.bare = bare
        self.say = say
        self.parts: list[Part] = []
        self._watches: list[asyncio.Task[None]] = []

    async def run(self, held: Held, announce: Callable[[], None]) -> None:
        """Starts everything, announces that all is healthy, and returns after a signal has stopped it all again."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        stopping = asyncio.create_task(stop.wait())
        starting = asyncio.create_task(self._start())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                held.note(is_healthy=True)
                announce()
                await stopping
            self.say("stack", "stopping")
        finally:
            held.note(is_healthy=False)
            await self._stop(starting, stopping)

    async def _start(self) -> None:
        await asyncio.to_thread(self.cluster.prepare)
        self.cluster.log.parent.mkdir(parents=True, exist_ok=True)
        postgres = self._part("postgres", lambda: self.cluster.command)
        postgres.stop_signal, postgres.stop_timeout_s = signal.SIGINT, 60.0
        await postgres.start()
        await asyncio.to_thread(self.cluster.wait_until_ready, lambda: postgres.is_alive)
        self._watch(postgres)
        await asyncio.to_thread(migrations.apply_platform, self.stack)
        if not self.bare:
            await asyncio.to_thread(self._migrate)
        stack = self.stack
        arguments = ["--dir", str(stack.folder), "--api-port", str(stack.api_port), "--db-port", str(stack.db_port)]
        api = self._part("api", lambda: python_module(["local_stack", "serve", *arguments]))
        await self._start_part(api, self._api_answers)
        if not self.bare:
            settings = {
                "DATABASE_URL": stack.worker_db_url,
                "SUPABASE_URL": stack.api_url,
                "SUPABASE_SERVICE_ROLE_KEY": stack.service_role_key,
                "SUPABASE_ANON_KEY": stack.anon_key,
                "HTTP_PORT": str(stack.worker_port),
            }
            worker = self._part("worker", lambda: python_module(["worker", "run"]), settings)
            await self._start_part(worker, self._worker_is_ready)

    def _migrate(self) -> None:
        for name in migrations.apply_migrations(self.stack):
            self.say("stack", f"applied {name}")
        if migrations.apply_seed(self.stack):
            self.say("stack", "applied the seed")
        migrations.let_worker_in(self.stack)

    def _part(self, name: str, command: Callable[[], list[str]], env: Mapping[str, str] | None = None) -> Part:
        log = self.cluster.log.with_name(f"{name}.log")
        part = Part(name, command, environment(env), log, self.say)
        self.parts.append(part)
        return part

    async def _start_part(self, part: Part, is_healthy: Callable[[], bool]) -> None:
        await part.start()
        end = time.monotonic() + READY_TIMEOUT_S
        while not await asyncio.to_thread(is_healthy):
            if not part.is_alive or time.monotonic() > end:
                raise StackError(f"The {part.name} did not start; its log, {part.log}, may say why.")
            await asyncio.sleep(POLL_S)
        self._watch(part)

    def _api_answers(self) -> bool:
        try:
            return httpx.get(f"{self.stack.api_url}/auth/v1/health").is_success
        except httpx.TransportError:
            return False

    def _worker_is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.stack.worker_url}/readyz").is_success
        except httpx.TransportError:
            return False

    def _watch(self, part: Part) -> None:
        self._watches.append(asyncio.create_task(self._keep_alive(part)))

    async def _keep_alive(self, part: Part) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            assert part.process is not None
            born = time.monotonic()
            status = await part.process.wait()
            if time.monotonic() - born > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            self.say("stack", f"{part.name} ended with status {status} and is started again in {pause_s:g} s")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            if part.name == "postgres":
                try:
                    await asyncio.to_thread(self.cluster.prepare)
                except StackError as error:
                    self.say("stack", str(error))
            await part.start()

    async def _stop(self, *tasks: asyncio.Task[object]) -> None:
        for task in (*tasks, *self._watches):
            task.cancel()
        await asyncio.gather(*tasks, *self._watches, return_exceptions=True)
        for part in reversed(self.parts):
            await part.stop()
