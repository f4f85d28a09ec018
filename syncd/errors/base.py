"""The root of the tree of errors, and what configuration and use bring."""

from __future__ import annotations

from typing import ClassVar


class SyncdError(Exception):
    """Something syncd could not do."""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    advice: ClassVar[str] = ""

    def __init__(self, message: str = "", *, advice: str = "", **context: str | int | float | None) -> None:
        """`message`: one sentence, no secret in it. `context`: what to log beside it (server, phase, base, …)."""
        self.message = message or (type(self).__doc__ or self.code).strip().splitlines()[0]
        self.hint = advice or self.advice
        # whether what was asked for may be done all the same: nobody waited for its end
        self.uncertain = False
        self.context = {name: value for name, value in context.items() if value is not None}
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class ConfigurationError(SyncdError):
    """The configuration is not usable."""

    code = "configuration_invalid"
    exit_code = 78

    def __init__(self, message: str = "", *, problems: tuple[str, ...] = ()) -> None:
        """`problems`: every mistake found, one sentence each, so that all are mended in one go."""
        self.problems = problems or ((message,) if message else ())
        super().__init__(message or "; ".join(problems))


class UsageError(SyncdError):
    """The command or request does not make sense."""

    code, http_status, exit_code = "usage", 400, 2


class NotFoundError(SyncdError):
    """There is no such thing."""

    code, http_status = "not_found", 404


class UnauthorizedError(SyncdError):
    """A valid token is needed."""

    code, http_status, exit_code = "unauthorized", 401, 77


class ForbiddenError(SyncdError):
    """This is not allowed."""

    code, http_status, exit_code = "forbidden", 403, 77


class ListenError(SyncdError):
    """The management endpoint could not be opened."""

    code, http_status, exit_code = "listen_failed", 503, 75
    advice = "Set `http.listen` to an address of this machine and a free port, or end the process that has the port."


class HeldError(SyncdError):
    """The guard held the plan back."""

    code, exit_code, http_status = "held", 4, 409


class PlanClosedError(SyncdError):
    """The plan can no longer be decided."""

    code, http_status = "plan_closed", 409
    advice = "`syncd plan list` shows the plan that is held now, if there is one."
