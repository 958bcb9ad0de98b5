"""Pictures, as PNG and SVG: one module a picture, drawn from data that others compute.

matplotlib is imported when a picture is drawn and not before. What the pictures share is here: their style, their
colours, a font with Chinese characters, and how they are saved.

Looks into: text, humanize, errors, files, network, inspect.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetgen.files import ensure_writable, write_atomic
from poetgen.text import is_han

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

#: Okabe & Ito's colours, which can be told apart by nearly everyone.
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#7F7F7F"

_KINDS = ("png", "svg")
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "legend.frameon": False,
    "svg.hashsalt": "poetgen",
}


@contextmanager
def style(**more: Any) -> Iterator[None]:
    """Draw in poetgen's style, with some of matplotlib's settings changed."""
    import matplotlib

    with matplotlib.rc_context(_STYLE | more):
        yield


def paths(stem: Path) -> list[Path]:
    """The files of a picture: STEM.png and STEM.svg."""
    return [stem.with_name(f"{stem.name}.{kind}") for kind in _KINDS]


def ensure_drawable(stem: Path) -> None:
    """Raise SaveError, before the work, where its picture could not be written."""
    ensure_writable(*paths(stem))


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as STEM.png and STEM.svg, each whole or not at all; returns both. Raises SaveError."""
    for kind, path in zip(_KINDS, paths(stem), strict=True):
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # what a font lacks is drawn as a box, which is seen
            figure.savefig(buffer, format=kind, dpi=130, metadata={"Date": None} if kind == "svg" else None)
        write_atomic(path, buffer.getvalue())
    return paths(stem)


#: What a person is told where a picture had to do without Chinese characters.
NO_FONT = (
    "no font with Chinese characters is installed (Debian, Ubuntu: apt install fonts-noto-cjk; Fedora: dnf install "
    "google-noto-sans-cjk-fonts; macOS: brew install --cask font-noto-sans-cjk; Windows: Chinese supplemental fonts, "
    "under optional features; conda, or without root: a .ttf or .otf of Noto Sans CJK in ~/.fonts)"
)


def font_for(text: str) -> FontProperties | None:
    """A font of this system that can draw a text: the usual one, unless there are Chinese characters in it.

    None where no font has these. A picture then shows numbers in their place: boxes tell nothing.
    """
    from matplotlib.font_manager import FontProperties

    return chinese_font() if any(map(is_han, text)) else FontProperties()


#: What fonts are called that look written with a brush, or cut in wood, the best first.
_BRUSH = ("kai", "楷", "song", "宋", "sung", "ming", "serif", "fangsong", "仿宋")


@lru_cache(1)
def chinese_font() -> FontProperties | None:
    """A font of this system that has Chinese characters, None where there is none: of all the first, sans-serif ones
    before others."""
    return _first((odd, "serif" in name.lower(), name, file) for odd, name, file in _chinese_fonts())


@lru_cache(1)
def brush_font() -> FontProperties | None:
    """A font of this system for verse, 楷体 or 宋体 where there is one; None where none has Chinese characters."""
    return _first(
        (
            odd or "mono" in name.lower(),
            next((at for at, hint in enumerate(_BRUSH) if hint in name.lower()), 99),
            name,
            file,
        )
        for odd, name, file in _chinese_fonts()
    )


def _first(ranked: Iterable[tuple[bool, int, str, str]]) -> FontProperties | None:
    from matplotlib.font_manager import FontProperties

    best = min(ranked, default=None)
    return FontProperties(fname=best[-1]) if best else None


def _chinese_fonts() -> Iterator[tuple[bool, str, str]]:
    """The fonts that have Chinese characters: whether they are slanted or of another weight, their names and files.

    Found by what a font can draw, not by its name: it has 春, 龘 and 簪.
    """
    from matplotlib import font_manager

    listed = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in set(font_manager.findSystemFonts()) - listed:  # installed since the list was made
        with suppress(OSError, RuntimeError):
            font_manager.fontManager.addfont(path)
    for entry in font_manager.fontManager.ttflist:
        try:
            drawn = font_manager.get_font(entry.fname).get_charmap()
        except (OSError, RuntimeError):  # a font file that is broken
            continue
        # One that draws a box for every code point has U+0378 too, which is no character.
        if all(ord(char) in drawn for char in "春龘簪") and 0x378 not in drawn:
            yield (
                entry.style != "normal" or str(entry.weight) not in ("400", "normal", "regular"),
                entry.name,
                entry.fname,
            )
