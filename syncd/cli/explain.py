"""`syncd explain`: why somebody is, or is not, what one expects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.explainviews import print_explanation
from syncd.cli.invocation import of
from syncd.cli.sync import worst

if TYPE_CHECKING:
    from syncd.model.explanation import Explanation


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("explain")(explain)


def explain(
    context: typer.Context,
    who: Annotated[str, typer.Argument(help="Username, email, DN, entry id or number; `id:7` names the kind.")],
    directory: Annotated[str | None, typer.Option(help="Ask only this directory.")] = None,
) -> None:
    """Explain one person: the entry, what takes it or not, the mapping, the roles, the state, and what a sync would change.

    Nothing is written. When a directory cannot be asked, the exit code is that of its error.
    """
    invocation = of(context)
    with invocation.runtime() as runtime:
        from syncd.bootstrap import open_explain

        explanation = open_explain(runtime).explain(who, directory=directory)
    if invocation.printer.for_people:
        print_explanation(invocation.printer, explanation)
    else:
        invocation.printer.record(explanation_json(explanation))
    raise typer.Exit(worst(failure.exit_code for failure in explanation.failures))


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation with the keys that docs/cli.md promises."""
    from syncd.services.export import person_json

    store = explanation.store
    return {
        "who": explanation.who,
        "store": None if store is None else _plain(store) | {"person": person_json(store.person)},
        "directories": [_plain(one) for one in explanation.directories],
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return f"{len(value)} bytes" if isinstance(value, bytes) else value
