"""How two spellings of a name are the same name.

Directories compare without regard to case and repeated spaces (caseIgnoreMatch, RFC 4518 string preparation), databases by
bytes. So the store keeps each name twice: as it was written, and folded by this one function, and only folded names are
compared, looked up and unique.
"""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """The key under which a name is compared: NFKC, case folded, outer spaces gone and inner ones squeezed to one.

    Close to what OpenLDAP does ("ﬁ" is "fi"), but case folding also makes "ß" and "ss" the same: of two people whose
    usernames differ only so, the second becomes an issue, since nobody could tell them apart in a login form.
    """
    if text.isascii():
        lowered = text.lower()
        # no space at all, and none of the control characters that split() takes for one: the usual username and email
        return lowered if " " not in lowered and lowered.isprintable() else " ".join(lowered.split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())
