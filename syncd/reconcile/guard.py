"""The last judgement on a plan before the first write.

A read can be complete by every rule of the protocol and still be wrong: an ACL that hides a subtree and a filter with a typo
both answer "success". What a directory really does in one run is small; so a plan that takes away much is held, whole, with
the numbers. This is the first wall only: it knows people.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.model.plan import Action, Plan

# so many people may always go in one run: a share means little in a small company
FLOOR = 10


@dataclass(frozen=True, slots=True)
class Threshold:
    """A largest number of removals: a share of what was there, or a count."""

    share: float | None
    count: int | None

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """`"10%"` or `"200"`, as the settings have checked."""
        if text.endswith("%"):
            return cls(float(text[:-1]) / 100, None)
        return cls(None, int(float(text)))

    def limit(self, population: int) -> int:
        """How many of `population` may go."""
        if self.share is not None:
            return max(FLOOR, int(population * self.share))
        return max(FLOOR, self.count or 0)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a plan must not be applied."""

    code: str
    message: str


def judge(plan: Plan, *, max_removed_users: Threshold) -> Objection | None:
    """None when the plan may be applied."""
    if plan.people_known and not plan.people_seen:
        return Objection(
            "empty_result", f"the directory shows nobody, though the store holds {plan.people_known} of its people"
        )
    gone = sum(1 for change in plan.people if change.action is Action.DISABLE)
    limit = max_removed_users.limit(plan.people_known)
    if gone > limit:
        message = f"{gone} of {plan.people_known} people would be disabled, more than the {limit} allowed in one run"
        return Objection("too_many_removed", message)
    return None
