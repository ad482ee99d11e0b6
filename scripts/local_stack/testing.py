"""Stacks for tests: a throwaway one, or the one that the environment names."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from local_stack import migrations
from local_stack.cluster import Cluster
from local_stack.config import Stack
from local_stack.processes import StackError, environment, free_port, python_module

READY_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
POLL_S = 0.02
# Short enough for tests; the real server's are 5000 and 2000.
BACKOFFS = {"CHANNEL_ERROR_BACKOFF_MS": "50", "CONNECT_ERROR_BACKOFF_MS": "50"}
NAMES = ("API_URL", "DB_URL", "ADMIN_DB_URL", "ANON_KEY", "SERVICE_ROLE_KEY", "JWT_SECRET")


class Program:
    """A Python module run beside a test: it can be stopped, killed and started again."""

    def __init__(self, module: list[str], log: Path, env: Mapping[str, str]) -> None:
        self.module = module
        self.log = log
        self.env = env
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                python_module(self.module), env=environment(self.env), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        """Ends it and returns its exit status."""
        process, self.process = self.process, None
        if process is None:
            return None
        process.send_signal(how)
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


class Api(Program):
    """The API process of a stack. `start` returns when it answers."""

    def __init__(self, stack: Stack, env: Mapping[str, str] | None = None) -> None:
        arguments = ["--dir", str(stack.folder), "--api-port", str(stack.api_port), "--db-port", str(stack.db_port)]
        log = stack.folder / "logs" / "api.log"
        super().__init__(["local_stack", "serve", *arguments], log, {**BACKOFFS, **(env or {})})
        self.url = f"{stack.api_url}/auth/v1/health"

    def start(self) -> None:
        super().start()
        end = time.monotonic() + READY_TIMEOUT_S
        while not self._answers():
            if self.process is None or self.process.poll() is not None or time.monotonic() > end:
                self.stop(signal.SIGKILL)
                raise StackError(f"The API did not start:\n{self.log.read_text()}")
            time.sleep(POLL_S)

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url).is_success
        except httpx.TransportError:
            return False


@dataclass(frozen=True)
class TemporaryStack(Stack):
    """A throwaway stack, with its parts at hand for tests that stop them."""

    fast: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    cluster: Cluster = field(init=False)
    api: Api = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cluster", Cluster(self, fast=self.fast))
        object.__setattr__(self, "api", Api(self, self.env))

    def worker(self, env: Mapping[str, str] | None = None) -> Program:
        """A worker, not started."""
        own = {
            "DATABASE_URL": self.worker_db_url,
            "SUPABASE_URL": self.api_url,
            "SUPABASE_SERVICE_ROLE_KEY": self.service_role_key,
            "SUPABASE_ANON_KEY": self.anon_key,
            "HTTP_PORT": "0",
        }
        return Program(["worker", "run"], self.folder / "logs" / "worker.log", {**own, **self.env, **(env or {})})


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that the server's user can reach too, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hourglass-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def temporary_stack(
    *, bare: bool = False, api: bool = True, worker: bool = False, env: Mapping[str, str] | None = None
) -> Iterator[TemporaryStack]:
    """A stack of its own, gone afterwards. `bare` leaves the migrations out; the seed is never in it."""
    with ExitStack() as undo:
        folder = undo.enter_context(temporary_folder())
        stack = TemporaryStack(folder, free_port(), free_port(), env=env or {})
        undo.callback(stack.cluster.stop)
        stack.cluster.start()
        migrations.apply_platform(stack)
        if not bare:
            migrations.apply_migrations(stack)
            migrations.let_worker_in(stack)
        if api:
            undo.callback(stack.api.stop)
            stack.api.start()
        if worker:
            program = stack.worker()
            undo.callback(program.stop)
            program.start()
        yield stack


@dataclass(frozen=True)
class GivenStack(Stack):
    """A stack that runs already, as the environment describes it."""

    given: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in (("anon_key", "ANON_KEY"), ("service_role_key", "SERVICE_ROLE_KEY")):
            vars(self)[name] = self.given[value]  # fills the cache of the property

    @property
    def api_url(self) -> str:
        return self.given["API_URL"].rstrip("/")

    def database_url(self, role: str, password: str = "postgres") -> str:
        url = urlsplit(self.given["DB_URL"])
        place = (url.netloc.rpartition("@"))[2]
        return url._replace(netloc=f"{role}:{password}@{place}").geturl()

    @property
    def db_url(self) -> str:
        return self.given["DB_URL"]

    @property
    def admin_db_url(self) -> str:
        return self.given["ADMIN_DB_URL"]


@contextmanager
def stack_under_test(*, worker: bool = False) -> Iterator[Stack]:
    """The stack that the environment names when it names all of it, else a throwaway one with our migrations."""
    given = {name: os.environ[name] for name in NAMES if os.environ.get(name)}
    if len(given) == len(NAMES):
        yield GivenStack(jwt_secret=given["JWT_SECRET"], given=given)
        return
    with temporary_stack(worker=worker) as stack:
        yield stack
