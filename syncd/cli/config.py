"""`syncd config …`: the example, what is in force, and the schema. Needs no database."""

from __future__ import annotations

import typer

from syncd.cli.invocation import of
from syncd.cli.output import Format, Table

app = typer.Typer(help="Show the example configuration, what is in force, or the schema.", no_args_is_help=True)

_VALUES = Table(
    keys=("key", "value", "origin"),
    headings={"key": "KEY", "value": "VALUE", "origin": "ORIGIN"},
)


@app.command()
def example() -> None:
    """Print a configuration file with every setting, its meaning and its default."""
    from syncd.settings.example import example_toml

    typer.echo(example_toml(), nl=False)


@app.command()
def show(context: typer.Context) -> None:
    """Show every setting in force and where it comes from; secrets are not shown."""
    from syncd.settings.explain import rows

    invocation = of(context)
    loaded = invocation.load()
    invocation.printer.rows(_VALUES, [row._asdict() for row in rows(loaded)])
    if invocation.format is Format.TABLE:
        for warning in loaded.warnings:
            typer.echo(f"warning: {warning}", err=True)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    import json

    from syncd.settings.explain import schema as json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
