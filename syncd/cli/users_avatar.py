"""`syncd users avatar`: pictures of users."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.invocation import caller, of
from syncd.cli.structure import print_done
from syncd.cli.users_fields import Who
from syncd.errors import ConflictError, NotFoundError, UsageError


def register(app: typer.Typer) -> None:
    """Add the verb to `syncd users`."""
    app.command()(avatar)


def avatar(
    context: typer.Context,
    *,
    user: Who,
    file: Annotated[Path | None, typer.Argument(help="The picture: PNG, JPEG, GIF or WebP.", show_default=False)] = None,
    save: Annotated[Path | None, typer.Option(help="Write the present one to this new file.", show_default=False)] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it.")] = False,
) -> None:
    """Set, save or remove somebody's picture."""
    if [file is not None, save is not None, remove].count(True) != 1:
        raise UsageError("name a file, or --save, or --remove")
    invocation = of(context)
    with invocation.runtime() as runtime:
        avatars, number = runtime.management.avatars, runtime.queries.user(user).id
        if save is not None:
            found = avatars.get(number)
            _write(save, found.data)
            done = {"user": number, "media_type": found.media_type, "bytes": len(found.data)}
            line = f"{save} has the picture of user {number}."
        elif file is not None:
            put = avatars.put(number, _read(file), caller=caller())
            done = {"user": number, "media_type": put.media_type, "bytes": len(put.data)}
            line = f"User {number} has a new picture."
        else:
            if not avatars.delete(number, caller=caller()):
                raise NotFoundError(f"user {number} has no picture")
            done = {"user": number, "media_type": None, "bytes": 0}
            line = f"User {number} has no picture any more."
    print_done(invocation.printer, done, line)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def _write(file: Path, data: bytes) -> None:
    try:
        with file.open("xb") as stream:
            stream.write(data)
    except OSError as error:
        raise ConflictError(f"{file} cannot be written: {error.strerror}") from error
