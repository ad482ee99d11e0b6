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


class AddressRefusedError(HourglassError):
    """The address is private, or not one of the public internet; see WEBHOOK_ALLOW_PRIVATE_ADDRESSES."""


class WebhookUnknownError(HourglassError):
    """There is no such webhook endpoint; see `hourglass webhooks list`."""


class WebhookTestError(HourglassError):
    """The endpoint did not take the test:"""


class TokenRefusedError(HourglassError):
    """The token is not accepted:"""


class StateUnavailableError(HourglassError):
    """Nobody answers what the user's state is:"""


class StreamsFullError(HourglassError):
    """There are as many streams as there may be:"""


class AddressTakenError(HourglassError):
    """The worker cannot listen at HTTP_HOST and HTTP_PORT:"""


class ArchiveError(HourglassError):
    """The archive failed:"""
