"""A disk that is really full: a small file system in memory, of which a test takes away all but so much."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import Self

KIBIBYTE, MEBIBYTE = 1 << 10, 1 << 20


class Disk:
    """Mounted at a folder that is made for it. Mounting needs root, as CI and the container have it."""

    def __init__(self, folder: Path, *, size: int, owner: int = 0) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"
        folder.mkdir()
        options = f"size={size},mode=0700,uid={owner}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True, timeout=30)
        self.folder.rmdir()

    @property
    def free(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self, *, room: int) -> None:
        """Leave this many bytes, also while somebody else is writing."""
        with self._ballast.open("wb") as file:
            while self.free > room:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), self.free - room)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def make_room(self) -> None:
        self._ballast.unlink()
