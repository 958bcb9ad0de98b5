"""Cards: how a poem is set in columns, that all of it is drawn, and what is said where it cannot be."""

from pathlib import Path

import matplotlib.image
import pytest
from matplotlib.font_manager import FontProperties

import poetgen.plots.card
from poetgen import cli
from poetgen.errors import UsageError
from poetgen.plots.card import Card, draw_card, lay_out
from poetgen.text import is_han

QUATRAIN = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
OCTAVE = "昔人已乘黄鹤去，此地空余黄鹤楼。" * 4
SONG = "明月几时有，把酒问青天。不知天上宫阙，今夕是何年。" * 4


def characters(text: str) -> list[str]:
    return [char for char in text if is_han(char)]


@pytest.mark.parametrize("text", [QUATRAIN, OCTAVE, SONG, "你好\n世界很好\n\n再见", "，春。", "春" * 1000])
@pytest.mark.parametrize("title", ["", "登鹳雀楼", "长" * 100])
def test_every_character_stands_in_a_column_in_its_order(text: str, title: str) -> None:
    layout = lay_out(Card(title, "拟王之涣", text))
    assert layout is not None
    assert characters("".join(layout.columns)) == characters(text) and "".join(layout.title) == title


def test_lines_are_columns_and_couplets_where_there_are_many() -> None:
    four, eight, song = (lay_out(Card("", "", text)) for text in (QUATRAIN, OCTAVE, SONG))
    assert four and eight and song
    assert four.columns == ("白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼")
    assert eight.columns == ("昔人已乘黄鹤去　此地空余黄鹤楼",) * 4
    assert "，" in "".join(song.columns), "where lines run on, marks tell them apart"


def test_columns_fit_beside_each_other_with_their_title() -> None:
    for text in (QUATRAIN, OCTAVE, SONG, "春" * 1000):
        layout = lay_out(Card("题目" * 20, "拟王维", text))
        assert layout is not None
        assert layout.size * 1.62 * (len(layout.columns) + 0.8 * len(layout.title)) < 1080
        assert layout.size * 1.14 * max(map(len, map(characters, layout.columns))) < 1920 - 190


@pytest.fixture
def latin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A font that every machine has: it draws no Chinese."""
    monkeypatch.setattr(poetgen.plots.card, "brush_font", lambda: FontProperties(fname=_dejavu()))


def _dejavu() -> str:
    from matplotlib.font_manager import findfont

    return findfont("DejaVu Sans")


@pytest.mark.slow
def test_a_card_has_the_shape_of_a_phone_and_a_red_seal(latin: None, tmp_path: Path) -> None:
    lacking = draw_card(Card("登", "", "春\nabc"), tmp_path / "card.png")
    assert lacking == "登春诗"
    pixels = matplotlib.image.imread(tmp_path / "card.png")
    assert pixels.shape[:2] == (1920, 1080)
    red = (pixels[..., 0] > 0.6) & (pixels[..., 1] < 0.3)
    down, across = red.nonzero()
    assert 2000 < red.sum() < 30_000 and across.mean() < 540, "on the left, where the verse ends"
    draw_card(Card("登", "", "春\nabc"), tmp_path / "card.svg")
    assert (tmp_path / "card.svg").read_text(encoding="utf-8").count("<path") > 5


def test_what_cannot_be_set_is_refused(latin: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no Chinese verse to set upright"):
        draw_card(Card("a", "", "spring"), tmp_path / "card.png")
    with pytest.raises(UsageError, match="9,000 characters do not fit on a card; write a shorter poem"):
        draw_card(Card("", "", "春" * 9000), tmp_path / "card.png")
    monkeypatch.setattr(poetgen.plots.card, "brush_font", lambda: None)
    with pytest.raises(UsageError, match="no font with Chinese characters is installed"):
        draw_card(Card("", "", QUATRAIN), tmp_path / "card.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--card", "poem.jpg"], "--card poem.jpg: give a name that ends in .png or .svg"),
        (["--card", "poem.png", "--stream"], "leave out --json, --output and --card"),
        (["--card", "poem.png", "--num", "101"], "draws at most 100 poems"),
    ],
)
def test_the_command_says_what_is_wrong(
    tiny: Path, args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        cli.main(["sample", "春", "--checkpoint", str(tiny), *args])
    assert exit.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.slow
def test_several_poems_are_several_cards(
    latin: None, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(poetgen.plots, "brush_font", poetgen.plots.card.brush_font)
    with pytest.raises(SystemExit) as exit:
        cli.main(
            ["sample", "春", "夏", "--form", "五绝", "--checkpoint", str(tiny), "--card", str(tmp_path / "card.png")]
        )
    assert exit.value.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card-1.png", "card-2.png"]
    out, err = capsys.readouterr()
    assert out.startswith("春\n") and "card-2.png: the font has no" in err
