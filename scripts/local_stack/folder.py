"""A stack's folder: what it was started with, and who runs it now."""

import fcntl
import json
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from local_stack.config import Stack
from local_stack.processes import StackError

KEYS = ("anon_key", "service_role_key")
LOCK_PATIENCE_S = 0.5
STOP_TIMEOUT_S = 90
POLL_S = 0.02


def save(stack: Stack) -> None:
    """Keeps ports, secret and keys for later commands, for the owner's eyes only."""
    stack.folder.mkdir(parents=True, exist_ok=True)
    names = ("api_port", "db_port", "jwt_secret", *KEYS)
    path = stack.folder / "stack.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({name: getattr(stack, name) for name in names}, indent=2))


def load(folder: Path) -> Stack | None:
    """The stack that was last started in this folder, with the same keys."""
    try:
        kept = json.loads((folder / "stack.json").read_text())
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise StackError(f"{folder} belongs to another user.") from error
    stack = Stack(folder, kept["api_port"], kept["db_port"], kept["jwt_secret"])
    vars(stack).update({name: kept[name] for name in KEYS})  # fills the cache of the properties
    return stack


@dataclass(frozen=True)
class Owner:
    """The process that runs a stack."""

    pid: int
    is_healthy: bool


class Held:
    """The folder's lock while this process holds it. It ends with the process, whatever ends that."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file
        self.note(is_healthy=False)

    def note(self, *, is_healthy: bool) -> None:
        self.file.seek(0)
        self.file.truncate()
        json.dump({"pid": os.getpid(), "is_healthy": is_healthy}, self.file)
        self.file.flush()


@contextmanager
def hold(folder: Path) -> Iterator[Held]:
    """Makes this process the one that runs the stack."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        end = time.monotonic() + LOCK_PATIENCE_S  # another command may be looking whether it is free
        while not _lock(file):
            if time.monotonic() > end:
                raise StackError(f"A stack runs in {folder} already.")
            time.sleep(POLL_S)
        yield Held(file)


def owner(folder: Path) -> Owner | None:
    """Who runs the stack of this folder, if anybody does."""
    try:
        with (folder / "lock").open("r+") as file:
            if _lock(file):
                return None
            kept = json.loads(file.read() or "null")
            return Owner(**kept) if kept else Owner(0, is_healthy=False)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise StackError(f"{folder} belongs to another user.") from error


def stop_owner(folder: Path) -> bool:
    """Ends the process that runs the stack and waits for it; says whether there was one."""
    while (running := owner(folder)) is not None and not running.pid:
        time.sleep(POLL_S)  # it has locked the folder at this moment and not yet written who it is
    if running is None:
        return False
    try:
        process = os.pidfd_open(running.pid)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        ended, _, _ = select.select([process], [], [], STOP_TIMEOUT_S)
    finally:
        os.close(process)
    if not ended:
        raise StackError(f"The stack in {folder} (process {running.pid}) did not stop within {STOP_TIMEOUT_S} s.")
    return True


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
