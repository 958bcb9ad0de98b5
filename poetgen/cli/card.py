"""`poetgen sample --card`: a picture of each poem, beside what is printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from poetgen.cli.root import note
from poetgen.errors import UsageError
from poetgen.files import ensure_writable

if TYPE_CHECKING:
    from poetgen.writing.sample import Sample

#: Cards that one command draws at most.
_MOST: Final = 100


class Cards:
    """Draws `count` poems as `path`, or where there are several as PATH-1.png, PATH-2.png and so on.

    Raises UsageError, before the work, where they could not be drawn, and SaveError where they could not be written.
    """

    def __init__(self, path: Path, count: int | None) -> None:
        from poetgen.plots import NO_FONT, brush_font
        from poetgen.plots.card import CARD_KINDS

        if path.suffix.lower() not in CARD_KINDS:
            raise UsageError(f"--card {path}: give a name that ends in {' or '.join(CARD_KINDS)}")
        if count is None or count > _MOST:
            raise UsageError(f"--card {path}: draws at most {_MOST} poems, of TITLES or a file of so many lines")
        if brush_font() is None:
            raise UsageError(f"--card {path}: {NO_FONT}")
        names = [path.with_stem(f"{path.stem}-{number}") for number in range(1, count + 1)]
        self._paths = names if count > 1 else [path]
        ensure_writable(*self._paths[:1])
        self._drawn = 0

    def draw(self, sample: Sample) -> None:
        """Draw the next poem, and say where it is; what cannot be drawn is told, and the next one goes on."""
        from poetgen.plots.card import Card, draw_card

        path, author = self._paths[self._drawn], sample.request.author
        self._drawn += 1
        card = Card(sample.request.title, f"拟{author}" if author else "", sample.text, author[:4] or "诗")
        try:
            lacking = draw_card(card, path)
        except UsageError as error:
            if len(self._paths) == 1:
                raise
            note(str(error))
            return
        note(f"{path}" + (f": the font has no {' '.join(lacking)}; an empty square stands there" if lacking else ""))
