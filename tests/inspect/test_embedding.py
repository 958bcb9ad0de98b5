"""Neighbours, analogies and the map of an embedding."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text

import poetgen.plots
from poetgen import cli
from poetgen.config import ModelConfig
from poetgen.data.sequence import CONTROL
from poetgen.data.vocab import Vocab
from poetgen.errors import UsageError
from poetgen.inspect import embedding as module
from poetgen.inspect.embedding import CHARACTER_GROUPS, CharacterMap, Embedding, measured_groups, place_on_map
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.model import PoetModel
from poetgen.plots import embedding as plots


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*args: object) -> Result:
        with pytest.raises(SystemExit) as exit:
            cli.main(["inspect", *map(str, args)])
        out, err = capsys.readouterr()
        return Result(int(exit.value.code or 0), out, err)

    return run


@pytest.fixture
def any_font(monkeypatch: pytest.MonkeyPatch) -> None:
    """For maps of which only positions and colours are looked at: the usual font, whatever it can draw."""
    monkeypatch.setattr(poetgen.plots, "chinese_font", FontProperties)


@pytest.fixture
def sklearn() -> None:
    """What places characters on a map, where it is installed."""
    pytest.importorskip("sklearn")


@pytest.fixture
def no_font(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Chinese characters."""
    monkeypatch.setattr(poetgen.plots, "chinese_font", lambda: None)


def embedding_of(vectors: dict[str, tuple[float, ...]]) -> Embedding:
    rows = np.array(list(vectors.values()), dtype=np.float32)
    return Embedding(tuple(vectors), rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.fixture
def tiny_embedding(tiny: Path) -> Embedding:
    found = Checkpoint.load(tiny)
    return Embedding.of(found.model, found.vocab)


# What is compared ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"embed": 4}, {"embed": 4, "tie": False}, {"embed": 0, "tie": False}], ids=str)
def test_the_rows_of_characters_less_their_mean(options: dict[str, int]) -> None:
    """Of the embedding, or of the output layer where there is none."""
    vocab = Vocab.build(dict.fromkeys("春，a月。7 花", 1), CONTROL)
    model = PoetModel(ModelConfig(vocab_size=len(vocab), hidden=6, layers=1, **options))  # type: ignore[arg-type]
    table = model.output.weight if model.embedding is None else model.embedding.weight
    found = Embedding.of(model, vocab)
    assert sorted(found.chars) == sorted("春a月7花"), "neither control tokens nor punctuation"
    rows = table.detach()[[vocab.id(char) for char in found.chars]]
    want = torch.nn.functional.normalize(rows - rows.mean(0), dim=1)
    assert np.allclose(found.vectors, want.numpy(), atol=1e-6)


def test_what_all_rows_have_in_common_makes_no_neighbours() -> None:
    vocab = Vocab.build(dict.fromkeys("甲乙丙丁", 1), CONTROL)
    model = PoetModel(ModelConfig(vocab_size=len(vocab), hidden=6, layers=1, embed=3))
    assert model.embedding is not None
    with torch.no_grad():
        for char, row in zip("甲乙丙丁", [[9, 1, 0], [9, 1, 0.1], [9, -1, 0], [9, -1, 0.1]], strict=True):
            model.embedding.weight[vocab.id(char)] = torch.tensor(row)
    found = Embedding.of(model, vocab)
    cosines = dict(found.nearest("甲"))
    assert cosines["乙"] > 0.9 and cosines["丙"] < -0.9 and cosines["丁"] < -0.9


# Neighbours and analogies ----------------------------------------------------------------------------------------


def test_neighbours_by_falling_cosine() -> None:
    found = embedding_of({"甲": (1, 0), "乙": (0, 3), "丙": (2, 2), "丁": (-1, 0)})
    assert [one.char for one in found.nearest("甲")] == ["丙", "乙", "丁"], "itself left out"
    assert [one.cosine for one in found.nearest("甲")] == pytest.approx([2**-0.5, 0, -1], abs=1e-6)
    assert [one.char for one in found.nearest("甲", 1)] == ["丙"]


def test_an_analogy_is_a_difference_taken_elsewhere() -> None:
    found = embedding_of(
        {"男": (1, 0, 1, 0), "女": (1, 0, -1, 0), "父": (0, 1, 1, 0), "母": (0, 1, -1, 0), "水": (0, 0, 0, 1)}
    )
    (best, *rest) = found.analogy("男", "女", "父")
    assert best.char == "母" and best.cosine > 0.99
    assert {one.char for one in rest} == {"水"}, "the three are left out"


@pytest.mark.parametrize(
    ("char", "message"),
    [("春风", "single characters, such as 春 风"), ("𪚥", "not in the vocab"), ("，", "neither"), ("", "single")],
)
def test_what_is_no_character_of_the_vocabulary(char: str, message: str) -> None:
    found = embedding_of({"甲": (1, 0), "乙": (0, 1)})
    with pytest.raises(UsageError, match=message):
        found.nearest(char)
    with pytest.raises(UsageError, match=message):
        found.analogy("甲", "乙", char)


# Groups ----------------------------------------------------------------------------------------------------------


def test_how_near_the_members_of_a_group_are() -> None:
    found = embedding_of(
        {
            "春": (1, 0, 0),
            "夏": (1, 0.1, 0),
            "一": (0, 1, 0),
            "雨": (0, 1, 0.1),
            "二": (0, 0, 1),
            "三": (0, 0.1, 1),
            "东": (1, 1, 1),
        }
    )
    seasons, numbers = sorted(measured_groups(found), key=lambda group: len(group.members))
    assert seasons == ("seasons", "春夏", 1.0, pytest.approx(1 / 6))
    assert numbers == ("numbers", "一二三", pytest.approx(2 / 3), pytest.approx(2 / 6)), "一 is nearest to 雨"
    # One direction is not a group that could be near itself.


def test_the_map_has_the_commonest_and_the_groups(tiny_embedding: Embedding) -> None:
    some = tiny_embedding.commonest(10, "冬" + tiny_embedding.chars[3])
    assert some.chars[:10] == tiny_embedding.chars[:10]
    assert set(some.chars[10:]) <= {"冬"} and "冬" in some.chars
    assert np.array_equal(some.vectors[3], tiny_embedding.vectors[3])


# The map ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sklearn")
def test_what_is_alike_is_near_on_the_map() -> None:
    rng = np.random.default_rng(1)
    chars = [chr(0x4E00 + number) for number in range(60)]
    rows = np.repeat(np.eye(3, 8), 20, axis=0) + rng.normal(0, 0.05, (60, 8))
    placed = place_on_map(embedding_of(dict(zip(chars, map(tuple, rows), strict=True))), seed=1)
    distance = np.linalg.norm(placed.points[:, None] - placed.points[None], axis=2) + np.diag([np.inf] * 60)
    assert np.array_equal(distance.argmin(1) // 20, np.arange(60) // 20)
    assert distance.min() >= 1, "no two labels overlap"


@pytest.mark.slow
@pytest.mark.usefixtures("sklearn")
def test_one_seed_gives_one_map(tiny_embedding: Embedding) -> None:
    first, again, other = (place_on_map(tiny_embedding, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.points, again.points) and not np.array_equal(first.points, other.points)
    few = embedding_of({"春": (1, 0), "南": (0, 1), "一": (1, 1), "花": (1, 2)})
    assert place_on_map(few, 1).groups == ("seasons", "directions", "numbers", "")


@pytest.mark.usefixtures("sklearn")
def test_points_at_one_place_are_moved_apart() -> None:
    points = module._apart(np.zeros((4, 2)) + [[0, 0], [0, 0], [5, 5], [5.5, 5]])
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert distance[0, 1] >= 1 and distance[2, 3] >= 1
    assert np.allclose(points[2:].mean(0), [5.25, 5]), "by as much on both sides"


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.usefixtures("sklearn")
def test_maps_of_few_characters(count: int, tiny_embedding: Embedding) -> None:
    if count < 3:
        with pytest.raises(UsageError, match=f"{count} characters make no map"):
            place_on_map(tiny_embedding.commonest(count), 1)
    else:
        assert np.isfinite(place_on_map(tiny_embedding.commonest(count), 1).points).all()


def test_a_map_needs_scikit_learn(tiny_embedding: Embedding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(UsageError, match=r'pip install "poetgen\[sklearn\]"'):
        place_on_map(tiny_embedding, 1)


# The picture -----------------------------------------------------------------------------------------------------


MAP = CharacterMap(
    tuple("春雨一二秋"),
    np.array([[0.0, 1], [2, 3], [4, 5], [6, 7], [8, 0]]),
    ("seasons", "", "numbers", "numbers", "seasons"),
)


@pytest.mark.usefixtures("any_font")
def test_every_character_stands_at_its_point_in_the_colour_of_its_group() -> None:
    figure = plots.map_figure(MAP, "caption")
    (axes,) = figure.axes
    texts = [text for text in axes.texts if isinstance(text, Text)]
    assert [text.get_text() for text in texts] == list(MAP.chars)
    assert np.array_equal([text.get_position() for text in texts], MAP.points)
    assert [to_hex(text.get_color()).upper() for text in texts] == [plots.COLOURS[group] for group in MAP.groups]
    (legend,) = figure.legends
    shown = {
        text.get_text(): to_hex(dot.get_color()).upper()
        for text, dot in zip(legend.get_texts(), legend.get_lines(), strict=True)
    }
    assert shown == {name: plots.COLOURS[name] for name in ("numbers", "seasons")}, "directions there are none"
    (low, high), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert low < 0 and high > 8 and bottom < 0 and top > 7
    assert axes.get_title(loc="left") == "caption"


def test_groups_have_colours_of_their_own() -> None:
    assert (
        set(plots.COLOURS) == {*CHARACTER_GROUPS, ""} and len(set(plots.COLOURS.values())) == len(CHARACTER_GROUPS) + 1
    )
    assert max(Counter("".join(CHARACTER_GROUPS.values())).values()) == 1, "no character is in two groups"


@pytest.mark.slow
@pytest.mark.usefixtures("any_font", "sklearn")
def test_characters_do_not_overlap(tiny_embedding: Embedding, tmp_path: Path) -> None:
    placed = place_on_map(tiny_embedding, 1)
    figure = plots.map_figure(placed)
    plots.save(figure, tmp_path / "map")  # lays it out
    (axes,) = figure.axes
    centres = axes.transData.transform(placed.points) / figure.dpi * 72  # in points
    widest = max(text.get_fontsize() for text in axes.texts)  # a Chinese character is as wide as it is high
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=2) + np.diag([np.inf] * len(centres))
    assert distance.min() > 0.9 * widest


@pytest.mark.usefixtures("no_font", "sklearn")
def test_without_a_font_numbers_stand_for_characters_and_do_not_overlap(
    tiny_embedding: Embedding, tmp_path: Path
) -> None:
    placed = place_on_map(tiny_embedding, 1)
    figure = plots.map_figure(placed)
    plots.save(figure, tmp_path / "map")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [str(number + 1) for number in range(len(placed.chars))]
    assert [to_hex(text.get_color()).upper() for text in axes.texts] == [plots.COLOURS[name] for name in placed.groups]
    label = axes.text(0, 0, "999", fontsize=max(text.get_fontsize() for text in axes.texts))
    (x, _), (next_x, _) = axes.transData.transform([(0, 0), (1, 0)])
    assert label.get_window_extent().width < next_x - x, "labels of three digits are as wide as characters may be"


@pytest.mark.usefixtures("any_font")
def test_the_same_map_is_the_same_picture(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in plots.draw_map(MAP, tmp_path / "map")]
    again = [path.read_bytes() for path in plots.draw_map(MAP, tmp_path / "map")]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["map.png", "map.svg"]
    assert first == again


# The commands ----------------------------------------------------------------------------------------------------


def test_neighbours_in_a_table(tiny: Path, tiny_embedding: Embedding, run: Run) -> None:
    done = run("neighbours", "春", "月", "--num", 3, "--analogy", "山 高 水", "--checkpoint", tiny)
    assert (done.code, done.err) == (0, "")
    rows = [re.split(r"  +", line) for line in done.out.splitlines()]
    assert [row[0] for row in rows] == ["春", "月", "山 : 高 = 水 : ?"]
    assert rows[0][1:] == [f"{char} {cosine:.2f}" for char, cosine in tiny_embedding.nearest("春", 3)]
    assert rows[2][1:] == [f"{char} {cosine:.2f}" for char, cosine in tiny_embedding.analogy("山", "高", "水", 3)]


def test_characters_together_and_in_the_other_script(tiny: Path, run: Run) -> None:
    apart, together = (run("neighbours", *args, "--checkpoint", tiny) for args in (["春", "云", "花"], ["春雲 花"]))
    assert apart.code == together.code == 0, together.err
    assert together.out == apart.out and together.err == "read 雲 as 云\n" and not apart.err
    same = run("neighbours", "--analogy", "山 高 雲", "--checkpoint", tiny)
    assert same.out.startswith("山 : 高 = 云 : ?") and same.err == "read 雲 as 云\n"


def test_neighbours_as_json(tiny: Path, tiny_embedding: Embedding, run: Run) -> None:
    done = run("neighbours", "春", "--analogy", "山 高 水", "--num", 2, "--json", "--checkpoint", tiny)
    one, two = map(json.loads, done.out.splitlines())
    assert (one["question"], two["question"]) == ("春", "山 : 高 = 水 : ?")
    assert [(near["character"], near["cosine"]) for near in one["nearest"]] == [
        (char, pytest.approx(cosine, abs=1e-4)) for char, cosine in tiny_embedding.nearest("春", 2)
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["neighbours"], "give some characters, such as 春 月 酒, or --analogy"),
        (["neighbours", " ", ""], "give some characters, such as 春 月 酒, or --analogy"),
        (["neighbours", "春龘"], "龘: not in the vocabulary"),
        (["neighbours", "春，"], "，: neither a letter nor a number"),
        (["neighbours", "--analogy", "春 花"], '--analogy "春 花": give three single characters'),
        (["neighbours", "--analogy", "春 花 秋天"], "give three single characters"),
        (["map", "--num", "2"], "--num"),
    ],
)
def test_what_cannot_be_asked(args: list[str], message: str, tiny: Path, run: Run) -> None:
    done = run(*args, "--checkpoint", tiny)
    assert (done.code, done.out) == (2, "") and message in done.err and "Traceback" not in done.err


@pytest.mark.usefixtures("any_font", "sklearn")
def test_a_map_from_the_command_line(tiny: Path, run: Run, tmp_path: Path) -> None:
    checkpoint = Path(shutil.copytree(tiny, tmp_path / "poet"))
    done = run("map", "--num", 40, "--checkpoint", checkpoint, "--out", tmp_path / "maps")
    assert done.code == 0, done.err
    png, svg = (tmp_path / "maps" / f"map.{kind}" for kind in ("png", "svg"))
    assert f"drawn in {png} and {svg}" in done.err
    assert png.read_bytes().startswith(b"\x89PNG") and b"<svg" in svg.read_bytes()
    table = done.out.splitlines()
    assert table[0].split("  ")[0] == "group" and any(
        line.startswith("seasons") and "春夏秋冬" in line for line in table
    )


@pytest.mark.usefixtures("any_font", "sklearn")
def test_a_map_without_groups_has_no_table(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setattr(module, "measured_groups", lambda embedding: iter(()))
    done = run("map", "--num", 10, "--checkpoint", tiny, "--out", tmp_path)
    assert (done.code, done.out) == (0, "") and (tmp_path / "map.png").exists()


@pytest.mark.usefixtures("no_font", "sklearn")
def test_a_map_without_a_font(tiny: Path, tiny_embedding: Embedding, tmp_path: Path, run: Run) -> None:
    done = run("map", "--num", 25, "--checkpoint", tiny, "--out", tmp_path)
    assert done.code == 0 and done.out.startswith("group"), done.err
    assert "apt install fonts-noto-cjk" in done.err and (tmp_path / "map.png").exists()
    told = dict(re.findall(r"^ +(\d+)-\d+  (.+)$", done.err, re.MULTILINE))
    assert list(told)[:2] == ["1", "21"]
    chars = "".join(told.values()).replace(" ", "")
    assert chars[:25] == "".join(tiny_embedding.chars[:25]), "which number is which character"
    assert done.err.splitlines()[-1].startswith("drawn in ")


@pytest.mark.usefixtures("any_font", "sklearn")
def test_a_map_with_a_font_tells_no_numbers(tiny: Path, tmp_path: Path, run: Run) -> None:
    done = run("map", "--num", 25, "--checkpoint", tiny, "--out", tmp_path)
    assert done.code == 0 and [line.split()[0] for line in done.err.splitlines()] == ["placing", "drawn"]


@pytest.mark.usefixtures("no_font")
def test_a_map_without_chinese_characters_needs_no_chinese_font() -> None:
    figure = plots.map_figure(CharacterMap(("a", "b"), np.array([[0.0, 1], [2, 3]]), ("", "")))
    assert [text.get_text() for text in figure.axes[0].texts] == ["a", "b"]


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setattr(module, "place_on_map", lambda *args: pytest.fail("work for nothing"))
    (tmp_path / "taken").write_text("")
    done = run("map", "--checkpoint", tiny, "--out", tmp_path / "taken")
    assert (done.code, done.out) == (1, "") and "cannot be written" in done.err
