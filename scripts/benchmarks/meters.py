"""What a worker that runs says of itself."""

import httpx

from local_stack.processes import StackError

MEMORY = "process_resident_memory_bytes"
CPU = "process_cpu_seconds_total"


def value(url: str, name: str) -> float:
    """Of a metric without labels. Raises StackError when there is none."""
    for line in httpx.get(f"{url}/metrics").text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    raise StackError(f"The worker does not tell {name}.")
