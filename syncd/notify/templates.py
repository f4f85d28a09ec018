"""The texts of mails, made from files that a site can replace one by one.

KIND.subject, KIND.txt and KIND.html beside this module are what is sent unless the site's folder has a file of the same
name; `layout.html`, which all HTML texts share, can be replaced alone. What a site writes runs in a sandbox, and a name that
does not exist is an error, not an empty place. A replaced file that is broken never keeps a mail from going: the built-in
one goes instead, and the log says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from syncd.notify.message import Texts, on_one_line, one_line

log = structlog.get_logger("syncd.mail")

BUILT_IN = Path(__file__).parent / "templates"
PARTS = ("subject", "txt", "html")


class Templates:
    """The built-in texts, and those of a site before them."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        built_in = FileSystemLoader(BUILT_IN)
        self._built_in = _environment(built_in)
        self._site = _environment(ChoiceLoader([FileSystemLoader(folder), built_in])) if folder else self._built_in

    def render(self, kind: str, values: Mapping[str, Any]) -> Texts:
        """The texts of one mail. Raises nothing over a template of the site."""
        clean = {name: _clean(value) for name, value in values.items()}
        subject, plain, html = (self._part(f"{kind}.{part}", clean) for part in PARTS)
        return Texts(subject=one_line(subject), plain=plain, html=html)

    def problems(self, samples: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        """What is wrong with the site's folder. `samples`: kind -> values as a mail of that kind has them."""
        if self._folder is None:
            return
        if not self._folder.is_dir():
            yield f"mail.templates: {self._folder} is not a folder"
            return
        known = {f"{kind}.{part}" for kind in samples for part in PARTS} | {"layout.html"}
        for file in sorted(self._folder.iterdir()):
            # parts that templates include begin with _
            if file.suffix[1:] in PARTS and file.name not in known and not file.name.startswith("_"):
                yield f"{file.name} belongs to no mail; there are {', '.join(sorted(samples))}"
        for kind, values in samples.items():
            for part in PARTS:
                try:
                    self._site.get_template(f"{kind}.{part}").render(values)
                except Exception as error:  # what a template may raise has no end
                    yield _told(f"{kind}.{part}", error)

    def _part(self, name: str, values: Mapping[str, Any]) -> str:
        if self._site is not self._built_in:
            try:
                return self._site.get_template(name).render(values)
            except Exception as error:  # what a template may raise has no end
                log.error("mail template broken, the built-in one is used", template=name, problem=_told(name, error))
        return self._built_in.get_template(name).render(values)


def _environment(loader: BaseLoader) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _clean(value: Any) -> Any:
    """Values come from a directory or a form: none of them may look like a paragraph of ours."""
    if isinstance(value, str):
        return on_one_line(value)
    if isinstance(value, Mapping):
        return {name: _clean(item) for name, item in value.items()}
    return value


def _told(name: str, error: Exception) -> str:
    if isinstance(error, TemplateSyntaxError):
        return f"{error.name or name}, line {error.lineno}: {error.message}"
    return f"{name}: {error or type(error).__name__}"
