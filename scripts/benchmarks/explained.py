"""What a query costs, as the server itself says."""

from typing import Any

import psycopg


class Explained:
    """A query under `explain (analyze, buffers)`."""

    def __init__(self, connection: psycopg.Connection, query: str) -> None:
        self._connection = connection
        self._query = f"explain (analyze, buffers, format json) {query}"
        self.buffers = 0

    def milliseconds(self) -> float:
        row = self._connection.execute(self._query.encode()).fetchone()
        assert row is not None
        explained: dict[str, Any] = row[0][0]
        plan = explained["Plan"]
        self.buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        return float(explained["Execution Time"])
