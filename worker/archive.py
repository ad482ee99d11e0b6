"""Partitions that wait to be archived: read, written as Parquet, read back, and only then dropped."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from worker import database, errors, parquet, storage
from worker.backoff import Backoff

log = structlog.get_logger()

LOCK = int.from_bytes(b"hourgarc")
INTERVAL_S = 3600.0
BLOCKS_PER_READ = 128
SMALL_READ = 3_000_000  # characters; a read is halved by the database at 8 MiB
READ_TIMEOUT_S = 60.0
FINISH_TIMEOUT_S = 3600.0  # the database adds up a month before it drops it
TRIES = 3  # when rows change while they are read
LOCKED_FIRST_S = 0.2
LOCKED_LONGEST_S = 5.0
LOCKED_TRIES = 6

# A project may allow its statements less time than it takes to add up a month.
TRY_LOCK = "select pg_try_advisory_lock(%s), set_config('statement_timeout', '1h', false)"
UNLOCK = "select pg_advisory_unlock(%s)"
SET_ASIDE = "select private.set_partitions_aside()"
NEXT = "select w.* from private.next_awaiting(%s) w"
READ = "select r.change_count, r.next_block, r.texts from private.read_awaiting(%s, %s, %s) r"
FINISH = "select private.finish_archive(%s, %s, %s, %s, %s)"
FAULT = "select private.record_archive_fault(%s, %s)"


@dataclass(frozen=True)
class Result:
    """How many partitions a run archived, and how many it could not."""

    archived_count: int
    failed_count: int


@dataclass(frozen=True)
class Awaiting:
    """A partition that waits, as private.next_awaiting tells it."""

    name: str
    detached_at: datetime
    table_name: str
    starts_at: datetime
    ends_at: datetime
    change_count: int
    block_count: int
    column_types: list[list[str]]

    @property
    def columns(self) -> parquet.Columns:
        return [(name, kind) for name, kind in self.column_types]

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself."""
        return {
            "table_name": self.table_name,
            "starts_at": self.starts_at.isoformat(),
            "ends_at": self.ends_at.isoformat(),
            "columns": json.dumps(self.column_types),
        }

    @property
    def prefix(self) -> str:
        """How the names of all files of this partition begin, of each turn that it was taken out of its table."""
        return f"{self.table_name}/{self.name}-{self.detached_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-"


class Archive:
    """Moves what waits from the database to the storage. One at a time; by the lock, in all workers."""

    def __init__(
        self,
        connection: database.Connection,
        kept: storage.Storage,
        on_progress: Callable[[Awaiting, int], None] = lambda _awaiting, _block: None,
    ) -> None:
        self._connection = connection
        self._storage = kept
        self._on_progress = on_progress

    async def run(self) -> Result | None:
        """Archives all that waits; None when another worker is at it. Raises DatabaseError, ArchiveError."""
        is_held, _ = await self._connection.fetch(TRY_LOCK, (LOCK,))
        if not is_held:
            return None
        try:
            await self._connection.fetch(SET_ASIDE, (), FINISH_TIMEOUT_S)
            return await self._run_all()
        finally:
            with suppress(errors.DatabaseError):
                await self._connection.fetch(UNLOCK, (LOCK,))

    async def _run_all(self) -> Result:
        archived_count, faults, after = 0, 0, ""
        while (awaiting := Awaiting(*await self._connection.fetch(NEXT, (after,)))).name is not None:
            after = awaiting.name
            try:
                archived_count += await self._archive(awaiting)
            except errors.ArchiveError as fault:
                faults += 1
                log.error("archive.failed", partition=awaiting.name, reason=str(fault))
                await self._connection.fetch(FAULT, (awaiting.name, str(fault)))
        if not faults:
            parquet.clear(self._storage.work_folder)  # of a partition that was done when the answer was lost
        return Result(archived_count, faults)

    async def _archive(self, awaiting: Awaiting) -> bool:
        path = self._storage.work_folder / f"{Path(awaiting.prefix).name}{parquet.STAGED}"
        for _ in range(TRIES):
            with parquet.Staging(path, awaiting.columns) as staging:
                try:
                    outcome = await self._try(awaiting, staging)
                except errors.ArchiveError:
                    staging.discard()  # what is on a full disk, or cannot be read, is no help
                    raise
                if outcome != "locked":
                    staging.discard()
            if outcome != "different":
                break
            log.info("archive.changed", partition=awaiting.name)
        if outcome in {"different", "locked"}:
            raise errors.ArchiveError("the rows change all the time" if outcome == "different" else "it stays locked")
        return outcome == "archived"

    async def _try(self, awaiting: Awaiting, staging: parquet.Staging) -> str:
        outcome, change_count = await self._stage(awaiting, staging)
        if outcome != "staged":
            return outcome
        name = f"{awaiting.prefix}{change_count}.parquet"
        draft = self._storage.work_folder / f"{Path(name).name}{parquet.DRAFT}"
        try:
            sums = await asyncio.to_thread(staging.write, draft, awaiting.metadata)
            byte_count = draft.stat().st_size
            await asyncio.to_thread(self._storage.put, draft, name)
        finally:
            draft.unlink(missing_ok=True)
        if await asyncio.to_thread(parquet.sums_of_file, self._storage, name, awaiting.columns) != sums:
            raise errors.ArchiveError(f"{name} reads otherwise than it was written")
        outcome = await self._finish(awaiting.name, sums.row_count, sums.checksum, byte_count, name)
        if outcome == "archived":
            log.info("archive.done", partition=awaiting.name, rows=sums.row_count, bytes=byte_count, file=name)
            await asyncio.to_thread(self._storage.keep_only, name, awaiting.prefix)
        return outcome

    async def _stage(self, awaiting: Awaiting, staging: parquet.Staging) -> tuple[str, int]:
        """Brings all rows here. Answers `staged` and of which change_count they are, or why not."""
        staged = staging.progress
        change_count, block = staged or (-1, 0)
        block_count = BLOCKS_PER_READ
        if staged is not None:
            log.info("archive.resumed", partition=awaiting.name, block=block)
        while block is not None:
            self._on_progress(awaiting, block)
            reading = (awaiting.name, block, block_count)
            found, next_block, texts = await self._connection.fetch(READ, reading, READ_TIMEOUT_S)
            if found is None:
                return "gone", change_count
            if change_count not in {-1, found}:
                return "different", found
            await asyncio.to_thread(staging.add, texts, found, next_block)
            if next_block is not None:  # where rows are long, fewer blocks come than were asked for
                growth = 2 if len(texts or "") < SMALL_READ else 1
                block_count = min(BLOCKS_PER_READ, growth * (next_block - block))
            change_count, block = found, next_block
        self._on_progress(awaiting, awaiting.block_count)
        return "staged", change_count

    async def _finish(self, *archived: str | int) -> str:
        locked = Backoff(LOCKED_FIRST_S, LOCKED_LONGEST_S)
        while True:
            (outcome,) = await self._connection.fetch(FINISH, archived, FINISH_TIMEOUT_S)
            if outcome != "locked" or locked.tries == LOCKED_TRIES:
                return str(outcome)
            await asyncio.sleep(locked.next_s())
