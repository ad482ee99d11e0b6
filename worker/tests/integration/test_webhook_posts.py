"""What a post to a real server is like on the wire, and what of an answer counts."""

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest

from worker import webhooks
from worker.tests.integration.webhook_sink import Answer, Sink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NAME = "hooks.example"


async def here(_name: str) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
async def poster() -> AsyncIterator[webhooks.Poster]:
    poster = webhooks.Poster(True, here)
    yield poster
    await poster.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


def delivery_to(url: str, sent_at: datetime | None = None) -> webhooks.Delivery:
    sent_at = sent_at or datetime.now(timezone(timedelta(hours=-7)))
    return webhooks.Delivery(uuid4(), uuid4(), url, SECRET, '{"type": "té€st", "n": 1.50}', 1, sent_at)


async def test_a_signature_holds_whatever_zone_the_database_speaks_of(poster: webhooks.Poster, sink: Sink) -> None:
    delivery = delivery_to(sink.url)
    assert (await poster.post(delivery)).is_delivered
    (message,) = sink.received
    assert message.verified(SECRET)["type"] == "té€st"
    assert message.body == delivery.body.encode()


async def test_the_clock_of_the_database_signs(poster: webhooks.Poster, sink: Sink) -> None:
    sent_at = datetime(2001, 2, 3, 4, 5, 6, 999_999, timezone(timedelta(hours=5)))
    await poster.post(delivery_to(sink.url, sent_at))
    assert sink.received[0].headers["webhook-timestamp"] == "981155106"


async def test_the_name_stays_in_the_request_and_the_connection_is_kept(poster: webhooks.Poster, sink: Sink) -> None:
    url = f"http://{NAME}:{sink.port}/hook?key=a%20b"
    for _ in range(3):
        assert (await poster.post(delivery_to(url))).is_delivered
    assert {message.headers["host"] for message in sink.received} == {f"{NAME}:{sink.port}"}
    assert {message.path for message in sink.received} == {"/hook?key=a%20b"}
    assert sink.connection_count == 1


async def test_no_proxy_of_the_environment_is_used(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sink() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        own = webhooks.Poster(True, here)
        assert (await own.post(delivery_to(sink.url))).is_delivered
        await own.close()
        assert proxy.connection_count == 0


async def test_a_cookie_is_not_sent_back(poster: webhooks.Poster) -> None:
    with Sink(Answer(200, {"set-cookie": "a=b"})) as sink:
        await poster.post(delivery_to(sink.url))
        await poster.post(delivery_to(sink.url))
        assert ["cookie" in message.headers for message in sink.received] == [False, False]


async def test_an_endless_answer_is_not_read(poster: webhooks.Poster) -> None:
    with Sink(Answer(200, {}, b"x" * 50_000_000)) as sink:
        assert (await poster.post(delivery_to(sink.url))).is_delivered
        assert (await poster.post(delivery_to(sink.url))).is_delivered
        assert sink.connection_count == 2, "the connection was given up with the answer"


@pytest.mark.parametrize("text", ["soon", "-1", "1e3", "¹", "Mon, 99 Foo", "", f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"])
async def test_a_time_that_nobody_understands_is_ignored(poster: webhooks.Poster, text: str) -> None:
    with Sink(Answer(503, {"retry-after": text})) as sink:
        outcome = await poster.post(delivery_to(sink.url))
    assert outcome == webhooks.Outcome(503, "answered 503", None)


@pytest.mark.parametrize(
    "answer", [b"\x00\xff\r\n\r\n", b"", b"HTTP/1.1 2\x0000 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 99_999]
)
async def test_a_server_that_speaks_something_else_is_an_outcome(poster: webhooks.Poster, answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        with contextlib.suppress(ConnectionError):
            writer.write(answer)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        outcome = await poster.post(delivery_to(f"http://127.0.0.1:{port}/"))
    assert outcome.status is None
    assert outcome.error
    assert outcome.error.isascii()
    assert outcome.error.isprintable()


@pytest.mark.parametrize("url", ["http://a.example:99999/", "http://[::1/", "http://127.0.0.1:1/", "https://%/"])
async def test_an_address_that_leads_nowhere_is_an_outcome(poster: webhooks.Poster, url: str) -> None:
    outcome = await poster.post(delivery_to(url))
    assert outcome.status is None
    assert outcome.error


async def test_an_answer_that_does_not_come_is_an_outcome(
    poster: webhooks.Poster, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TRY_TIMEOUT_S", 0.2)
    sink.shut()
    assert await poster.post(delivery_to(sink.url)) == webhooks.Outcome(None, "timeout")


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate of the name that the environment says is to be trusted."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_certificate_is_of_the_name_and_not_of_the_address(tls: ssl.SSLContext) -> None:
    poster = webhooks.Poster(True, here)
    with Sink(tls=tls) as sink:
        assert (await poster.post(delivery_to(f"https://{NAME}:{sink.port}/"))).is_delivered
        outcome = await poster.post(delivery_to(f"https://other.example:{sink.port}/"))
        assert outcome.status is None
        assert "certificate" in str(outcome.error).lower()
    await poster.close()
