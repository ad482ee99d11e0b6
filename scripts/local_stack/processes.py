"""What every process of a stack needs: an end with its parent, a free port, an error that a person can act on."""

import errno
import os
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class StackError(Exception):
    """Something that the user can put right; its message says what and how."""


def dies_with_parent(signal_name: str) -> list[str]:
    """The start of a command line whose program gets that signal when this process ends, killed or not."""
    # The kernel means the thread that forked, and only the main one lives as long as the process.
    if threading.current_thread() is not threading.main_thread():
        return []
    return ["setpriv", f"--pdeathsig={signal_name}"]


def python_module(arguments: Sequence[str], signal_name: str = "TERM") -> list[str]:
    """The command line of a Python module in this interpreter."""
    return [*dies_with_parent(signal_name), sys.executable, "-m", *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process' environment, with the repository's packages on Python's path."""
    path = f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'scripts'}"
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(extra or {})}


def require_free_port(port: int, what: str, option: str) -> None:
    """Raises when something else listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise StackError(f"Port {port} ({what}) cannot be used: {error.strerror}.") from error
            advice = f"stop the program that listens there or choose another port with {option}"
            raise StackError(f"Port {port} ({what}) is taken: {advice}.") from error


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
