"""Whether people of a directory could log in at all, as far as its configuration says.

Reading a directory without TLS is the site's own decision; a person's password is never sent so unless the site says that too.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from syncd.model.checks import CheckLine, CheckStatus
from syncd.settings.directory import DirectorySettings

# what the line is called
LOGIN_CHECK = "login"


def login_line(settings: DirectorySettings) -> CheckLine | None:
    """A warning when servers of this directory are not asked for passwords; None when all of them are."""
    if settings.tls.starttls or settings.tls.plain_logins:
        return None
    plain = [url for url in settings.urls if urlsplit(url).scheme != "ldaps"]
    if not plain:
        return None
    whole = len(plain) == len(settings.urls)
    who = "people of this directory cannot log in" if whole else "logins cannot use every server"
    return CheckLine(
        name=LOGIN_CHECK,
        status=CheckStatus.WARN,
        text=f"{who}: no password is sent without TLS, which {', '.join(plain)} would need",
        advice="Use ldaps:// in `urls`, or set `tls.starttls = true`; `tls.plain_logins` is for a lab.",
    )
