"""What names and reasons must look like, for roles, groups, organizations and units alike."""

from __future__ import annotations

import re

from syncd.errors import UsageError
from syncd.model.structure import DESCRIPTION_MAX, NAME_MAX
from syncd.model.text import fold
from syncd.services.reasons import REASON_MAX, REASON_MIN, reason_text

# control characters, which no name has; as in the schemas of the API
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def name_text(text: str) -> str:
    """The name without spaces around it. Raises UsageError."""
    name = text.strip()
    if not fold(name) or len(text) > NAME_MAX or _CONTROL.search(text):
        raise UsageError(f"a name has 1 to {NAME_MAX} characters, without line breaks")
    return name


def description_text(text: str) -> str:
    """The description as it is. Raises UsageError."""
    if len(text) > DESCRIPTION_MAX or "\x00" in text:
        raise UsageError(f"a description has {DESCRIPTION_MAX} characters at most")
    return text


def reason_line(text: str) -> str:
    """A reason without line breaks and other control characters. Raises UsageError."""
    reason = reason_text(text)
    if _CONTROL.search(reason):
        raise UsageError(f"a reason of {REASON_MIN} to {REASON_MAX} characters is needed: it goes into the audit trail")
    return reason
