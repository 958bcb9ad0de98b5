"""The gates of an LSTM along a poem, and what its units follow."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import poetgen.plots
from poetgen import cli
from poetgen.checkpoint import Checkpoint
from poetgen.config import ModelConfig
from poetgen.corpus import Poem
from poetgen.errors import PoetgenError, UsageError
from poetgen.inspect import gates
from poetgen.inspect.gates import FEATURES, GATES, STATES, Follower
from poetgen.model import PoetModel
from poetgen.plots import chinese_font
from poetgen.plots import gates as drawing
from poetgen.sequence import Header, Layout

#: The first line rhymes too, and 下, 客 and 鬓 do not.
DENG_GAO = (
    "风急天高猿啸哀，渚清沙白鸟飞回。无边落木萧萧下，不尽长江滚滚来。"
    "万里悲秋常作客，百年多病独登台。艰难苦恨繁霜鬓，潦倒新停浊酒杯。"
)
QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"


@pytest.fixture(scope="module")
def loaded(tiny: Path) -> Checkpoint:
    return Checkpoint.load(tiny)


# Looking inside --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(30, layers=3, hidden=12, embed=8),
        ModelConfig(30, layers=2, hidden=12, embed=0, tie=False, norm=False, residual=False),
    ],
    ids=["norms and residuals", "one-hot and bare"],
)
def test_the_gates_are_those_that_the_framework_used(config: ModelConfig) -> None:
    torch.manual_seed(1)
    model = PoetModel(config).eval()
    ids = torch.randint(2, 30, (4, 9))
    layers = gates.trace(model, ids)
    with torch.no_grad():
        features, (hidden, cell) = model.features(ids)
    state = tuple(torch.zeros(config.layers, 4, config.hidden) for _ in range(2))
    for t in range(9):
        with torch.no_grad():
            _, state = model.step(ids[:, t], state)
        for layer, own in enumerate(layers):
            assert torch.allclose(own["hidden state"][:, t], state[0][layer], atol=1e-6)
            assert torch.allclose(own["cell state"][:, t], state[1][layer], atol=1e-6)
    for layer, own in enumerate(layers):
        assert torch.allclose(own["cell state"][:, -1], cell[layer], atol=1e-6)
        shown = own["output gate"] * own["cell state"].tanh()
        assert torch.allclose(shown, own["hidden state"], atol=1e-6)
        for gate in GATES:
            assert own[gate].shape == (4, 9, config.hidden) and 0 <= own[gate].min() <= own[gate].max() <= 1
    assert not any(cell._forward_hooks for cell in model.cells), "the model is left as it was"


def test_which_gate_is_which() -> None:
    model = PoetModel(ModelConfig(30, layers=1, hidden=4, embed=4)).eval()
    with torch.no_grad():
        for parameter in model.cells[0].parameters():
            parameter.zero_()
        model.cells[0].bias_ih_l0[:] = torch.tensor([-20.0, 20.0, 0.0, 1.0]).repeat_interleave(4)
    [layer] = gates.trace(model, torch.full((1, 2), 3))
    means = {name: round(float(part.mean()), 3) for name, part in layer.items()}
    assert means == {"input gate": 0, "forget gate": 1, "output gate": 0.731, "cell state": 0, "hidden state": 0}


def test_a_poem_is_the_same_alone_and_beside_others(loaded: Checkpoint) -> None:
    poems = [Poem("春夏秋。", title="月"), Poem(DENG_GAO, title="登高", form="七律"), Poem("春夏秋。", title="夜雨")]
    together = list(gates.along(loaded, poems))
    for poem, found in zip(poems, together, strict=True):
        [alone] = gates.along(loaded, [poem])
        ids = Layout(loaded.vocab).encode(Header(form=poem.form, title=poem.title)) + loaded.vocab.encode(poem.body)
        whole = gates.trace(loaded.model, torch.tensor([ids]))
        for layer, (own, other) in enumerate(zip(found, alone, strict=True)):
            for name in GATES + STATES:
                assert len(own[name]) == len(poem.body)
                assert torch.allclose(own[name], other[name], atol=1e-6)
                assert torch.allclose(own[name], whole[layer][name][0, -len(poem.body) :], atol=1e-6)
    first, _, last = (found[0]["hidden state"] for found in together)
    assert not torch.allclose(first, last), "the title is read"


def test_other_cells_have_other_gates(loaded: Checkpoint) -> None:
    other = Checkpoint(Path("here"), PoetModel(ModelConfig(len(loaded.vocab), cell="gru")), loaded.vocab, {}, "")
    with pytest.raises(UsageError, match="--checkpoint here: its cells are gru"):
        next(gates.along(other, [Poem("春。")]))


# What units follow -----------------------------------------------------------------------------------------------


def named(poem: Poem, loaded: Checkpoint) -> dict[str, list[float]]:
    return dict(zip(FEATURES, gates.features(loaded, poem).T.tolist(), strict=True))


def test_features_of_a_regulated_poem(loaded: Checkpoint) -> None:
    found = named(Poem(DENG_GAO, form="七律"), loaded)
    at = {feature: [place for place, value in enumerate(values) if value == 1] for feature, values in found.items()}
    assert [DENG_GAO[place] for place in at["rhyme foot"]] == list("哀回来台杯")
    assert [DENG_GAO[place] for place in at["last character of a line"]] == list("哀回下来客台鬓杯")
    assert [DENG_GAO[place] for place in at["punctuation"]] == list("，。" * 4)
    assert found["number of the line"] == [float(place // 8) for place in range(64)]
    assert found["second line of a couplet"] == [float(place // 8 % 2) for place in range(64)]
    place = found["place in the line"]
    assert place[:7] == place[8:15] == [0, 1, 2, 3, 4, 5, 6] and np.isnan(place[7])
    # 风急天高猿啸哀: 平仄平平平仄平; a mark has no tone.
    assert found["level tone"][:7] == [1, 0, 1, 1, 1, 0, 1] and np.isnan(found["level tone"][7])


def test_features_of_lines_with_pauses_and_without_marks(loaded: Checkpoint) -> None:
    found = named(Poem("春、夏\n秋冬", form="杂"), loaded)
    assert found["number of the line"] == [0, 0, 0, 0, 1, 1]
    assert found["punctuation"] == [0, 1, 0, 1, 0, 0]
    assert found["last character of a line"] == [0, 0, 1, 0, 0, 1]


def test_poems_are_written_in_the_form_of_the_poem(loaded: Checkpoint) -> None:
    own = Poem(DENG_GAO[:32], title="登高", author="杜甫", form="七绝")
    seen: list[tuple[int, int]] = []
    poems = gates.write(loaded, own, count=5, seed=3, progress=lambda *told: seen.append(told))
    assert [poem.title for poem in poems] == list(gates.TITLES[:5]) and seen[-1] == (5, 5)
    assert all(len(poem.body) == 32 and poem.form == "七绝" and not poem.author for poem in poems)
    assert poems == gates.write(loaded, own, count=5, seed=3) != gates.write(loaded, own, count=5, seed=4)
    words = gates.write(loaded, Poem("春、夏\n秋冬"), count=2)
    assert all(poem.body for poem in words)


def synthetic(
    loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch, planted: bool, count: int = 40
) -> tuple[list[Poem], list[Follower]]:
    """What is found among states of pure noise, where unit 4 of layer 2 may hold the rhyme feet in its cell."""
    poems = [Poem(DENG_GAO, form="七律")] * count
    width = loaded.model.config.hidden

    def noise(checkpoint: Checkpoint, poems: list[Poem]) -> Iterator[list[dict[str, torch.Tensor]]]:
        draw = torch.Generator().manual_seed(5)
        for poem in poems:
            layers = [{name: torch.randn(len(poem.body), width, generator=draw) for name in STATES} for _ in range(2)]
            if planted:
                feature = torch.tensor(named(poem, loaded)["rhyme foot"])
                layers[1]["cell state"][:, 3] = 30 - feature + 0.1 * layers[0]["cell state"][:, 0]
            yield layers

    monkeypatch.setattr(gates, "along", noise)
    return poems, gates.followers(loaded, poems)


def test_a_unit_that_follows_is_found(loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    _, found = synthetic(loaded, monkeypatch, planted=True)
    best = next(one for one in found if one.feature == "rhyme foot")
    assert (best.layer, best.unit, best.state) == (2, 4, "cell state")
    # Feet are 5 of 64: a standard deviation of 0.27, against noise of 0.1.
    assert best.correlation == pytest.approx(-0.27 / np.hypot(0.27, 0.1), abs=0.02)
    assert best.chance < 0.1
    assert [one.feature for one in found] == [feature for feature in FEATURES for _ in range(2)]


def test_chance_does_not_shine(loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    _, found = synthetic(loaded, monkeypatch, planted=False, count=4)
    # The greatest of 64 correlations over 128 characters is 0.2 or more by chance; measured elsewhere it is not.
    assert np.mean([abs(one.correlation) for one in found]) < 0.12
    assert all(one.chance > 0.05 for one in found)


def test_what_does_not_vary_is_left_out(loaded: Checkpoint) -> None:
    found = gates.followers(loaded, [Poem("春夏秋冬春夏秋冬")] * 6)
    assert not {"number of the line", "punctuation", "second line of a couplet"} & {one.feature for one in found}
    assert {"place in the line", "last character of a line"} <= {one.feature for one in found}


# The picture -----------------------------------------------------------------------------------------------------


def follower(feature: str, layer: int, unit: int, correlation: float) -> Follower:
    return Follower(feature, layer, unit, "cell state", correlation, 0.1)


@pytest.fixture(scope="module")
def picture(loaded: Checkpoint) -> gates.Picture:
    poem = Poem(DENG_GAO[:32], title="登高", form="七绝")
    [layers] = gates.along(loaded, [poem])
    found = [
        follower("punctuation", 2, 9, -0.9),
        follower("rhyme foot", 1, 3, 0.9),
        follower("rhyme foot", 2, 5, 0.8),
        follower("level tone", 2, 7, 0.05),  # no more than chance
        follower("level tone", 2, 9, 0.7),  # is told of already
    ]
    return gates.picture(poem, layers, found, layer=2, count=6)


def test_units_that_follow_come_first_and_lively_ones_fill_up(loaded: Checkpoint, picture: gates.Picture) -> None:
    assert picture.units[:2] == (9, 5) and picture.follows[:3] == ("punctuation", "rhyme foot", "")
    assert len(set(picture.units)) == len(picture.units) == 6
    [layers] = gates.along(loaded, [picture.poem])
    spread = layers[1]["hidden state"].std(0)
    rest = [unit - 1 for unit in picture.units[2:]]
    others = [unit for unit in range(len(spread)) if unit not in {*rest, 8, 4}]
    assert spread[rest].min() >= spread[others].max()
    for name, values in picture.panels.items():
        assert np.array_equal(values[0], layers[1][name][:, 8].numpy())


def test_the_picture_shows_every_unit_and_character(
    picture: gates.Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_font()
    figures: list[Any] = []
    monkeypatch.setattr(drawing, "save", lambda figure, stem: figures.append(figure) or [stem])
    drawing.draw(picture, tmp_path / "gates")
    [figure] = figures
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left").split(":")[0] for axes in panels] == [*GATES, *STATES]
    for axes in panels:
        assert "".join(label.get_text() for label in axes.get_xticklabels()) == picture.poem.body
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels[:2] == ["punctuation  9", "rhyme foot  5"] and labels[2] == str(picture.units[2])
        assert [line.get_xdata()[0] for line in axes.lines] == [7.5, 15.5, 23.5]
    shown = [np.asarray(axes.images[0].get_array()) for axes in panels]
    assert np.array_equal(shown[0], picture.panels["forget gate"])
    assert np.abs(shown[3]).max(1) == pytest.approx(1), "a cell state by its greatest"
    assert panels[0].images[0].get_clim() == (0, 1) and panels[4].images[0].get_clim() == (-1, 1)


# The command -----------------------------------------------------------------------------------------------------


def needs_font() -> None:
    try:
        chinese_font()
    except PoetgenError as error:
        pytest.skip(str(error))


def run(*args: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        cli.main(["inspect", "gates", *map(str, args)])
    out, err = capsys.readouterr()
    return int(exit.value.code or 0), out, err


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "write", lambda *args, count=20, **rest: write(*args, count=20, **rest))


write = gates.write


def test_a_poem_as_text_and_in_a_file(
    tiny: Path, tmp_path: Path, few: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_font()
    drawn, draw = [], gates.picture
    monkeypatch.setattr(gates, "picture", lambda *args: drawn.append(args[3:]) or draw(*args))
    path = tmp_path / "poem.txt"
    path.write_text(f"静夜思\n李白\n\n{QUIET}\n", encoding="utf-8")
    args = "--checkpoint", tiny, "--layer", 2, "--units", 4
    code, out, err = run(path, *args, "--out", tmp_path / "one", capsys=capsys)
    assert code == 0, err
    assert out.splitlines()[0].split() == ["follows", "layer", "unit", "by", "its", "correlation", "chance"]
    assert len(out.splitlines()) == 1 + 2 * len(FEATURES)
    png, svg = ((tmp_path / "one" / f"gates.{kind}").read_bytes() for kind in ("png", "svg"))
    assert png.startswith(b"\x89PNG") and str(tmp_path / "one" / "gates.svg") in err
    code, out, _ = run(QUIET, "--title", "静夜思", *args, "--out", tmp_path / "two", "--json", capsys=capsys)
    assert code == 0 and {json.loads(line)["feature"] for line in out.splitlines()} == set(FEATURES)
    assert (tmp_path / "two" / "gates.svg").read_bytes() == svg, "the same poem, title and seed give the same picture"
    assert drawn == [(2, 4)] * 2, "of the layer and as many units as were asked for"


def test_a_poem_with_a_hole_is_told(tiny: Path, tmp_path: Path, few: None, capsys: pytest.CaptureFixture[str]) -> None:
    needs_font()
    path = tmp_path / "poems.txt"
    path.write_text(f"静夜思\n\n{QUIET}\n\n春\n\n{QUIET.replace('月', '□')}\n", encoding="utf-8")
    code, _, err = run(path, "--checkpoint", tiny, "--out", tmp_path, "--units", 2, capsys=capsys)
    assert code == 0 and "left out 1 of 2 poems: 1 lost characters" in err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["nowhere.txt"], "POEM nowhere.txt: no poem, and no file of this name"),
        (["{corpus}"], "60 poems; give the text of one"),
        ([DENG_GAO * 5], "POEM: 320 characters; give at most 300"),
        ([DENG_GAO, "--layer", "3"], "--layer 3: the network has 2"),
    ],
)
def test_what_cannot_be_drawn(
    args: list[str], says: str, tiny: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [arg.format(corpus=corpus) for arg in args]
    code, out, err = run(*given, "--checkpoint", tiny, capsys=capsys)
    assert (code, out) == (2, "") and says in err


def test_without_a_font(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise PoetgenError("no font with Chinese characters is installed")

    monkeypatch.setattr(poetgen.plots, "chinese_font", missing)
    monkeypatch.setattr(gates, "write", lambda *args, **rest: pytest.fail("work for nothing"))
    code, _, err = run(DENG_GAO, "--checkpoint", tiny, "--out", tmp_path, capsys=capsys)
    assert code == 1 and "no font with Chinese characters" in err
