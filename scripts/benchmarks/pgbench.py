"""pgbench: how often a second a script runs."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from local_stack.cluster import programs
from local_stack.processes import StackError

CLIENTS = 8
THREADS = 2
# A pool's connections are warm: the second in which these compile functions and fill their caches is left out.
WARM_UP_S = 1


@dataclass(frozen=True)
class Run:
    transactions: int
    per_second: float  # the warm-up left out


def run(url: str, script: Path, seconds: int, **variables: int) -> Run:
    """Runs the script with prepared statements on every client for so long. Raises StackError if one fails."""
    command = [str(programs() / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--file={script}"]
    command += [f"--client={CLIENTS}", f"--jobs={THREADS}"]
    command += [f"--time={WARM_UP_S + seconds}", f"--progress={WARM_UP_S}"]
    command += [*(f"--define={name}={value}" for name, value in variables.items()), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"pgbench failed on {script.name}:\n{done.stderr}")
    transactions = re.search(r"transactions actually processed: (\d+)", done.stdout)
    rates = re.findall(r"^progress: .* s, ([\d.]+) tps", done.stderr, re.MULTILINE)
    if transactions is None or len(rates) < 2:
        raise StackError(f"pgbench does not say what was expected:\n{done.stdout}{done.stderr}")
    return Run(int(transactions[1]), mean(float(rate) for rate in rates[1:]))
