"""Which font draws Chinese characters, and what is drawn where there is none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from matplotlib import font_manager
from matplotlib.font_manager import FontEntry

from poetgen import plots

LATIN, CHINESE, EVERYTHING = "abc", "春龘簪abc", "春龘簪abc\u0378"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Install fonts of these names, and what each can draw, in place of those of this machine; None: a broken file."""

    def install(**fonts: str | None) -> None:
        def get_font(path: str) -> SimpleNamespace:
            chars = fonts[Path(path).stem]
            if chars is None:
                raise RuntimeError("broken")
            return SimpleNamespace(get_charmap=lambda: dict.fromkeys(map(ord, chars), 1))

        entries = [FontEntry(fname=f"/fonts/{name}.ttf", name=name.replace("_", " ")) for name in fonts]
        monkeypatch.setattr(font_manager.fontManager, "ttflist", entries)
        monkeypatch.setattr(font_manager, "findSystemFonts", list)
        monkeypatch.setattr(font_manager, "get_font", get_font)
        plots.chinese_font.cache_clear()

    yield install
    plots.chinese_font.cache_clear()


def test_the_font_is_found_by_what_it_can_draw(installed) -> None:  # type: ignore[no-untyped-def]
    installed(A_Latin=LATIN, B_Broken=None, C_Boxes=EVERYTHING, D_Serif=CHINESE, E_Sans=CHINESE, F_Sans=CHINESE)
    font = plots.font_for("a 春")
    assert font is not None and font.get_file() == "/fonts/E_Sans.ttf"
    usual = plots.font_for("a")
    assert usual is not None and usual.get_file() is None


def test_without_a_chinese_font_only_the_usual_one_is_there(installed) -> None:  # type: ignore[no-untyped-def]
    installed(A_Latin=LATIN, B_Broken=None, C_Boxes=EVERYTHING)
    assert plots.font_for("春") is None and plots.font_for("spring") is not None
    assert "apt install fonts-noto-cjk" in plots.NO_FONT
