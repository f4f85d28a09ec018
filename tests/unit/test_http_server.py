"""The listening socket: opened, moved, refused with a reason."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from structlog.testing import capture_logs

from syncd.errors import ListenError
from syncd.http.app import make_app
from syncd.http.server import HttpServer
from tests.fakes.host import FakeHost


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    server = HttpServer(make_app(FakeHost()))
    yield server
    await server.stop()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that someone else has."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


async def status(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/livez") as answer:
        return answer.status


async def test_any_free_port(server: HttpServer) -> None:
    assert server.url == ""
    await server.start("127.0.0.1:0")
    assert await status(server.url) == 200


async def test_ipv6(server: HttpServer) -> None:
    await server.start("[::1]:0")
    assert server.url.startswith("http://[::1]:")
    assert await status(server.url) == 200


async def test_a_port_in_use_is_an_error_with_address_reason_and_advice(server: HttpServer, taken: int) -> None:
    with pytest.raises(ListenError, match=rf"cannot listen on 127\.0\.0\.1:{taken}: .*in use") as caught:
        await server.start(f"127.0.0.1:{taken}")
    assert caught.value.exit_code == 75
    assert "http.listen" in caught.value.hint


async def test_an_address_of_another_machine_is_an_error(server: HttpServer) -> None:
    with pytest.raises(ListenError, match=r"cannot listen on 192\.0\.2\.1:8080"):
        await server.start("192.0.2.1:8080")


async def test_a_move_leaves_the_old_address(server: HttpServer) -> None:
    await server.start("127.0.0.1:0")
    old = server.url
    await server.move("127.0.0.1:0")
    assert server.url != old
    assert await status(server.url) == 200
    with pytest.raises(aiohttp.ClientConnectionError):
        await status(old)


async def test_a_move_that_fails_leaves_the_server_where_it_was(server: HttpServer, taken: int) -> None:
    await server.start("127.0.0.1:0")
    old = server.url
    with pytest.raises(ListenError):
        await server.move(f"127.0.0.1:{taken}")
    assert server.url == old
    assert await status(old) == 200


async def test_a_move_to_an_address_that_contains_the_old_one(server: HttpServer) -> None:
    await server.start("127.0.0.1:0")
    port = server.url.rpartition(":")[2]
    await server.move(f"0.0.0.0:{port}")
    assert server.url == f"http://0.0.0.0:{port}"
    assert await status(f"http://127.0.0.1:{port}") == 200


async def test_what_is_no_http_leaves_no_traceback_in_the_log(server: HttpServer, caplog: pytest.LogCaptureFixture) -> None:
    await server.start("127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as scanner:
        scanner.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n")
        assert await status(server.url) == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_body_that_is_not_encoded_as_it_says_leaves_no_traceback(
    server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    await server.start("127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")
        assert await status(server.url) == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_client_that_breaks_off_is_no_fault_of_ours(server: HttpServer) -> None:
    await server.start("127.0.0.1:0")
    with capture_logs() as logs:
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as client:
            client.sendall(b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n{")
            assert await status(server.url) == 200
        for _ in range(100):
            if any(entry.get("path") == "/api/v1/sessions" for entry in logs):
                break
            await asyncio.sleep(0.05)
    ended = [entry for entry in logs if entry.get("path") == "/api/v1/sessions"]
    assert [(entry["event"], entry["log_level"], entry["status"]) for entry in ended] == [("request", "info", 400)]


async def test_stopping_a_server_that_never_started_is_fine() -> None:
    server = HttpServer(make_app(FakeHost()))
    await server.stop()
    assert server.url == ""
