"""Which addresses a webhook may lead to, and that nothing is connected to but what was checked."""

import asyncio
import threading
from collections.abc import Iterable
from typing import Any

import httpcore
import pytest

from worker import addresses, errors


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "198.20.0.1", "172.32.0.1"],
)
def test_what_is_everybodys(address: str) -> None:
    assert addresses.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "168.63.129.16", "224.0.0.1",
        "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::808:808", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::",
        "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "ff0e::1",
    ],
)  # fmt: skip
def test_what_is_not(address: str) -> None:
    assert not addresses.is_public(address)


class Recorder(httpcore.AsyncNetworkBackend):
    """A network in which nobody is at home; keeps whom it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.asked.append(host)
        raise httpcore.ConnectError


class Turncoat:
    """A name server that says something else each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def look_up(self, name: str) -> list[str]:
        return self.answers.pop(0)


async def test_a_name_is_looked_up_once_and_its_addresses_are_asked_in_turn() -> None:
    network = Recorder()
    names = Turncoat(["8.8.8.8", "2606:4700::1"], ["127.0.0.1"])
    with pytest.raises(httpcore.ConnectError):
        await addresses.CheckedNetwork(False, names.look_up, network).connect_tcp("hooks.example", 443)
    assert network.asked == ["8.8.8.8", "2606:4700::1"]
    assert names.answers == [["127.0.0.1"]]


async def test_one_private_address_among_public_ones_is_refused() -> None:
    network = Recorder()
    names = Turncoat(["8.8.8.8", "10.0.0.1"])
    with pytest.raises(errors.AddressRefusedError):
        await addresses.CheckedNetwork(False, names.look_up, network).connect_tcp("hooks.example", 443)
    assert network.asked == []


async def test_a_name_that_is_nobodys_is_no_connection() -> None:
    with pytest.raises(httpcore.ConnectError):
        await addresses.CheckedNetwork(True, Turncoat([]).look_up, Recorder()).connect_tcp("hooks.example", 443)


async def test_the_system_is_asked_for_names() -> None:
    names = addresses.Names()
    assert "127.0.0.1" in await names.look_up("127.0.0.1")
    assert await names.look_up("no.such.name.invalid") == []


async def test_a_name_can_be_asked_again_when_the_machine_had_no_thread_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    names = addresses.Names()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            await names.look_up("localhost")
    async with asyncio.timeout(60):
        assert "127.0.0.1" in await names.look_up("localhost")
