"""A user's state, asked for through the API with the user's own token: whoever answers has verified it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import httpx

from worker import errors, tokens

ANSWER_TIMEOUT_S = 5.0
QUEUE_TIMEOUT_S = 30.0  # thousands may ask at once, after a restart
CONNECTIONS = 20  # to the API, of which each answers hundreds of questions a second

Json = dict[str, Any]


@dataclass(frozen=True)
class State:
    """A `usage_state`, and what matters of it to a stream. Instants are the database's."""

    fields: Json
    version: int
    is_active: bool
    server_time: datetime
    deadline: datetime | None

    @classmethod
    def of(cls, fields: Json) -> Self:
        """Raises KeyError, TypeError, ValueError for what is none, whatever JSON it is."""
        if not isinstance(fields, dict):
            raise TypeError("not an object")
        deadlines = [fields[name] for name in ("session_expires_at", "session_cap_at") if fields.get(name)]
        return cls(
            fields,
            fields["version"],
            fields["is_active"],
            datetime.fromisoformat(fields["server_time"]),
            min(map(datetime.fromisoformat, deadlines), default=None),
        )

    @property
    def deadline_in_s(self) -> float:
        """Seconds until the session ends by itself, if nobody gives a sign of life."""
        return (self.deadline - self.server_time).total_seconds() if self.deadline else float("inf")

    def left_s(self, token: tokens.Token) -> float:
        """Seconds that the token is good for, by the database's clock."""
        return token.expires_at_s - self.server_time.timestamp()


class States:
    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{url}/rest/v1",
            headers={"apikey": key},
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, pool=QUEUE_TIMEOUT_S),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )

    async def fetch(self, token: str) -> State:
        """The state of the token's user. Raises TokenRefusedError, StateUnavailableError."""
        try:
            answer = await self._http.post(
                "/rpc/get_usage_state", json={}, headers={"Authorization": f"Bearer {token}"}
            )
            if answer.status_code in {401, 403}:
                raise errors.TokenRefusedError(_message(answer))
            answer.raise_for_status()
            return State.of(answer.json())
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as fault:
            raise errors.StateUnavailableError(_reason(fault)) from fault

    async def close(self) -> None:
        await self._http.aclose()


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"


def _reason(fault: Exception) -> str:
    if isinstance(fault, httpx.HTTPStatusError):
        return f"HTTP {fault.response.status_code}"
    return type(fault).__name__
