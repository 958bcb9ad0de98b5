"""`poetgen inspect`: what a network has learned, as tables and pictures."""

from __future__ import annotations

import typer

from poetgen.cli.root import app

inspect = typer.Typer(
    help="Look at what a network has learned.",
    epilog="Example: poetgen inspect neighbours 春 月 愁",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(inspect, name="inspect")


@inspect.callback()
def _inspect() -> None:
    pass


# neighbours, map -------------------------------------------------------------------------------------------------

# gates -----------------------------------------------------------------------------------------------------------

# memory ----------------------------------------------------------------------------------------------------------

# ablate ----------------------------------------------------------------------------------------------------------
