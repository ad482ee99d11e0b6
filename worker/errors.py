"""What can go wrong, by name. The docstring is the message."""

import inspect


class HourglassError(Exception):
    """Hourglass failed."""

    exit_status = 1

    def __init__(self, detail: str = "") -> None:
        message = inspect.cleandoc(self.__doc__ or "")
        super().__init__(f"{message} {detail}" if detail else message)


class SettingsError(HourglassError):
    """The settings in the environment are incomplete or wrong:"""

    exit_status = 2


class TransactionPoolerError(HourglassError):
    """DATABASE_URL leads through a transaction pooler, where the lock that says which worker leads cannot hold.
    Use the direct connection or the session pooler: port 5432, not 6543.
    """

    exit_status = 2


class DatabaseError(HourglassError):
    """The database refused a query:"""


class DatabaseUnavailableError(DatabaseError):
    """The database cannot be reached:"""


class SchemaMissingError(DatabaseError):
    """The database lacks a function of Hourglass, or the worker's right to call it; are the migrations applied?"""


class RealtimeRefusedError(HourglassError):
    """Realtime does not let the worker join its channel:"""


class RealtimeLostError(HourglassError):
    """The channel was lost:"""


class ArchiveError(HourglassError):
    """The archive failed:"""
