"""One pipeline for all that is logged, by syncd and by its libraries.

Events are short actions ("run finished") and everything else is key=value, so that lines can be searched and counted. What is
secret is taken out, control characters that a directory's values might smuggle into a terminal or a second log line are
escaped, and times are ISO 8601 in UTC.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import TextIO, cast

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from syncd.redaction import redact
from syncd.settings.root import LogSettings

# libraries that have nothing to say to an operator below a warning; some would show requests and values
_QUIET = ("aiohttp.access", "aiohttp.server", "alembic", "asyncio", "ldap3", "pydantic_settings", "sqlalchemy", "tenacity")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# what may go over several lines
_BLOCKS = ("exception", "stack")
_FIRST = ("timestamp", "level", "event", "logger")


def configure(settings: LogSettings, stream: TextIO) -> None:
    """Send all logging to `stream`. May be called again, after a reload."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(settings.format, stream)],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [old for old in root.handlers if getattr(old, "of_syncd", False)]:
        root.removeHandler(old)
    handler.of_syncd = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose lines carry `logger=name`."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(name))


def _shared() -> list[Processor]:
    """What happens to every event, ours or a library's."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        structlog.processors.StackInfoRenderer(),
    ]


def _rendering(wanted: str, stream: TextIO) -> Sequence[Processor]:
    """How an event becomes text."""
    if wanted == "auto":
        wanted = "console" if stream.isatty() else "logfmt"
    text: Processor
    if wanted == "console":
        # not the traceback with local variables that rich draws: passwords would be among them
        text = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
        )
    elif wanted == "json":
        text = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    else:
        text = structlog.processors.LogfmtRenderer(bool_as_flag=False)
    order = [_in_order] if wanted != "console" else [_on_one_line]
    return [structlog.processors.format_exc_info, redact_secrets, escape_control, *order, text]


def redact_secrets(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Takes out what is secret by its name or its kind."""
    del logger, method
    return {key: redact(key, value) for key, value in event.items()}


def escape_control(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Makes visible what could move a cursor, or could not be written at all (a lone surrogate)."""
    del logger, method
    return {key: _visible(value) if isinstance(value, str) else value for key, value in event.items()}


def _visible(text: str) -> str:
    text = _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def _on_one_line(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """For the console, which alone does not escape line ends itself."""
    del logger, method
    return {
        key: value.replace("\n", "\\n") if isinstance(value, str) and key not in _BLOCKS else value
        for key, value in event.items()
    }


def _in_order(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    del logger, method
    return {key: event[key] for key in (*(key for key in _FIRST if key in event), *(key for key in event if key not in _FIRST))}
