"""The composition root: settings in, a wired runtime out.

The only module that knows every adapter. Faces (cli, http, daemon) get what is built here and never build an adapter
themselves; a test builds its own runtime the same way or with fakes.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncd.clock import Clock, SystemClock
from syncd.directory import LdapDirectory
from syncd.model.checks import CheckLine
from syncd.notify.post import SmtpPost
from syncd.services.check import CheckService
from syncd.services.directorynames import require_directory
from syncd.services.explain import ExplainService
from syncd.services.mailcheck import MailCheck
from syncd.services.management import Management
from syncd.services.plans import PlanService
from syncd.services.ports_directory import Directory
from syncd.services.ports_runs import HoldStore, Lease, RunStore
from syncd.services.ports_store import SyncStore
from syncd.services.relinking import LinkService
from syncd.services.sync import SyncService
from syncd.services.watching import WatchService
from syncd.settings.root import RootSettings
from syncd.store import migrate
from syncd.store.backup import backup
from syncd.store.engine import Engine, open_engine, ping
from syncd.store.holds import SqlHoldStore
from syncd.store.integrity import integrity
from syncd.store.lease import SqlLease
from syncd.store.queries import Queries
from syncd.store.relink import SqlLinkStore
from syncd.store.runs import SqlRunStore
from syncd.store.snapshot import SqlSyncStore
from syncd.wiring.management import open_checks, open_management


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Everything a face may ask for."""

    settings: RootSettings
    clock: Clock
    engine: Engine
    directories: Mapping[str, Directory]
    store: SyncStore
    runs: RunStore
    lease: Lease
    holds: HoldStore
    queries: Queries
    sync: SyncService
    watches: WatchService
    plans: PlanService
    links: LinkService
    management: Management

    def require_directory(self, name: str | None) -> None:
        """Raises UsageError for a directory that is not known, StoreError."""
        require_directory(name, configured=self.directories, store=self.queries)

    def ping_store(self) -> None:
        """One round trip to the database. Raises StoreError."""
        ping(self.engine)

    def check_schema(self) -> None:
        """Raises SchemaOutdatedError unless the schema is this version's, StoreError when it cannot be asked."""
        migrate.check(self.engine)

    def close(self) -> None:
        """Close what is open; never raises."""
        self.engine.dispose()


def open_runtime(settings: RootSettings, *, clock: Clock | None = None, check_schema: bool = True) -> Runtime:
    """Open the store and wire everything; connects to no directory.

    Raises StoreError when the database cannot be opened, SchemaOutdatedError when its schema is not this version's.
    """
    clock = clock or SystemClock()
    # a run makes millions of small objects without cycles; looking through them at the default rate cost a fifth of its time
    gc.set_threshold(100_000, 50, 100)
    engine = _open_store(settings, check_schema=check_schema)
    directories = _directories(settings)
    store, runs, lease, holds = SqlSyncStore(engine, clock), SqlRunStore(engine), SqlLease(engine), SqlHoldStore(engine)
    sync = SyncService(
        directories=directories,
        settings=settings.directories,
        custom_fields=settings.custom_fields,
        store=store,
        runs=runs,
        lease=lease,
        holds=holds,
        clock=clock,
        administrator_roles=settings.administrator_roles,
    )
    queries = Queries(engine, clock=clock)
    links = LinkService(directories=tuple(directories), links=SqlLinkStore(engine), lease=lease, clock=clock)
    return Runtime(
        settings=settings,
        clock=clock,
        engine=engine,
        directories=directories,
        store=store,
        runs=runs,
        lease=lease,
        holds=holds,
        queries=queries,
        sync=sync,
        watches=WatchService(
            directories=directories,
            settings=settings.directories,
            custom_fields=settings.custom_fields,
            store=store,
            clock=clock,
            pushed=sync.pushed,
        ),
        plans=PlanService(holds=holds, runs=runs, clock=clock),
        links=links,
        management=open_management(settings, engine=engine, clock=clock, directories=directories, queries=queries, links=links),
    )


def _open_store(settings: RootSettings, *, check_schema: bool) -> Engine:
    engine = open_engine(settings.store)
    try:
        if check_schema:
            migrate.check(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@dataclass(frozen=True, slots=True)
class Database:
    """The database as such, whatever its schema: for `syncd db`."""

    engine: Engine

    def revision(self) -> str | None:
        """The schema's revision, None for an empty database. Raises StoreError."""
        return migrate.current(self.engine)

    def upgrade(self) -> None:
        """Bring the schema to this version's. Raises StoreError."""
        migrate.upgrade(self.engine)

    def check(self) -> None:
        """Raises SchemaOutdatedError unless the schema is this version's."""
        migrate.check(self.engine)

    def integrity(self) -> Sequence[CheckLine]:
        """What is right and wrong with the schema and the content. Raises StoreError."""
        return integrity(self.engine)

    def backup(self, file: Path) -> None:
        """Write a copy of the database to a new file. Raises StoreError and UsageError."""
        backup(self.engine, file)

    def close(self) -> None:
        """Close what is open; never raises."""
        self.engine.dispose()


def open_database(settings: RootSettings) -> Database:
    """The configured database; nothing is connected yet. Raises StoreError and ConfigurationError."""
    return Database(open_engine(settings.store))


def open_check(settings: RootSettings) -> CheckService:
    """What `syncd check --connect` uses: directories only, no database."""
    return open_checks(settings, directories=_directories(settings))


def open_mail_check(settings: RootSettings) -> MailCheck:
    """What `syncd check` uses for mail: the mail server only, no database."""
    return MailCheck(settings=settings.mail, post=SmtpPost(settings.mail), clock=SystemClock())


def open_explain(runtime: Runtime) -> ExplainService:
    """What `syncd explain` uses: the runtime's own store and directories."""
    return ExplainService(
        settings=runtime.settings.directories,
        custom_fields=runtime.settings.custom_fields,
        directories=runtime.directories,
        store=runtime.store,
        people=runtime.queries,
        administrator_roles=runtime.settings.administrator_roles,
        clock=runtime.clock,
    )


def _directories(settings: RootSettings) -> dict[str, Directory]:
    return {name: LdapDirectory(name, directory) for name, directory in settings.directories.items()}
