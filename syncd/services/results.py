"""How a run ended, as its record says it, and the one line the log has of it."""

from __future__ import annotations

from datetime import datetime

import structlog

from syncd.errors import IncompleteReadError, StoppedError, SyncdError
from syncd.model.run import Outcome, Run, RunResult
from syncd.services.holding import Settled, held_advice, held_message
from syncd.services.planned import Planned

log = structlog.get_logger("syncd.sync")

COMPLETE, PARTIAL = "complete", "partial"


def ended(planned: Planned, settled: Settled) -> RunResult:
    """The result of a run that applied what it may."""
    plan, held = settled.plan, settled.held
    code = message = advice = None
    outcome = Outcome.PARTIAL if plan.issues_total else Outcome.SUCCEEDED
    if held is not None:
        outcome, code = Outcome.HELD, held.objections[0].code
        message, advice = held_message(held), held_advice(held)
    elif plan.issues_total:
        code, advice = "entries_unusable", "`syncd runs show` lists them with their reasons."
        message = f"{plan.issues_total} entries could not be used; all others are in the store."
    counts = {**plan.counts, "issues": plan.issues_total}
    if plan.people_seen or not plan.incremental:
        counts["users"] = plan.people_seen
    if held is not None:
        counts["held"] = held.changes
    which = held or settled.approved
    return RunResult(
        outcome=outcome,
        server=planned.server,
        entries_read=planned.entries_read,
        code=code,
        message=message,
        advice=advice,
        counts=counts,
        verdict=COMPLETE if planned.server else None,
        plan_id=which.id if which else None,
        feed=planned.feed or None,
        feed_reason=planned.feed_reason or None,
    )


def failure(error: SyncdError, *, at: datetime) -> RunResult:
    """The result of a run that an error ended. The message says when: it is read long after, in another place."""
    cut_short = isinstance(error, IncompleteReadError)
    server, entries = error.context.get("server"), error.context.get("entries_read")
    return RunResult(
        outcome=Outcome.FAILED,
        server=str(server) if server else None,
        entries_read=int(entries or 0),
        code=error.cause_code if isinstance(error, IncompleteReadError) else error.code,
        message=f"{error.message} ({at:%Y-%m-%d %H:%M:%S} UTC)",
        advice=error.hint or None,
        verdict=PARTIAL if cut_short else None,
    )


def log_end(run: Run) -> None:
    """The one closing line of a run."""
    duration = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0.0
    changes = {name: count for name, count in (run.counts or {}).items() if count}
    reason = {"verdict": run.verdict, "code": run.code, "message": run.message, "advice": run.advice, "server": run.server}
    # an orderly stop is nobody's failure
    write = log.info if run.outcome.complete or run.code == StoppedError.code else log.error
    write(
        "run finished",
        directory=run.directory,
        run=run.id,
        mode=run.mode.value,
        outcome=run.outcome.value,
        seconds=round(duration, 3),
        entries=run.entries_read,
        **{name: text for name, text in reason.items() if text},
        **changes,
    )
