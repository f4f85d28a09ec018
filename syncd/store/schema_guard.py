"""The tables that keep runs from doing harm: plans that wait for somebody's decision, and who holds which lease.

Both name the directory by its name, since either may be there before the directory has any row.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, String, Table, Text

from syncd.store.columns import AUTOINCREMENT, KEY_ONLY, index_where, metadata, row_id
from syncd.store.types import Id, Json, Key, UtcTime

# syncd.model.hold.HeldPlan
held_plans = Table(
    "held_plans",
    metadata,
    row_id(),
    Column("directory", Key, nullable=False),
    # the run that first met the plan; runs are pruned, so it is named by number alone
    Column("run_id", Id, nullable=False),
    Column("mode", String(16), nullable=False),
    # SHA-256 of the held part, hexadecimal
    Column("digest", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    # a list of syncd.model.hold.objection_json
    Column("objections", Json, nullable=False),
    Column("counts", Json, nullable=False),
    # how many changes the document has
    Column("changes", Integer, nullable=False),
    # every ChangeRow as a JSON list, one a line, compressed with zlib
    Column("document", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("decided_at", UtcTime),
    Column("decided_by", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    CheckConstraint("state IN ('held', 'approved', 'applied', 'rejected', 'superseded', 'expired')", name="state"),
    **AUTOINCREMENT,
)
Index("ix_held_plans_directory_id", held_plans.c.directory, held_plans.c.id)
# one question at a time
index_where("uq_held_plans_open", held_plans, ("directory",), condition="state IN ('held', 'approved')", unique=True)

# the fencing epoch: one more each time the lease of a directory is taken; whoever has a smaller one commits nothing
leases = Table(
    "leases",
    metadata,
    Column("directory", Key, primary_key=True),
    Column("epoch", Id, nullable=False, autoincrement=False),
    # machine and process, for people
    Column("holder", Text, nullable=False),
    Column("taken_at", UtcTime, nullable=False),
    **KEY_ONLY,
)
