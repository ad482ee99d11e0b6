"""The PostgreSQL of a stack: made once, run as a child process, reached over TCP on loopback."""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import psycopg

from local_stack.config import DATABASE_PASSWORD, Stack
from local_stack.processes import StackError, dies_with_parent, require_free_port

PROGRAMS = Path("/usr/lib/postgresql")
EXTENSIONS = Path("/usr/share/postgresql")
NEWEST_TO_OLDEST = ("17", "16", "15")
SUPERUSER = "supabase_admin"
SERVER_USER = "postgres"
FALLBACK_FOLDER = Path("/var/lib/hourglass")
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
POLL_S = 0.02

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_connections": "200",
    "max_worker_processes": "24",
    "shared_preload_libraries": "pg_cron",
    "cron.database_name": "postgres",
    "cron.use_background_workers": "on",
    "cron.log_statement": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m ",
    "log_checkpoints": "off",
}
# With these a crash of the machine loses data, so they are for clusters that live as long as a test.
FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


def programs() -> Path:
    """The folder of the newest PostgreSQL that has pg_cron."""
    for version in NEWEST_TO_OLDEST:
        folder = PROGRAMS / version / "bin"
        if (folder / "initdb").exists() and (EXTENSIONS / version / "extension/pg_cron.control").exists():
            return folder
    raise StackError("No PostgreSQL with pg_cron is installed: run scripts/setup.")


def as_server_user() -> list[str]:
    """The start of a command line that runs as a user whom PostgreSQL accepts: it refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={SERVER_USER}", f"--regid={SERVER_USER}", "--init-groups"]


class Cluster:
    """The cluster in `<folder>/data`. Whether it runs is read from the system, so any process may ask or stop it."""

    def __init__(self, stack: Stack, *, fast: bool = False) -> None:
        self.stack = stack
        self.fast = fast
        self.folder = stack.folder.resolve()
        self.log = self.folder / "logs" / "postgres.log"
        self._server: subprocess.Popen[bytes] | None = None

    @cached_property
    def data(self) -> Path:
        # Below /root, for one, the server's user cannot reach its files.
        self.folder.mkdir(parents=True, exist_ok=True)
        probe = [*as_server_user(), "test", "-x", str(self.folder)]
        if not as_server_user() or subprocess.run(probe, cwd="/", check=False).returncode == 0:
            return self.folder / "data"
        key = hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]
        return FALLBACK_FOLDER / key / "data"

    @property
    def command(self) -> list[str]:
        """The server in the foreground. SIGINT is its quick and clean stop."""
        settings = SETTINGS | (FAST_SETTINGS if self.fast else {}) | {"port": str(self.stack.db_port)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        # In this order: a change of user clears the signal.
        start = [*as_server_user(), *dies_with_parent("INT")]
        return [*start, str(programs() / "postgres"), "-D", str(self.data), *options]

    def create(self) -> None:
        """Makes the cluster unless it is there."""
        self._link()
        if (self.data / "PG_VERSION").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted initdb left
        self.data.mkdir(mode=0o700, parents=True)
        with tempfile.NamedTemporaryFile("w", dir="/tmp", suffix=".password") as password:
            password.write(DATABASE_PASSWORD)
            password.flush()
            if as_server_user():
                shutil.chown(self.data, SERVER_USER, SERVER_USER)
                shutil.chown(password.name, SERVER_USER)
            options = ["-D", str(self.data), "-U", SUPERUSER, f"--pwfile={password.name}", "--auth=scram-sha-256"]
            options += ["--encoding=UTF8", "--locale=C.UTF-8", *(["--no-sync"] if self.fast else [])]
            command = [*as_server_user(), str(programs() / "initdb"), *options]
            done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
        if done.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise StackError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def prepare(self) -> None:
        """All up to the start: the cluster is there, and a crashed server's remains or others are not in its way."""
        self.create()
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != programs().parent.name:
            raise StackError(f"{self.data} belongs to PostgreSQL {version}, not {programs().parent.name}: use --reset.")
        if self.server_pid() is not None:
            raise StackError(f"A PostgreSQL server runs on {self.data} already.")
        # Without their postmaster these only hold on to its shared memory; the start recovers as from a crash.
        while orphans := self._processes():
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_S)
        # The number in it may belong to another program by now, and PostgreSQL would take that for a server.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        require_free_port(self.stack.db_port, "database", "--db-port")

    def start(self) -> None:
        """Starts the server and returns when it answers."""
        self.prepare()
        self._reap()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            server = subprocess.Popen(
                self.command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._server = server
        self.wait_until_ready(lambda: server.poll() is None)

    def wait_until_ready(self, alive: Callable[[], bool]) -> None:
        """Returns when the server answers."""
        end = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                psycopg.connect(self.stack.admin_db_url, connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if not alive() or time.monotonic() > end:
                    raise StackError(f"PostgreSQL does not answer; its log, {self.log}, may say why.") from error
            time.sleep(POLL_S)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stops the server, whoever started it, and returns when it is gone. SIGKILL makes it a crash."""
        pid = self.server_pid()
        if pid is not None:
            os.kill(pid, how)
        end = time.monotonic() + STOP_TIMEOUT_S
        while self.server_pid() is not None:
            if time.monotonic() > end:
                raise StackError(f"PostgreSQL (process {pid}) did not stop within {STOP_TIMEOUT_S} s.")
            time.sleep(POLL_S)
        self._reap()

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        """Deletes the data of a server that is stopped."""
        shutil.rmtree(self.data, ignore_errors=True)
        if FALLBACK_FOLDER in self.data.parents:
            self.data.parent.rmdir()
            (self.folder / "data").unlink(missing_ok=True)

    def _link(self) -> None:
        """Data that is elsewhere ends with the folder: without this link it belonged to one that was deleted."""
        link = self.folder / "data"
        if FALLBACK_FOLDER in self.data.parents and not os.path.lexists(link):
            shutil.rmtree(self.data, ignore_errors=True)
            link.symlink_to(self.data)

    def server_pid(self) -> int | None:
        """The process of the server that runs on this data, if one does."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        return pid if pid in self._processes() else None

    def _reap(self) -> None:
        if self._server is not None:
            self._server.wait()
            self._server = None

    def _processes(self) -> list[int]:
        """All processes of PostgreSQL whose working folder is the data, where each of them stays."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "cwd").readlink() == self.data and (folder / "exe").readlink().name == "postgres":
                    found.append(int(folder.name))
            except OSError:  # gone meanwhile, or somebody else's
                continue
        return found
