"""A receiver of webhooks: a real HTTP server that keeps what it was sent and answers as it is told."""

import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import standardwebhooks

from worker.tests.integration.worker_program import PATIENCE_S, wait_until


@dataclass(frozen=True)
class Answer:
    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Message:
    headers: Mapping[str, str]
    body: bytes
    path: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """What a receiver reads. Raises WebhookVerificationError."""
        return standardwebhooks.Webhook(secret).verify(self.body, dict(self.headers))


class Sink:
    """Answers in turn what it is given, then the last of it again and again; holds its answers while it is shut."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._answers: Sequence[Answer] = answers or (Answer(),)
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._open.set()
        self.received: list[Message] = []
        self.connection_count = 0
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                sink.connection_count += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                message = Message({name.lower(): value for name, value in self.headers.items()}, body, self.path)
                answer = sink._take(message)
                try:
                    self.send_response_only(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                except OSError:
                    self.close_connection = True  # who asked has gone

            def log_request(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128  # of connections that are being made; with a full one they are reset

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def await_messages(self, count: int) -> list[Message]:
        """The messages, once there are so many."""
        wait_until(f"{count} messages have come", lambda: len(self.received) >= count)
        return list(self.received)

    def _take(self, message: Message) -> Answer:
        with self._lock:
            self.received.append(message)
            answer = self._answers[min(len(self.received), len(self._answers)) - 1]
        self._open.wait(PATIENCE_S)
        return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
