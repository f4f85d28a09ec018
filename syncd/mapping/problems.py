"""Why an entry could not be used.

Mapping never stops at a bad entry and never guesses at one: it says what is wrong, and the caller makes an issue of it and
leaves the stored state as it was.
"""

from __future__ import annotations

from syncd.model.records import Issue

_SHOWN = 60


class BadValue(ValueError):
    """A value that is not what its field needs."""

    def __init__(self, attribute: str, reason: str) -> None:
        """`attribute`: its name as the site wrote it; `reason`: the rest of the sentence, "is not ..."."""
        self.attribute = attribute
        self.reason = reason
        super().__init__(f"{attribute} {reason}")


class MappingIssue(Exception):
    """An entry that could not be used, with all that is wrong with it."""

    def __init__(self, code: str, message: str) -> None:
        """`code`: no_entry_id, missing_field, bad_value, invalid_dn, ranged_values.

        `message`: one sentence, every problem in it.
        """
        self.code = code
        self.message = message
        super().__init__(message)

    def as_issue(self, *, key: str, dn: str, subject: str = "person") -> Issue:
        """The issue to record for the entry. `key`: its entry id, or what stands for it."""
        return Issue(key=key, dn=dn, code=self.code, message=self.message, subject=subject)


def shown(value: str | bytes) -> str:
    """A value for a message, quoted and cut to a readable length."""
    text = value[: _SHOWN * 4].decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
