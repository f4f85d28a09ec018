"""Every Prometheus series of syncd, declared once, with the rules for when each is set.

The numbers of the store are read from the store after each run; a scrape reads memory only, so that it can neither be
slow nor put load on a database or a directory.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from syncd.model.hold import HeldPlan, PlanState
from syncd.model.login import LoginResult
from syncd.model.mail import MailKind, MailsWaiting
from syncd.model.records import DirectoryPresence
from syncd.model.run import Outcome, Run
from syncd.model.webhook import WebhookStanding

_DURATION_BUCKETS = (0.1, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14400)


class _Since(Collector):
    """A gauge without labels that is absent while there is nothing to tell of."""

    def __init__(self, name: str, documentation: str) -> None:
        self.at: datetime | None = None
        self._family = name, documentation

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(*self._family)
        if self.at is not None:
            family.add_metric((), self.at.timestamp())
        return (family,)


class Metrics:
    """The series. One object per process; every test has its own."""

    def __init__(self, *, version: str) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        directory = ("directory",)
        self.runs = Counter(
            "syncd_runs", "Runs that ended in this process.", (*directory, "mode", "outcome"), registry=registry
        )
        self.run_seconds = Histogram(
            "syncd_run_duration_seconds", "How long runs took.", directory, buckets=_DURATION_BUCKETS, registry=registry
        )
        self.entries_read = Counter("syncd_entries_read", "Entries read from the directory.", directory, registry=registry)
        self.changes = Counter(
            "syncd_changes", "Changes planned by complete runs, by kind.", (*directory, "kind"), registry=registry
        )
        self.last_complete = Gauge(
            "syncd_last_complete_timestamp_seconds",
            "When the last complete run ended, whoever ran it; absent when there was none.",
            directory,
            registry=registry,
        )
        self.in_progress = Gauge("syncd_run_in_progress", "1 while a run is at work.", directory, registry=registry)
        self.last_failed = Gauge("syncd_last_run_failed", "1 when the last run was not complete.", directory, registry=registry)
        self.last_verdict = Gauge(
            "syncd_last_run_verdict_complete",
            "1 when the last run that read saw the directory whole, 0 when it did not.",
            directory,
            registry=registry,
        )
        self.last_run = Gauge(
            "syncd_last_run_info",
            "Always 1: how the last run ended, whoever did it.",
            (*directory, "outcome", "verdict", "code"),
            registry=registry,
        )
        self.plan_held = Gauge("syncd_plan_held", "1 while a plan waits for a decision.", directory, registry=registry)
        self.plan_held_since = Gauge(
            "syncd_plan_held_since_timestamp_seconds",
            "Since when the plan waits for a decision; absent when none does.",
            directory,
            registry=registry,
        )
        self.users = Gauge("syncd_users", "People of this directory in the store.", (*directory, "presence"), registry=registry)
        self.issues = Gauge("syncd_issues", "Entries that could not be used.", directory, registry=registry)
        self.store_up = Gauge("syncd_store_up", "1 when the database answered the last time.", registry=registry)
        self.schema_current = Gauge(
            "syncd_schema_current", "1 when the database had the schema of this version the last time.", registry=registry
        )
        self.http_requests = Counter(
            "syncd_http_requests", "HTTP requests answered.", ("method", "route", "status"), registry=registry
        )
        self.mails_queued = Gauge("syncd_mails_queued", "Mails that wait to be sent.", registry=registry)
        self.mails_sent = Counter("syncd_mails_sent", "Mails that this process has sent.", ("kind",), registry=registry)
        self.mails_failed = Counter(
            "syncd_mails_failed", "Mails that were refused, or given up, in this process.", ("kind",), registry=registry
        )
        self.mails_waiting_since = _Since(
            "syncd_mails_waiting_since_timestamp_seconds", "When the oldest mail that waits was queued; absent when none does."
        )
        registry.register(self.mails_waiting_since)
        self._declare_access(registry)
        self._declare_webhooks(registry)
        build = Gauge("syncd_build_info", "Always 1.", ("version", "python"), registry=registry)
        build.labels(version, platform.python_version()).set(1)
        self._per_directory = (
            self.runs, self.run_seconds, self.entries_read, self.changes, self.last_complete, self.in_progress,
            self.last_failed, self.last_verdict, self.last_run, self.plan_held, self.plan_held_since, self.users, self.issues,
        )  # fmt: skip

    def _declare_access(self, registry: CollectorRegistry) -> None:
        self.logins = Counter("syncd_logins", "Tries to log in that this process has answered.", ("result",), registry=registry)
        for result in LoginResult:
            self.logins.labels(result.value)
        self.users_locked = Counter(
            "syncd_users_locked", "Accounts that this process has locked after too many failed logins.", registry=registry
        )

    def _declare_webhooks(self, registry: CollectorRegistry) -> None:
        webhook = ("webhook",)
        self.webhook_deliveries = Counter(
            "syncd_webhook_deliveries", "Tries to deliver events by this process.", (*webhook, "result"), registry=registry
        )
        self.webhook_pending = Gauge(
            "syncd_webhook_pending_events", "Events not delivered yet, by whichever process; 1000 is 1000 or more.",
            webhook, registry=registry,
        )  # fmt: skip
        self.webhook_pending_since = Gauge(
            "syncd_webhook_pending_since_timestamp_seconds",
            "When the oldest event happened that is not delivered yet; absent when there is none.",
            webhook,
            registry=registry,
        )

    def render(self, accept: str) -> tuple[bytes, str]:
        """The exposition and its content type, in the format that an Accept header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def run_finished(self, run: Run) -> None:
        """Count a run that ended in this process."""
        self.runs.labels(run.directory, run.mode.value, run.outcome.value).inc()
        self.entries_read.labels(run.directory).inc(run.entries_read)
        if run.started_at and run.finished_at:
            self.run_seconds.labels(run.directory).observe(max(0.0, (run.finished_at - run.started_at).total_seconds()))
        if run.outcome.complete:
            for kind, count in (run.counts or {}).items():
                # "users" and "issues" are totals, not changes
                if "_" in kind and count:
                    self.changes.labels(run.directory, kind).inc(count)

    def directory_seen(self, name: str, *, last_complete: Run | None, last_finished: Run | None, running: bool) -> None:
        """Set what the store says of a directory's runs, by whichever process."""
        self.in_progress.labels(name).set(running)
        if last_complete is not None and last_complete.finished_at is not None:
            self.last_complete.labels(name).set(last_complete.finished_at.timestamp())
            self.issues.labels(name).set((last_complete.counts or {}).get("issues", 0))
        if last_finished is not None:
            self.last_failed.labels(name).set(not last_finished.outcome.complete)
            self._attempt_seen(name, last_finished)

    def _attempt_seen(self, name: str, run: Run) -> None:
        self.last_run.remove_by_labels({"directory": name})
        self.last_run.labels(name, run.outcome.value, run.verdict or "", run.code or "").set(1)
        # a run that was well and read nothing (or was recorded before there were verdicts) says nothing about reading
        if run.verdict is not None or run.outcome in (Outcome.FAILED, Outcome.ABANDONED):
            self.last_verdict.labels(name).set(run.verdict == "complete")

    def plan_seen(self, name: str, plan: HeldPlan | None) -> None:
        """Set whether a directory's open plan waits for a decision, and since when."""
        waits = plan is not None and plan.state is PlanState.HELD
        self.plan_held.labels(name).set(waits)
        if plan is not None and waits:
            self.plan_held_since.labels(name).set(plan.created_at.timestamp())
        else:
            self.plan_held_since.remove_by_labels({"directory": name})

    def people_counted(self, name: str, by_presence: Mapping[DirectoryPresence, int]) -> None:
        """Set how many people of a directory the store has, by presence."""
        for presence, count in by_presence.items():
            self.users.labels(name, presence.value).set(count)

    def mail_sent(self, *, sent: Mapping[MailKind, int], failed: Mapping[MailKind, int], waiting: MailsWaiting) -> None:
        """Count what one round of the mailer came to."""
        for kind, count in sent.items():
            self.mails_sent.labels(kind.value).inc(count)
        for kind, count in failed.items():
            self.mails_failed.labels(kind.value).inc(count)
        self.mails_wait(waiting)

    def mails_wait(self, waiting: MailsWaiting) -> None:
        """Set how many mails wait, and since when."""
        self.mails_queued.set(waiting.count)
        self.mails_waiting_since.at = waiting.since

    def login_answered(self, result: LoginResult) -> None:
        """Count a try to log in."""
        self.logins.labels(result.value).inc()

    def user_locked(self) -> None:
        """Count an account that was locked. Any thread."""
        self.users_locked.inc()

    def webhook_tried(self, name: str, *, taken: bool) -> None:
        """Count a try to deliver."""
        self.webhook_deliveries.labels(name, "delivered" if taken else "failed").inc()

    def webhook_seen(self, standing: WebhookStanding) -> None:
        """Set what waits for a webhook."""
        self.webhook_pending.labels(standing.name).set(standing.pending)
        if standing.pending_since is not None:
            self.webhook_pending_since.labels(standing.name).set(standing.pending_since.timestamp())
        else:
            self.webhook_pending_since.remove_by_labels({"webhook": standing.name})

    def declare_webhook(self, name: str) -> None:
        """Let a webhook's counters start at 0, so that the first failure is an increase."""
        for result in ("delivered", "failed"):
            self.webhook_deliveries.labels(name, result)

    def forget_webhook(self, name: str) -> None:
        """Drop the series of a webhook that is no longer configured."""
        for series in (self.webhook_deliveries, self.webhook_pending, self.webhook_pending_since):
            series.remove_by_labels({"webhook": name})

    def declare_mail(self) -> None:
        """Let the counters of mail start at 0, so that the first failure is an increase."""
        for kind in MailKind:
            self.mails_sent.labels(kind.value)
            self.mails_failed.labels(kind.value)

    def declare(self, name: str) -> None:
        """Let a directory's counters start at 0, so that the first failure is an increase."""
        for outcome in Outcome:
            if outcome.final:
                for mode in ("changes", "full"):
                    self.runs.labels(name, mode, outcome.value)
        self.entries_read.labels(name)
        self.in_progress.labels(name).set(0)

    def forget(self, name: str) -> None:
        """Drop the series of a directory that is no longer configured."""
        for series in self._per_directory:
            series.remove_by_labels({"directory": name})
