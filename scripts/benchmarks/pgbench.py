"""pgbench: how often a second a script runs."""

import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from local_stack.cluster import programs
from local_stack.processes import StackError

CLIENTS = 8
THREADS = 2
# A pool's connections are warm: the second in which these compile functions and fill their caches is left out.
WARM_UP_S = 1
TOO_LONG_S = 3600


@dataclass(frozen=True)
class Run:
    transactions: int
    per_second: float  # the warm-up left out


def run(url: str, script: Path, seconds: int, clients: int = CLIENTS, **variables: int) -> Run:
    """Runs the script with prepared statements on so many clients for so long. Raises StackError if one fails."""
    command = [*_command(script, WARM_UP_S + seconds, variables, clients), f"--progress={WARM_UP_S}", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"pgbench failed on {script.name}:\n{done.stderr}")
    transactions = re.search(r"transactions actually processed: (\d+)", done.stdout)
    rates = re.findall(r"^progress: .* s, ([\d.]+) tps", done.stderr, re.MULTILINE)
    if transactions is None or len(rates) < 2:
        raise StackError(f"pgbench does not say what was expected:\n{done.stdout}{done.stderr}")
    return Run(int(transactions[1]), mean(float(rate) for rate in rates[1:]))


@dataclass(frozen=True)
class Transaction:
    """One run of a script, from when it was due. Times are in seconds, by this machine's clock."""

    began_at: float
    ended_at: float


@contextmanager
def running(url: str, script: Path, rate: int, **variables: int) -> Iterator[list[Transaction]]:
    """Runs the script so many times a second meanwhile; its transactions are there afterwards. Raises as `run`."""
    transactions: list[Transaction] = []
    with tempfile.TemporaryDirectory() as folder:
        command = [*_command(script, TOO_LONG_S, variables), f"--rate={rate}"]
        command += ["--log", f"--log-prefix={folder}/log", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                yield transactions
            finally:
                process.send_signal(signal.SIGALRM)  # as when its time is up
                output, _ = process.communicate()
        if process.returncode != 0:
            raise StackError(f"pgbench failed on {script.name}:\n{output}")
        for log in Path(folder).iterdir():
            transactions += map(_transaction, log.read_text().splitlines())


def _command(script: Path, seconds: int, variables: Mapping[str, int], clients: int = CLIENTS) -> list[str]:
    command = [str(programs() / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--file={script}"]
    command += [f"--client={clients}", f"--jobs={THREADS}", f"--time={seconds}"]
    return command + [f"--define={name}={value}" for name, value in variables.items()]


def _transaction(line: str) -> Transaction:
    _, _, microseconds, _, seconds, rest, _ = line.split()
    ended_at = int(seconds) + int(rest) / 1_000_000
    return Transaction(ended_at - int(microseconds) / 1_000_000, ended_at)
