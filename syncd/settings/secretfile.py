"""Reading one value from a file of its own."""

from __future__ import annotations

import stat
from pathlib import Path

# far more than any password or table; keeps a wrong name such as /dev/zero from filling the memory
_LARGEST = 1 << 20


def read_value(file: Path, *, secret: bool) -> tuple[str, str | None]:
    """The file's text without the line end behind it, and a warning when a secret may be read by everyone.

    Raises ValueError that says why the file cannot be used.
    """
    try:
        with file.open("rb") as stream:
            mode = file.stat().st_mode
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise ValueError(f"file {file} cannot be read: {error.strerror}") from error
    if len(content) > _LARGEST:
        raise ValueError(f"file {file} is larger than a megabyte")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"file {file} is not UTF-8 text") from error
    # what an editor or `echo` leaves behind; further white space may belong to a password
    return text.removesuffix("\n").removesuffix("\r"), world_readable(file, mode) if secret else None


def world_readable(file: Path, mode: int) -> str | None:
    """A warning when everyone on this machine may read the file, whose `st_mode` is given."""
    if not mode & stat.S_IROTH:
        return None
    return f"everyone on this machine may read {file}, which holds a secret: chmod o= {file}"
