"""A receiver of webhooks: checks each signature as the documentation says, keeps what it was sent, answers as a test says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    signed: bool
    status: int

    @property
    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["data"]["events"]
        return found


@dataclass
class Receiver:
    """Listens on 127.0.0.1 until closed."""

    # status of the next answers, then 204
    answers: list[int] = field(default_factory=list)
    # headers of every answer
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    deliveries: list[Delivery] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=abc"

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        time.sleep(self.delay)
        with self._arrived:
            status = self.answers.pop(0) if self.answers else 204
            headers = {name.lower(): value for name, value in request.headers.items()}
            content = json.loads(body) if body else {}
            self.deliveries.append(Delivery(request.path, headers, content, verified(SECRET, headers, body), status))
            self._arrived.notify_all()
        try:
            request.send_response(status)
            for name, value in self.headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", "0")
            request.end_headers()
        except OSError:
            # who sent it waits no longer
            request.close_connection = True

    def until(self, condition: Callable[[], bool], *, seconds: float = 30) -> None:
        """Wait for deliveries."""
        with self._arrived:
            assert self._arrived.wait_for(condition, timeout=seconds), self.deliveries

    @property
    def taken(self) -> list[dict[str, Any]]:
        """Events that were answered with 2xx, in their order."""
        return [event for delivery in self.deliveries if delivery.status < 300 for event in delivery.events]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As in docs/events.md."""
    signed = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
    expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    given = [part.removeprefix("v1,") for part in headers.get("webhook-signature", "").split()]
    fresh = abs(time.time() - int(headers.get("webhook-timestamp", 0))) < 300
    return fresh and any(hmac.compare_digest(expected, each) for each in given)
