"""A daemon process and what a test wants of one: its address, its log lines, the messages to its service manager."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "operator-token-of-the-tests"
PATIENCE = 90.0


class Daemon:
    """One process, started with JSON lines on standard error."""

    def __init__(self, argv: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        self.log: list[dict[str, Any]] = []
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify.socket"))
        self.messages: list[str] = []
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
        self.process = subprocess.Popen(
            [sys.executable, *argv],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**kept, "NOTIFY_SOCKET": str(folder / "notify.socket"), **environment},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)

    def entries(self, event: str | None = None) -> list[dict[str, Any]]:
        """The log so far."""
        while not self._lines.empty():
            line = self._lines.get()
            self.log.append(json.loads(line) if line.startswith("{") else {"event": "not a log line", "text": line})
        return [entry for entry in self.log if event in (None, entry["event"])]

    def until_logged(self, event: str, *, count: int = 1) -> dict[str, Any]:
        """Wait for a line of the log."""
        self._until(lambda: len(self.entries(event)) >= count, f"{event!r} in the log")
        return self.entries(event)[count - 1]

    def notified(self) -> list[str]:
        """The messages to the service manager so far."""
        self.manager.setblocking(False)
        while True:
            try:
                self.messages.append(self.manager.recv(4096).decode())
            except BlockingIOError:
                return self.messages

    def until_notified(self, start: str, *, count: int = 1) -> None:
        self._until(lambda: sum(message.startswith(start) for message in self.notified()) >= count, f"{start} at the socket")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            gone = self.process.poll()
            if gone is not None:
                self._reader.join(5)
                if condition():
                    return
            assert gone is None, f"the daemon ended with {gone} before {what}: {self.entries()}"
            assert time.monotonic() < deadline, f"no {what}: {self.entries()}"
            time.sleep(0.05)

    @property
    def url(self) -> str:
        url: str = self.until_logged("syncd is running")["url"]
        return url

    def get(self, path: str, *, method: str = "GET", token: bool = False) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        headers = {"Authorization": f"Bearer {TOKEN}"} if token else {}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def text(self, path: str) -> str:
        """The text of an answer."""
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def text_with(self, path: str, part: str) -> str:
        """The text of an answer, when it has that part."""
        self._until(lambda: part in self.text(path), f"{part} at {path}")
        return self.text(path)

    def until_health(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for the answer of /healthz to be so."""
        found: dict[str, Any] = {}

        def holds() -> bool:
            found.update(self.get("/healthz")[1])
            return condition(found)

        self._until(holds, "health as wanted")
        return found

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, *, within: float = PATIENCE) -> int:
        """Wait for the end; the exit code."""
        code = self.process.wait(within)
        self._reader.join(5)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._reader.join(5)
        assert self.process.stderr is not None
        self.process.stderr.close()
        self.manager.close()


@contextmanager
def daemon(argv: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Daemon]:
    """A process that is gone at the end, whatever happens."""
    running = Daemon(argv, folder=folder, environment=environment or {})
    try:
        yield running
    finally:
        running.close()


def write_config(
    file: Path, *names: str, store: str = "", listen: str = "127.0.0.1:0", url: str = "ldap://127.0.0.1:1"
) -> None:
    """A configuration with these directories, synced at the start and hardly ever after."""
    text = f'[store]\nurl = "sqlite:///{store or file.parent / "syncd.db"}"\n'
    text += f'[http]\nlisten = "{listen}"\noperator_token = "{TOKEN}"\n[log]\nformat = "json"\n'
    for name in names:
        text += f'[directories.{name}]\nurls = ["{url}"]\nbase_dn = "dc=example,dc=com"\nlive = false\n'
        text += 'organization = "Example"\n'
        text += f'[directories.{name}.schedule]\nchanges = "every 1h"\nfull = "never"\njitter = 0\n'
    file.write_text(text)
    file.chmod(0o600)
