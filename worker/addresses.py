"""Which addresses a webhook may lead to, and connections to exactly those that were checked."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable

import httpcore

from worker import errors

LookUp = Callable[[str], Awaitable[list[str]]]

GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Within what `is_global` lets through: special purposes, tunnels that hold another address, a cloud's inner service.
NOT_OURS_TO_CALL = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "2001::/23", "2002::/16", "3fff::/20")
)


def is_public(text: str) -> bool:
    """Whether an address is one that anybody on the internet can reach: of nobody's inner network, and no group's."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address in NAT64:
            address = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        elif address not in GLOBAL_UNICAST:
            return False
    is_special = any(address in network for network in NOT_OURS_TO_CALL)
    return address.is_global and not address.is_multicast and not is_special


class Names:
    """Looks names up, each in a thread of its own: a name server that is slow for one name must not delay another,
    and nobody waits for it when the worker stops. Who asks for the same name meanwhile shares the answer.
    """

    def __init__(self) -> None:
        self._asked: dict[str, asyncio.Future[list[str]]] = {}

    async def look_up(self, name: str) -> list[str]:
        """Its addresses, in the system's order; none for a name that has none."""
        answer = self._asked.get(name)
        if answer is None:
            loop = asyncio.get_running_loop()
            answer = loop.create_future()
            threading.Thread(target=_look_up, args=(name, loop, answer), daemon=True).start()
            self._asked[name] = answer
            answer.add_done_callback(lambda _: self._asked.pop(name, None))
        return await asyncio.shield(answer)


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were checked: a name that is looked up again may mean another by then.
    TLS goes on asking for the name.
    """

    def __init__(
        self, allow_private_addresses: bool, look_up: LookUp, network: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._allow_private_addresses = allow_private_addresses
        self._look_up = look_up
        self._network = network or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await self._look_up(host)
        if not self._allow_private_addresses and not all(map(is_public, found)):
            raise errors.AddressRefusedError
        fault: Exception = httpcore.ConnectError("the name is unknown")
        for address in found:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
        raise fault


def _look_up(name: str, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[list[str]]) -> None:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))

    def tell() -> None:
        if not answer.done():
            answer.set_result(addresses)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
        loop.call_soon_threadsafe(tell)
