"""`poetgen inspect`: what a network has learned, as tables and pictures. A module of its own has each picture."""

from __future__ import annotations

from pathlib import Path

from poetgen.cli.root import App, app, note

inspect = App(
    help="Look at what a network has learned.",
    epilog="Example: poetgen inspect neighbours 春 月 愁",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(inspect, name="inspect")


def note_numbers(chars: str) -> None:
    """Where no font has the characters of a picture, say so, and which number stands for which, twenty in a line."""
    from poetgen.plots import NO_FONT, font_for

    if font_for(chars) is not None:
        return
    note(f"{NO_FONT}: in the picture numbers stand for characters, as follows")
    shown = chars.replace("\n", "↵")
    for start in range(0, len(shown), 20):
        tens = shown[start : start + 10], shown[start + 10 : start + 20]
        numbers = f"{start + 1}-{min(start + 20, len(shown))}"
        note(f"  {numbers:>9}  {' '.join(filter(None, tens))}")


def picture_at(stem: Path) -> str:
    """What to say of a picture that takes the place of another one, "" where there is none; before it is drawn.

    Raises SaveError where it could not be written.
    """
    from poetgen.plots import ensure_drawable, paths

    there = any(path.exists() for path in paths(stem))
    ensure_drawable(stem)
    return ", in the place of an earlier picture (--out draws elsewhere)" if there else ""
