"""Where archives are kept: a folder, or a bucket that speaks S3. The one place that imports obstore."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import obstore
from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # the package has no types
from obstore.exceptions import BaseError
from obstore.fsspec import FsspecStore
from obstore.store import S3Store

from worker import errors

MAX_RETRIES = 3
RETRY_TIMEOUT = timedelta(seconds=20)
UNFINISHED = ".unfinished"


class Storage(Protocol):
    """Files by name, below one address. Every method raises ArchiveError when the place does not play along."""

    address: str
    filesystem: AbstractFileSystem | None  # by which DuckDB opens an address; None where it can by itself

    @property
    def work_folder(self) -> Path:
        """Of this machine, for what is being written."""

    def put(self, source: Path, name: str) -> None:
        """Whole or not at all: nobody sees part of a file under its name."""

    def keep_only(self, name: str, prefix: str) -> None:
        """Removes every other file whose name begins like this: what tries that failed have left."""


class Folder:
    """A folder of this machine."""

    filesystem = None

    def __init__(self, root: Path) -> None:
        self._root = root
        self.address = str(root)
        self.work_folder = root / ".work"

    def put(self, source: Path, name: str) -> None:
        target = self._root / name
        unfinished = target.with_name(f".{target.name}{UNFINISHED}")
        with _faults(), _gone_if_it_fails(unfinished):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, unfinished)
            _sync(unfinished)
            unfinished.replace(target)
            _sync(target.parent)

    def keep_only(self, name: str, prefix: str) -> None:
        kept = self._root / name
        with _faults():
            for path in kept.parent.iterdir():
                if path != kept and path.name.lstrip(".").startswith(Path(prefix).name):
                    path.unlink(missing_ok=True)


class Bucket:
    """A bucket, and the keys of it that begin with a prefix."""

    def __init__(self, address: str, config: dict[str, str]) -> None:
        options: dict[str, Any] = {
            "config": config,
            "client_options": {"allow_http": True},  # only where the endpoint says http
            "retry_config": {"max_retries": MAX_RETRIES, "retry_timeout": RETRY_TIMEOUT},
        }
        self.address = address
        with _faults():
            self.filesystem: AbstractFileSystem | None = FsspecStore("s3", **options)
            self._store = S3Store.from_url(address, **options)

    @property
    def work_folder(self) -> Path:
        folder = Path(tempfile.gettempdir()) / f"hourglass-archive-{os.getuid()}"
        with _faults():
            _own(folder)
        return folder

    def put(self, source: Path, name: str) -> None:
        with _faults():
            obstore.put(self._store, name, source)

    def keep_only(self, name: str, prefix: str) -> None:
        with _faults():
            for found in obstore.list(self._store, str(Path(prefix).parent)).collect():
                if found["path"] != name and found["path"].startswith(prefix):
                    obstore.delete(self._store, found["path"])


def open_storage(url: str, s3_config: dict[str, str]) -> Storage:
    """Of a path, a file:// URL or s3://bucket/prefix. Raises ArchiveError."""
    if url.startswith("s3://"):
        return Bucket(url.rstrip("/"), s3_config)
    return Folder(Path(url.removeprefix("file://")))


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (OSError, BaseError) as fault:
        raise errors.ArchiveError(reason_of(fault)) from fault


def reason_of(fault: Exception) -> str:
    """In one line, without what follows for who wrote the library, or stands before for who calls Python from it."""
    told = str(fault).partition("\n\n")[0].splitlines()
    return " ".join(line.strip() for line in told if not line.startswith((" ", "Traceback (")))


@contextmanager
def _gone_if_it_fails(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _own(folder: Path) -> None:
    """Makes a folder for ourselves. Anybody can have made one of that name before, to read what we put there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder} is somebody else's")
    folder.chmod(0o700)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
