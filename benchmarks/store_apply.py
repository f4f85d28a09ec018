"""What applying plans costs: the first import, an unchanged run's reads, and a few kinds of change.

    python -m benchmarks.store_apply [--people 100000] [--only sqlite|postgresql] [--profile] [--keep FOLDER]

Prints seconds per step, for SQLite and for a PostgreSQL started for the purpose, beside the time this machine takes for a loop
of ten million additions, since a figure without its machine says little.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import hashlib
import pstats
import random
import resource
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from syncd.model.plan import Action, Link, PersonChange, Plan, StructureChange
from syncd.model.records import FieldValue, OrganizationRecord, PersonRecord, RoleIdentifierRecord, UnitRecord
from syncd.settings.root import StoreSettings
from syncd.store import migrate
from syncd.store.engine import open_engine
from syncd.store.lease import SqlLease
from syncd.store.snapshot import SqlSyncStore
from tests.servers.postgres import PostgresServer

DIRECTORY = "bench"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GROUPS, MEMBERS, UNITS = 500, 200, 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--profile", action="store_true", help="print where the first import spends its time")
    options = parser.parse_args()
    print(f"this machine: {machine_seconds():.2f} s for ten million additions")
    plan = first_import(options.people)
    gc.collect()
    gc.freeze()
    for name in ("sqlite", "postgresql"):
        if options.only in (None, name):
            with database(name) as url:
                measure(name, url, plan, profile=options.profile)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB, the plans included")


def machine_seconds() -> float:
    started, total = time.perf_counter(), 0
    for number in range(10_000_000):
        total += number
    return time.perf_counter() - started


@contextmanager
def database(name: str) -> Iterator[str]:
    if name == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'bench.db'}"
        return
    server = PostgresServer(settings=("shared_buffers=256MB", "max_wal_size=2GB"))
    try:
        yield server.create("bench")
    finally:
        server.stop()


def measure(name: str, url: str, plan: Plan, *, profile: bool) -> None:
    engine = open_engine(StoreSettings(url=url))
    migrate.upgrade(engine)
    store = SqlSyncStore(engine)
    people = len(plan.people)
    with SqlLease(engine).hold(DIRECTORY) as epoch:
        pass

    def apply(what: Plan) -> None:
        store.apply(what, run_id=1, epoch=epoch, at=NOW, progress=lambda done: None, stopping=lambda: False)

    def report(step: str, work: Callable[[], object]) -> None:
        started, cpu = time.perf_counter(), time.process_time()
        work()
        print(
            f"{name:12} {step:40} {time.perf_counter() - started:7.2f} s, of which our CPU {time.process_time() - cpu:6.2f} s"
        )

    profiler = cProfile.Profile() if profile else None
    if profiler:
        profiler.runcall(apply, plan)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
    else:
        report(f"first import of {people} people", lambda: apply(plan))
    report("identities()", lambda: store.identities(DIRECTORY))
    report("memberships()", lambda: sum(1 for _ in store.memberships(DIRECTORY)))
    report("grants()", lambda: sum(1 for _ in store.grants(DIRECTORY)))
    report("person_keys(dn_key)", lambda: store.person_keys(DIRECTORY, by="dn_key"))
    some = [change.entry_id for change in plan.people[: people // 10]]
    report(f"people() of {len(some)}", lambda: store.people(DIRECTORY, some))
    keys = {str(change.after.fields["username"]) for change in plan.people if change.after}
    report("name_holders() of all", lambda: store.name_holders(DIRECTORY, "username", keys))
    report("an empty plan", lambda: apply(Plan(directory=DIRECTORY, relations_digest=plan.relations_digest)))
    report("new fingerprints for all", lambda: apply(changes(store, plan, people, retitle=False)))
    report(f"a new title for {people // 10}", lambda: apply(changes(store, plan, people // 10, retitle=True)))
    report("one new title", lambda: apply(changes(store, plan, 1, retitle=True)))
    engine.dispose()


def first_import(people: int) -> Plan:
    """Everybody is new; each is in one of 500 groups of 200, while these last, and has one role."""
    rng = random.Random(7)
    records = [_person(rng, number) for number in range(people)]
    ids = [record.entry_id for record in records]
    rng.shuffle(ids)
    members = [Link(entry_id, f"group-{i % GROUPS}") for i, entry_id in enumerate(ids[: GROUPS * MEMBERS])]
    units = [UnitRecord(key=f"unit-{i}", name=f"Unit {i}", organization="main", parent=None) for i in range(UNITS)]
    groups = [RoleIdentifierRecord(key=f"group-{i}", identifier=f"Group {i}", dn=f"cn=g{i}") for i in range(GROUPS)]
    organization = OrganizationRecord(key="main", name="Main")
    return Plan(
        directory=DIRECTORY,
        organizations=(StructureChange(Action.CREATE, "main", None, organization),),
        units=tuple(StructureChange(Action.CREATE, unit.key, None, unit) for unit in units),
        role_identifiers=tuple(StructureChange(Action.CREATE, group.key, None, group) for group in groups),
        people=tuple(_creation(record) for record in records),
        memberships_added=tuple(members),
        grants_added=tuple(Link(entry_id, "Member") for entry_id in ids),
        roles_created=("Member",),
        relations_digest=b"first",
        people_seen=people,
    )


def _person(rng: random.Random, number: int) -> PersonRecord:
    username = f"u{rng.randrange(10**8)}{number}"
    dn = f"uid={username},ou=People,ou=Paris,dc=example,dc=com"
    fields: dict[str, FieldValue] = {
        "username": username,
        "email": f"{username}@example.com",
        "first_name": f"First{number % 997}",
        "last_name": f"Last{number}",
        "display_name": f"First{number % 997} Last{number}",
        "title": f"Engineer {number % 13}",
        "phone": f"+33 1 {number:08}",
        "organization": "main",
        "unit": f"unit-{number % UNITS}",
    }
    entry_id = str(uuid.UUID(int=rng.getrandbits(128)))
    return PersonRecord(entry_id, dn, dn.lower(), hashlib.blake2b(dn.encode(), digest_size=16).digest(), fields)


def _creation(record: PersonRecord) -> PersonChange:
    fields = {name: (None, value) for name, value in record.fields.items()}
    return PersonChange(Action.CREATE, record.entry_id, record, None, fields)


def changes(store: SqlSyncStore, plan: Plan, count: int, *, retitle: bool) -> Plan:
    """An update of the first `count` people: their title, or only their fingerprint."""
    records = [change.after for change in plan.people[:count] if change.after]
    stored = store.people(DIRECTORY, [record.entry_id for record in records])
    updates = []
    for record in records:
        before = stored[record.entry_id]
        title: FieldValue = f"{before.fields['title']} again" if retitle else before.fields["title"]
        after = record._replace(fingerprint=b"new", fields={**record.fields, "title": title})
        fields = {"title": (before.fields["title"], title)} if retitle else {}
        updates.append(PersonChange(Action.UPDATE, record.entry_id, after, before, fields))
    return Plan(directory=DIRECTORY, people=tuple(updates), relations_digest=plan.relations_digest)


if __name__ == "__main__":
    main()
