"""What the text of a variable or of a file means, by the kind of setting it is for."""

from __future__ import annotations

import json
from typing import Any

from syncd.settings.tree import items_of, mapping_of, may_be_text, table_of


def from_text(annotation: Any, text: str) -> Any:
    """A value for pydantic to check. Raises ValueError for what should be JSON and is not; it never shows the text.

    Lists and tables are JSON; a list of strings may also be written with commas. Numbers and true or false are left as
    text, since pydantic reads those.
    """
    structured = items_of(annotation) or mapping_of(annotation) or table_of(annotation)
    if not structured:
        return text
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            # "{givenName} {sn}" is a template
            if may_be_text(annotation):
                return text
            raise ValueError(f"is not valid JSON: {error.msg} at character {error.pos + 1}") from None
    if may_be_text(annotation):
        return text
    if items_of(annotation) is None:
        raise ValueError('must be a table, written as JSON: {"key": "value"}')
    return [item.strip() for item in text.split(",") if item.strip()]
