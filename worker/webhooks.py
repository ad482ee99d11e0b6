"""The one place that calls out by HTTP: posts a notification, signed, to an address that it has checked."""

import asyncio
import contextlib
import email.utils
import http.cookiejar
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import httpcore
import httpx
import standardwebhooks

from worker import __version__, addresses

TRY_TIMEOUT_S = 15.0  # for all of a try, from the name to the answer's status
CONNECT_TIMEOUT_S = 5.0
DRAIN_TIMEOUT_S = 1.0
DRAIN_BYTES = 16 * 1024  # an answer that is read to its end leaves a connection for the next post
ERROR_CHARACTERS = 300
IDLE_CONNECTIONS = 100
IDLE_S = 20.0


@dataclass(frozen=True)
class Delivery:
    """One try. `sent_at` is the database's clock, which signs: ours may be wrong."""

    notification_id: UUID
    endpoint_id: UUID
    url: str
    secret: str = field(repr=False)
    body: str
    try_count: int
    sent_at: datetime


@dataclass(frozen=True)
class Outcome:
    """What came of a try: an HTTP status, or none; what was wrong; how long the receiver asks us to wait."""

    status: int | None
    error: str | None = None
    retry_after_seconds: float | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status <= 299


class Poster:
    """Posts deliveries. Follows no redirect, uses no proxy, keeps no cookie, and of an answer only the head counts."""

    def __init__(self, allow_private_addresses: bool, look_up: addresses.LookUp | None = None) -> None:
        network = addresses.CheckedNetwork(allow_private_addresses, look_up or addresses.Names().look_up)
        self._client = httpx.AsyncClient(
            transport=_Transport(network),
            timeout=httpx.Timeout(TRY_TIMEOUT_S, connect=CONNECT_TIMEOUT_S, pool=None),
            headers={"user-agent": f"hourglass/{__version__}", "content-type": "application/json"},
            cookies=http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
        )

    async def post(self, delivery: Delivery) -> Outcome:
        """Tries once. Never raises: whatever goes wrong is the outcome."""
        try:
            async with asyncio.timeout(TRY_TIMEOUT_S):
                request = self._client.build_request(
                    "POST", delivery.url, content=delivery.body.encode(), headers=_signed(delivery)
                )
                response = await self._client.send(request, stream=True)
        except TimeoutError:
            return Outcome(None, "timeout")
        except Exception as fault:  # an address, a server or a certificate may be wrong in any way
            return Outcome(None, _printable(f"{type(fault).__name__}: {fault}".removesuffix(": ")))
        await _drain(response)
        outcome = Outcome(response.status_code)
        if outcome.is_delivered:
            return outcome
        error = "redirects are not followed" if response.is_redirect else f"answered {response.status_code}"
        return Outcome(response.status_code, error, _retry_after_s(response.headers, delivery.sent_at))

    async def close(self) -> None:
        await self._client.aclose()


class _Transport(httpx.AsyncHTTPTransport):
    """Connects through the given network, to as many servers as there are: what limits us is per endpoint."""

    def __init__(self, network: httpcore.AsyncNetworkBackend) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=None,
            max_keepalive_connections=IDLE_CONNECTIONS,
            keepalive_expiry=IDLE_S,
            network_backend=network,
        )


def _signed(delivery: Delivery) -> dict[str, str]:
    sent_at = delivery.sent_at.astimezone(UTC)  # the library takes whatever it is given for UTC
    message_id = str(delivery.notification_id)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(math.floor(sent_at.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(delivery.secret).sign(message_id, sent_at, delivery.body),
    }


def _printable(text: str) -> str:
    """What can be stored and shown, whatever a server has made a library say."""
    return "".join(character if " " <= character <= "~" else "?" for character in text[:ERROR_CHARACTERS])


async def _drain(response: httpx.Response) -> None:
    read_bytes = 0
    with contextlib.suppress(Exception):  # the status has come, and is the answer
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            async for chunk in response.aiter_raw():
                read_bytes += len(chunk)
                if read_bytes > DRAIN_BYTES:
                    break
    with contextlib.suppress(Exception):
        await response.aclose()


def _retry_after_s(headers: httpx.Headers, sent_at: datetime) -> float | None:
    """Seconds that `Retry-After` asks for: a number, or a date, which is by the clock of the one that answers."""
    text = headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = email.utils.parsedate_to_datetime(text)
        answered_at = email.utils.parsedate_to_datetime(headers["date"]) if "date" in headers else sent_at
        return max((until - answered_at).total_seconds(), 0)
    except (ValueError, TypeError, OverflowError):
        return None
