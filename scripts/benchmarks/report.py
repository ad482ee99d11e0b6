"""What a run found: rows, as a table and as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

COLUMNS = ("", "measured", "baseline", "ratio", "target", "load")


def load_average() -> float:
    """How many processes wanted to run in the last minute, those of the benchmark included."""
    return round(os.getloadavg()[0], 2)


@dataclass(frozen=True)
class Row:
    """One measure beside its baseline. The ratio need not be their quotient: it may be the median of many."""

    name: str
    measured: float
    baseline: float
    ratio: float
    unit: str
    target: str = ""
    load: float = field(default_factory=load_average)

    @property
    def cells(self) -> tuple[str, ...]:
        numbers = (f"{_number(self.measured)} {self.unit}", f"{_number(self.baseline)} {self.unit}")
        return (self.name, *numbers, f"{self.ratio:.3f}", self.target, f"{self.load:.2f}")


About = dict[str, str | int | float]


def machine() -> About:
    """What the numbers depend on."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    models = {line.partition(": ")[2] for line in cpuinfo.splitlines() if line.startswith("model name")}
    return {
        "cpu": ", ".join(sorted(models)) or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def table(rows: Sequence[Row]) -> str:
    """Plain text, one line a row."""
    lines = [COLUMNS, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in {0, 4} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def summary(about: About) -> str:
    """One line."""
    return ", ".join(f"{name} {value}" for name, value in about.items())


def write(path: Path, rows: Sequence[Row], about: About) -> None:
    """The same as JSON."""
    report = {"ended_at": datetime.now(UTC).isoformat(), **about, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(report, indent=2) + "\n")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
