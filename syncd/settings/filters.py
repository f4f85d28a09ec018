"""Whether a search filter is one (RFC 4515), found out when the configuration is loaded and not by a server at night.

This only reads; the directory adapter encodes filters itself. Attribute names and values are not judged here: which of
them make sense is for the server's schema.
"""

from __future__ import annotations

import re

# attribute description with options, and the operators =, ~=, >=, <= and := with its matching rule (RFC 4515 section 3)
_ATTRIBUTE = r"[A-Za-z0-9][A-Za-z0-9.-]*(?:;[A-Za-z0-9-]+)*"
_ITEM = re.compile(rf"(?:{_ATTRIBUTE}(?:=|~=|>=|<=)|{_ATTRIBUTE}(?::dn)?(?::[A-Za-z0-9.-]+)?:=|(?::dn)?:[A-Za-z0-9.-]+:=)")
_VALUE = re.compile(r"(?:[^()\\\x00]|\\[0-9A-Fa-f]{2})*")
# nesting that no site needs and that would exhaust a recursive server before it exhausts us
_DEEPEST = 100


def check_filter(text: str) -> str:
    """The filter as it was given. Raises ValueError that says what is wrong and at which character."""
    end = _filter(text, 0, 0)
    if end != len(text):
        raise ValueError(f"{_where(text, end)}: nothing may follow the filter's last ')'")
    return text


def and_parts(text: str) -> tuple[str, ...]:
    """The filters that a filter `(&...)` is made of; () for any other. Raises ValueError for what is no filter."""
    check_filter(text)
    if not text.startswith("(&"):
        return ()
    parts: list[str] = []
    at = _skip_space(text, 2)
    while text[at] == "(":
        end = _filter(text, at, 1)
        parts.append(text[at:end])
        at = _skip_space(text, end)
    return tuple(parts)


def _filter(text: str, at: int, depth: int) -> int:
    """Read one parenthesised filter that begins at `at`; where it ends."""
    if depth > _DEEPEST:
        raise ValueError(f"the filter is nested more than {_DEEPEST} deep")
    if text[at : at + 1] != "(":
        raise ValueError(f"{_where(text, at)}: a filter begins with '('")
    at += 1
    operator = text[at : at + 1]
    if operator in ("&", "|"):
        at = _skip_space(text, at + 1)
        # (&) and (|) are "always" and "never" (RFC 4526)
        while text[at : at + 1] == "(":
            at = _skip_space(text, _filter(text, at, depth + 1))
    elif operator == "!":
        at = _skip_space(text, _filter(text, _skip_space(text, at + 1), depth + 1))
    else:
        at = _item(text, at)
    if text[at : at + 1] != ")":
        raise ValueError(f"{_where(text, at)}: ')' is missing")
    return at + 1


def _skip_space(text: str, at: int) -> int:
    """Past white space between filters, which RFC 4515 does not have but every client takes: it lets long ones be laid out."""
    while text[at : at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return at


def _item(text: str, at: int) -> int:
    head = _ITEM.match(text, at)
    if head is None:
        raise ValueError(f"{_where(text, at)}: expected an attribute and a value, as in (uid=anna)")
    value = _VALUE.match(text, head.end())
    end = value.end() if value else head.end()
    if text[end : end + 1] == "\\":
        raise ValueError(f"{_where(text, end)}: a backslash needs two hexadecimal digits, as in \\28 for '('")
    return end


def _where(text: str, at: int) -> str:
    if at >= len(text):
        return f"filter {text!r}, at its end"
    return f"filter {text!r}, character {at + 1} ({text[at]!r})"
