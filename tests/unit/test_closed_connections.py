"""Connections are closed whatever the other side does: none is left to the garbage collector."""

from __future__ import annotations

import gc
import select
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from syncd.directory.bind import handshake
from syncd.directory.transport import ServerUrl
from syncd.errors import MailLoginError, TlsError, WebhookError
from syncd.model.webhook import Message
from syncd.notify.smtp import SmtpServer
from syncd.notify.webhooks import HttpCourier
from syncd.settings.accounts import MailSettings
from tests.servers.tls import Authority

# l_onoff and l_linger: close sends RST
NO_GOODBYE = struct.pack("ii", 1, 0)


@contextmanager
def nothing_left(port: int) -> Iterator[None]:
    """Nobody has to close a connection with this port at one of its ends after the block."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(one.message) for one in caught if f", {port})" in str(one.message)] == []


class Rude:
    """Speaks over TLS as far as it is told to, and then never again, not even to say goodbye."""

    def __init__(self, authority: Authority, said: tuple[bytes, ...]) -> None:
        certificate = authority.issue("127.0.0.1")
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate.cert_file, certificate.key_file)
        self._said, self._over = said, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Rude:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        with suppress(OSError), self._context.wrap_socket(client, server_side=True) as connection:
            for number, text in enumerate(self._said):
                if number:
                    connection.recv(65536)
                connection.sendall(text)
            self._over.wait(60)


def test_of_a_mail_server_that_refuses_the_login_and_says_nothing_more(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Rude(authority, (b"220 hello\r\n", b"250-x\r\n250 AUTH PLAIN\r\n", b"535 no\r\n")) as rude, nothing_left(rude.port):
        settings = MailSettings(
            host="127.0.0.1", port=rude.port, security="tls", username="u", password="p", ca_file=str(authority.ca_file)
        )  # type: ignore[arg-type]
        with pytest.raises(MailLoginError), SmtpServer(settings).connect():
            pass


@pytest.mark.parametrize(
    ("said", "timeout", "words"),
    [((b"",), 0.5, "no answer"), ((b"", b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\n"), 30, "the receiver answered 500")],
    ids=["no answer", "half an answer"],
)
def test_of_a_receiver_that_says_nothing_more(tmp_path: Path, said: tuple[bytes, ...], timeout: float, words: str) -> None:
    authority = Authority(tmp_path)
    with Rude(authority, said) as rude, nothing_left(rude.port):
        url = f"https://127.0.0.1:{rude.port}/"
        message = Message(url=url, headers={}, body=b"{}", timeout=timeout, ca_file=str(authority.ca_file))
        with pytest.raises(WebhookError, match=words):
            HttpCourier().deliver(message)


def test_of_a_directory_server_that_resets_before_the_handshake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_GOODBYE)
    far.close()
    arrived = select.poll()
    arrived.register(near, select.POLLIN)
    assert arrived.poll(30_000)
    with nothing_left(near.getsockname()[1]):
        with pytest.raises(TlsError, match="ended during the TLS handshake"):
            handshake(near, ssl.create_default_context(), ServerUrl.parse("ldaps://127.0.0.1"), timeout=5)
        del near
