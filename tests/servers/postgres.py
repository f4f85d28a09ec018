"""A throwaway PostgreSQL: a cluster of its own in a folder, on a unix socket and a free port of 127.0.0.1.

PostgreSQL refuses to run as root, so root starts it as the user `postgres` that Debian's package makes. Nothing is flushed to
disk (fsync off): the cluster is deleted after the tests anyway.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

from tests.servers.process import refusing_port

START_SECONDS = 60
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "logging_collector=off")


class PostgresServer:
    """One running cluster. `create` makes databases in it; `crash` and `restart` it; `stop` ends it and deletes
    everything."""

    def __init__(self, *, settings: tuple[str, ...] = SETTINGS) -> None:
        self._bin = _find_binaries()
        self._account = _account()
        # short, since the path of a unix socket is limited to 107 bytes; outside pytest's folders, which are closed to others
        self.folder = Path(tempfile.mkdtemp(prefix="syncd-pg-"))
        self.folder.chmod(0o711)
        self.port = 0
        self._settings = settings
        # keeps the port from others between a crash and the restart
        self._held = contextlib.ExitStack()
        try:
            self._initialise()
            self._process = self._start_anywhere()
            atexit.register(self.stop)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, *, template: str = "template1") -> str:
        """A new database, a copy of the template, which nobody may be connected to; its URL."""
        self._administer(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(database), sql.Identifier(template)))
        return self.url(database)

    def drop(self, database: str) -> None:
        """Delete a database; connections to it are ended."""
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def stop(self) -> None:
        """Immediate shutdown: nobody will read the data again. At the latest when the test process ends."""
        atexit.unregister(self.stop)
        self._held.close()
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def checkpoint(self) -> None:
        """To be done between `create` and `crash`. A copied database believes that the next numbers of its sequences are in the
        log, but they are there for its template only: after a crash they would be given a second time (PostgreSQL 15)."""
        self._administer(sql.Composed([sql.SQL("CHECKPOINT")]))

    def crash(self) -> None:
        """Immediate shutdown, without a word to anybody who is connected; `restart` recovers it on the same port."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(timeout=30)
        self._held.enter_context(refusing_port(port=self.port))

    def restart(self) -> None:
        """Start it again after a crash; returns when it answers."""
        self._process = self._start(self._settings)
        self._held.close()

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _initialise(self) -> None:
        for name in ("data", "run"):
            folder = self.folder / name
            folder.mkdir(mode=0o700)
            if self._account is not None:
                os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        command = [self._bin / "initdb", "-D", self.folder / "data", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        done = subprocess.run(
            [*map(str, command), "--auth=trust", "--no-sync", "--no-instructions"],
            check=False, capture_output=True, text=True, cwd=self.folder / "run", **self._identity(),
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.strip()[-800:]}")

    def _start_anywhere(self) -> subprocess.Popen[bytes]:
        """On a port that was free; somebody else may be quicker."""
        for _ in range(4):
            self.port = _free_port()
            with contextlib.suppress(RuntimeError):
                return self._start(self._settings)
        self.port = _free_port()
        return self._start(self._settings)

    def _start(self, settings: tuple[str, ...]) -> subprocess.Popen[bytes]:
        command = [str(self._bin / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        command += ["-k", str(self.folder / "run"), "-c", "listen_addresses=127.0.0.1"]
        for setting in settings:
            command += ["-c", setting]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder / "run",
                start_new_session=True, **self._identity(),
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise RuntimeError(f"postgres did not start: {(self.folder / 'log').read_text()[-800:]}")
            time.sleep(0.02)
        return process

    def _answers(self) -> bool:
        # by its own socket: at the port it could be somebody else's server
        address = f"postgresql://postgres@/postgres?host={self.folder / 'run'}&port={self.port}"
        try:
            psycopg.connect(address, connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def _identity(self) -> dict[str, object]:
        if self._account is None:
            return {}
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "run"), "LC_ALL": "C.UTF-8"}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": [], "env": environment}


def _find_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    if elsewhere:
        return Path(elsewhere).resolve().parent
    raise RuntimeError("PostgreSQL is missing: install the Debian package `postgresql`")


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as: the caller (None), or `postgres` when the caller is root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise RuntimeError("the user `postgres` is missing: install the Debian package `postgresql`") from None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
