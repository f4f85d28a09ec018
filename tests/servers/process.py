"""A server's process: started in the foreground, waited for, frozen, ended; and gone when the test process is."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, Self

_START_SECONDS = 30.0
_END_SECONDS = 60.0


class ServerProcess:
    """At most one process at a time. What it prints goes to `log_file`."""

    def __init__(self, log_file: Path) -> None:
        self.log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process, "the server is not running"
        return self._process.pid

    def launch(self, command: Sequence[str], *, answers: Callable[[int], bool]) -> bool:
        """Start it; whether `answers(pid)` came true before it ended or the time was over."""
        self._log = self.log_file.open("ab")
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if answers(self._process.pid):
                return True
            time.sleep(0.01)
        self.end(signal.SIGKILL)
        return False

    def end(self, signum: signal.Signals) -> None:
        """Send the signal, if it runs, and wait for the end."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(signum)
                self._process.send_signal(signal.SIGCONT)
            try:
                self._process.wait(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout=_END_SECONDS)
                raise
            finally:
                self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def pause(self) -> None:
        """Freeze: connections stay open and nothing answers. Returns when all threads have stopped."""
        tasks = Path(f"/proc/{self.pid}/task")
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + _START_SECONDS
        while any(_state(task) not in "TZ" for task in tasks.iterdir()):
            assert time.monotonic() < deadline, "the server does not stop"
            time.sleep(0.001)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def log_text(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _signal(self, signum: signal.Signals) -> None:
        assert self._process, "the server is not running"
        self._process.send_signal(signum)


class RunsServer(Protocol):
    """A server with one process, to be run in a `with` block."""

    _process: ServerProcess

    @abstractmethod
    def start(self) -> Self:
        """Start where it ran before; returns when it answers."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop as an administrator would, and wait for the end."""
        self._process.end(signal.SIGTERM)

    def kill(self) -> None:
        """End without a goodbye, as a crash does."""
        self._process.end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze: connections stay open and nothing answers. Returns when all threads have stopped."""
        self._process.pause()

    def resume(self) -> None:
        self._process.resume()


def free_port(address: str = "127.0.0.1") -> int:
    """A TCP port of a loopback address that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


@contextmanager
def refusing_port(address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A TCP port that refuses whoever connects, and that nobody else gets meanwhile: bound, and never listened on."""
    with socket.socket() as holder:
        # whoever comes to listen on it while it is held can
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((address, port))
        yield int(holder.getsockname()[1])


def accepts(address: str, port: int) -> bool:
    """Whether something takes connections there."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def tool(name: str, *, packages: str) -> str:
    """The path of a program. `packages`: what Debian calls those that have it."""
    path = shutil.which(
        name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:/usr/local/libexec:/usr/libexec"
    )
    if path is None:
        raise RuntimeError(f"{name} is missing: apt-get install --no-install-recommends {packages}")
    return path


def run_tool(*command: str, timeout: float | None = None) -> str:
    """Run a program to its end, which must be a good one; what it printed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, f"{Path(command[0]).name}: {(done.stderr + done.stdout)[-2000:]}"
    return done.stdout


def _state(task: Path) -> str:
    """The state of a thread in one letter (proc(5)): what follows the name in parentheses. One that has ended is dead."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"
