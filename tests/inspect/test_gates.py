"""The gates of an LSTM along a poem, and what its units follow."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.font_manager import FontProperties

import poetgen.plots
from poetgen import cli
from poetgen.config import ModelConfig
from poetgen.corpus import Poem
from poetgen.data.sequence import Header, Layout
from poetgen.errors import UsageError
from poetgen.inspect import gates
from poetgen.inspect.gates import FEATURES, GATES, STATES, Follower, Survey
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.model import PoetModel
from poetgen.plots import gates as drawing

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
    together = list(gates.trace_poems(loaded, poems))
    for poem, found in zip(poems, together, strict=True):
        [alone] = gates.trace_poems(loaded, [poem])
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
        next(gates.trace_poems(other, [Poem("春。")]))


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
    poems = gates.write_alike(loaded, own, count=5, seed=3, progress=lambda *told: seen.append(told))
    assert [poem.title for poem in poems] == list(gates.SURVEY_TITLES[:5]) and seen[-1] == (5, 5)
    assert all(len(poem.body) == 32 and poem.form == "七绝" and not poem.author for poem in poems)
    assert poems == gates.write_alike(loaded, own, count=5, seed=3) != gates.write_alike(loaded, own, count=5, seed=4)
    words = gates.write_alike(loaded, Poem("春、夏\n秋冬"), count=2)
    assert all(poem.body for poem in words)


Planted = Callable[[torch.Tensor, torch.Tensor], None]


def synthetic(
    loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch, poems: Sequence[Poem], planted: Planted = lambda *args: None
) -> Survey:
    """What is found among states of pure noise, in the cells of whose layer 2 something may be planted.

    `planted` is given the features of a poem (T, F) and these cells (T, H).
    """
    width = loaded.model.config.hidden

    def noise(checkpoint: Checkpoint, poems: list[Poem]) -> Iterator[list[dict[str, torch.Tensor]]]:
        draw = torch.Generator().manual_seed(5)
        for poem in poems:
            layers = [{name: torch.randn(len(poem.body), width, generator=draw) for name in STATES} for _ in range(2)]
            planted(torch.from_numpy(gates.features(loaded, poem)), layers[1]["cell state"])
            yield layers

    monkeypatch.setattr(gates, "trace_poems", noise)
    return gates.survey(loaded, poems)


ALIKE = [Poem(DENG_GAO, form="七律")] * 40
RHYME, TONE, MARK = (FEATURES.index(name) for name in ("rhyme foot", "level tone", "punctuation"))


def rhyme_in_unit_4(own: torch.Tensor, cells: torch.Tensor) -> None:
    cells[:, 3] = 30 - own[:, RHYME] + 0.1 * cells[:, 0]


def test_a_unit_that_follows_is_found(loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    found = synthetic(loaded, monkeypatch, ALIKE, rhyme_in_unit_4)
    best = next(one for one in found.strongest() if one.feature == "rhyme foot")
    assert (best.layer, best.unit, best.state) == (2, 4, "cell state") and best.beyond_chance
    # Feet are 5 of 64: a standard deviation of 0.27, against noise of 0.1.
    assert best.correlation == pytest.approx(-0.27 / np.hypot(0.27, 0.1), abs=0.02)
    assert best.chance < 0.1
    assert np.isnan(best.same_place), "feet are at the same places in all poems"
    told = found.best(2, 4)
    assert told and (told.feature, told.correlation) == (best.feature, best.correlation)


def test_chance_does_not_shine(loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    found = synthetic(loaded, monkeypatch, ALIKE[:4])
    best = np.abs(found.searched).reshape(len(FEATURES), -1).argmax(1)
    measured = np.abs(found.measured).reshape(len(FEATURES), -1)[range(len(FEATURES)), best]
    # The greatest of 64 correlations over 128 characters is 0.2 or more by chance; measured elsewhere it is not.
    assert measured.mean() < 0.12
    assert (found.chance > 0.05).all()
    assert len(found.strongest()) < len(FEATURES), "most are not told of"
    assert all(one.beyond_chance for one in found.strongest())


def test_rows_no_better_than_chance_are_not_followed() -> None:
    better, worse, none = (Follower("rhyme foot", 1, 2, "cell state", c, 0.0, 0.1) for c in (-0.11, 0.1, math.nan))
    assert better.beyond_chance and not worse.beyond_chance and not none.beyond_chance


def test_what_follows_the_place_does_not_follow_the_content(
    loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    # Tones at random, but for the last of a line: 平 always.
    poems = [
        Poem("，".join("".join(rng.choice(list("平天山水月鸟"), 4)) + "平" for _ in range(4)) + "。", form="五绝")
        for _ in range(80)
    ]
    usual = np.nan_to_num(np.mean([gates.features(loaded, poem)[:, TONE] for poem in poems], axis=0))

    def planted(own: torch.Tensor, cells: torch.Tensor) -> None:
        cells[:, 3] = torch.nan_to_num(own[:, TONE]) + 0.1 * cells[:, 0]
        cells[:, 5] = torch.from_numpy(usual) + 0.01 * cells[:, 1]

    found = synthetic(loaded, monkeypatch, poems, planted)
    tone, place = (found._follower(TONE, 1, unit) for unit in (3, 5))
    assert tone.correlation > 0.95 and tone.same_place > 0.95
    assert place.correlation > 0.3 and abs(place.same_place) < 0.1


def test_correlations_within_places_are_those_of_the_differences_from_their_means() -> None:
    rng = np.random.default_rng(1)
    together = gates._Correlations()
    rows = []
    for length in (5, 3, 5, 4, 3):  # poems end at different places
        own, states = rng.normal(size=(length, 2)), rng.normal(size=(length, 3))
        own[1, 0] = np.nan
        states[:, 2] = 7
        together.add(own[:, None], states[:, None])
        rows += [(place, *own[place], *states[place]) for place in range(length)]
    found = together.correlations()
    for feature in range(2):
        known = np.array([row for row in rows if not np.isnan(row[1 + feature])])
        for place in set(known[:, 0]):
            here = known[:, 0] == place
            known[here, 1:] -= known[here, 1:].mean(0)
        want = [np.corrcoef(known[:, 1 + feature], known[:, 3 + unit])[0, 1] for unit in range(2)]
        assert found[feature, :2] == pytest.approx(want)
    assert np.isnan(found[:, 2]).all()


def test_a_unit_is_told_by_what_it_follows_best(loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(own: torch.Tensor, cells: torch.Tensor) -> None:
        cells[:, 3] = 2 * own[:, MARK] - own[:, RHYME] + 0.1 * cells[:, 0]
        cells[:, 6] = own[:, RHYME] + 0.3 * cells[:, 0]

    found = synthetic(loaded, monkeypatch, ALIKE, planted)
    told = found.best(2, 4)
    assert told and told.feature == "punctuation" and told.correlation > 0.8
    told = found.best(2, 7)
    assert told and told.feature == "rhyme foot"
    assert sum(found.best(1, unit) is None for unit in range(1, 17)) > 4, "most of mere noise follow nothing"


def test_what_does_not_vary_is_left_out(loaded: Checkpoint) -> None:
    found = gates.survey(loaded, [Poem("春夏秋冬春夏秋冬")] * 6)
    varies = {name for name, own in zip(FEATURES, found.measured, strict=True) if np.isfinite(own).all()}
    same = {name for name, own in zip(FEATURES, found.measured, strict=True) if np.isnan(own).all()}
    assert {"place in the line", "last character of a line"} <= varies
    assert {"number of the line", "punctuation", "second line of a couplet"} <= same
    assert not same & {one.feature for one in found.strongest()}


def test_human_poems_of_the_form_are_drawn_by_the_seed() -> None:
    poem = Poem(QUIET, form="五绝")
    alike = [replace(poem, body=QUIET.replace("床", char)) for char in TITLES_OF_230]
    others = [Poem(DENG_GAO, form="七律"), replace(poem, tune="生查子"), poem]
    first, again, other = (gates.poems_alike([*others, *alike], poem, seed) for seed in (1, 1, 2))
    assert len(first) == gates.MOST_SURVEYED and first == again != other and set(first) < set(alike)
    assert len(gates.poems_alike(alike[:20], poem)) == 20
    with pytest.raises(UsageError, match="--poems: 19 poems of the form 五绝 in it; give a file with 20 or more"):
        gates.poems_alike(alike[:19], poem)


TITLES_OF_230 = [chr(0x4E00 + number) for number in range(230)]


# The picture -----------------------------------------------------------------------------------------------------


def surveyed(loaded: Checkpoint, **followed: float) -> Survey:
    """A survey in which some units of layer 2, "FEATURE_UNIT", follow something by their cells; chance is 0.1."""
    shape = len(FEATURES), 2, len(STATES), loaded.model.config.hidden
    found = np.zeros(shape)
    for name, correlation in followed.items():
        feature, unit = name.split("_")
        found[[one.split()[0] for one in FEATURES].index(feature), 1, 0, int(unit) - 1] = correlation
    return Survey(found, found, np.full(shape, np.nan), np.full(len(FEATURES), 0.1))


@pytest.fixture(scope="module")
def picture(loaded: Checkpoint) -> gates.GatePicture:
    poem = Poem(DENG_GAO[:32], title="登高", form="七绝")
    [layers] = gates.trace_poems(loaded, [poem])
    lively = next(unit for unit in layers[1]["hidden state"].std(0).argsort(descending=True).tolist() if unit > 9) + 1
    # Unit 7 is no better than chance; a lively one follows rhymes, but only as the third of all.
    followed = {"punctuation_9": -0.9, "rhyme_5": 0.8, "rhyme_9": -0.7, "level_7": 0.05, f"rhyme_{lively}": 0.6}
    return gates.picture(poem, layers, surveyed(loaded, **followed), layer=2, count=6)


def test_units_that_follow_come_first_and_lively_ones_fill_up(loaded: Checkpoint, picture: gates.GatePicture) -> None:
    assert picture.units[:2] == (9, 5)
    follows = [one and (one.feature, one.correlation) for one in picture.follows]
    assert follows[:2] == [("punctuation", -0.9), ("rhyme foot", 0.8)]
    assert Counter(follows[2:]) == {("rhyme foot", 0.6): 1, None: 3}
    assert len(set(picture.units)) == len(picture.units) == 6
    [layers] = gates.trace_poems(loaded, [picture.poem])
    spread = layers[1]["hidden state"].std(0)
    rest = [unit - 1 for unit in picture.units[2:]]
    others = [unit for unit in range(len(spread)) if unit not in {*rest, 8, 4}]
    assert spread[rest].min() >= spread[others].max()
    for name, values in picture.panels.items():
        assert np.array_equal(values[0], layers[1][name][:, 8].numpy())


@pytest.fixture
def any_font(monkeypatch: pytest.MonkeyPatch) -> None:
    """For pictures of which only positions and labels are looked at: the usual font, whatever it can draw."""
    monkeypatch.setattr(poetgen.plots, "chinese_font", FontProperties)


@pytest.fixture
def no_font(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Chinese characters."""
    monkeypatch.setattr(poetgen.plots, "chinese_font", lambda: None)


@pytest.mark.usefixtures("no_font")
def test_without_a_font_places_are_numbered_and_the_title_is_left_out(
    picture: gates.GatePicture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(drawing, "save", lambda figure, stem: figures.append(figure) or [stem])
    drawing.draw_gates(picture, tmp_path / "gates")
    panels = [axes for axes in figures[0].axes if axes.images]
    for axes in panels:
        labels = [label.get_text() for label in axes.get_xticklabels()]
        assert labels == [str(place + 1) for place in range(len(picture.poem.body))]
    assert figures[0].get_suptitle() == f"layer {picture.layer}"


@pytest.mark.usefixtures("any_font")
def test_the_picture_shows_every_unit_and_character(
    picture: gates.GatePicture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(drawing, "save", lambda figure, stem: figures.append(figure) or [stem])
    drawing.draw_gates(picture, tmp_path / "gates")
    [figure] = figures
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left").split(":")[0] for axes in panels] == [*GATES, *STATES]
    assert len(figure.axes) == len(panels) + 2, "a colour bar for the gates, and one for the states"
    for axes in panels:
        assert "".join(label.get_text() for label in axes.get_xticklabels()) == picture.poem.body
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert labels[:2] == ["punctuation  9", "rhyme foot  5"]
        assert [label.split("  ")[-1] for label in labels] == [str(unit) for unit in picture.units]
        assert [line.get_xdata()[0] for line in axes.lines] == [7.5, 15.5, 23.5]
    shown = [np.asarray(axes.images[0].get_array()) for axes in panels]
    for values, name in zip(shown, [*GATES, *STATES], strict=True):
        want = picture.panels[name]
        if name == "cell state":
            want = want / np.abs(want).max(1, keepdims=True)  # each by its greatest
        assert np.allclose(values, want), name
    assert [axes.images[0].get_clim() for axes in panels] == [(0, 1)] * 3 + [(-1, 1)] * 2


# The command -----------------------------------------------------------------------------------------------------


def run(*args: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        cli.main(["inspect", "gates", *map(str, args)])
    out, err = capsys.readouterr()
    return int(exit.value.code or 0), out, err


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "write_alike", lambda *args, count=20, **rest: write_alike(*args, count=20, **rest))


write_alike = gates.write_alike


def rows_of(out: str) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """The heads of the table, the rows of the strongest units, and those of the units of the picture."""
    first, second = out.split("\n\n")
    heads, *strongest = (re.split("  +", line) for line in first.splitlines())
    return heads, strongest, [re.split("  +", line) for line in second.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("font", [True, False])
def test_a_poem_as_text_and_in_a_file(
    font: bool,
    tiny: Path,
    tmp_path: Path,
    few: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poetgen.plots, "chinese_font", FontProperties if font else lambda: None)
    drawn, draw = [], gates.picture
    monkeypatch.setattr(gates, "picture", lambda *args: drawn.append(args[3:]) or draw(*args))
    path = tmp_path / "poem.txt"
    path.write_text(f"静夜思\n李白\n\n{QUIET}\n", encoding="utf-8")
    args = "--checkpoint", tiny, "--layer", 2, "--units", 4
    code, out, err = run(path, *args, "--out", tmp_path / "one", capsys=capsys)
    assert code == 0, err
    heads, strongest, shown = rows_of(out)
    assert heads == ["follows", "layer", "unit", "state", "correlation", "at same place", "chance"]
    assert all(abs(float(row[4])) >= float(row[6]) for row in strongest)
    assert len(shown) == 4 and all(row[1] == "2" for row in shown)
    png, svg = ((tmp_path / "one" / f"gates.{kind}").read_bytes() for kind in ("png", "svg"))
    assert png.startswith(b"\x89PNG") and str(tmp_path / "one" / "gates.svg") in err
    assert "found in 10 poems, measured in 10 others" in err
    code, out, _ = run(QUIET, "--title", "静夜思", *args, "--out", tmp_path / "two", "--json", capsys=capsys)
    records = [json.loads(line) for line in out.splitlines()]
    found = [record for record in records if record["part"] == "strongest"]
    assert code == 0 and [[record["feature"], f"{record['correlation']:+.2f}"] for record in found] == [
        [row[0], row[4]] for row in strongest
    ]
    within = {row[0]: row[5] for row in strongest}
    # In quatrains that keep to their form, the number of a line hangs on the place alone.
    assert within["number of the line"] == "-"
    assert next(one for one in found if one["feature"] == "number of the line")["same_place"] is None
    units = [record for record in records if record["part"] == "drawn"]
    assert [str(record["unit"]) for record in units] == [row[2] for row in shown]
    assert [record["feature"] or "-" for record in units] == [row[0] for row in shown]
    [layers] = gates.trace_poems(Checkpoint.load(tiny), [Poem(QUIET, title="静夜思", form="五绝")])
    for unit in units:
        for name in GATES + STATES:
            assert unit["values"][name] == pytest.approx(layers[1][name][:, unit["unit"] - 1].tolist(), abs=1e-4)
    assert (tmp_path / "two" / "gates.svg").read_bytes() == svg, "the same poem, title and seed give the same picture"
    assert drawn == [(2, 4, ())] * 2, "of the layer and as many units as were asked for"


@pytest.mark.slow
@pytest.mark.usefixtures("any_font")
def test_the_layer_with_most_units_in_the_table_is_drawn(
    tiny: Path, tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(QUIET, "--checkpoint", tiny, "--out", tmp_path, capsys=capsys)
    assert code == 0, err
    _, strongest, shown = rows_of(out)
    counts = Counter(row[1] for row in strongest)
    assert {row[1] for row in shown} == {max("12", key=lambda layer: counts[layer])}
    missing = set(FEATURES) - {row[0] for row in strongest}
    assert ("beyond chance: " in err) == bool(missing) and all(feature in err for feature in missing)
    code, out, err = run("春夏秋冬春夏秋冬", "--checkpoint", tiny, "--out", tmp_path, capsys=capsys)
    assert code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("any_font")
def test_units_may_be_named(tiny: Path, tmp_path: Path, few: None, capsys: pytest.CaptureFixture[str]) -> None:
    args = "--checkpoint", tiny, "--out", tmp_path, "--layer", 1
    code, out, err = run(QUIET, *args, "--unit", 16, "--unit", 3, capsys=capsys)
    assert code == 0, err
    assert [row[1:3] for row in rows_of(out)[2]] == [["1", "16"], ["1", "3"]]
    code, _, err = run(QUIET, *args, "--unit", 17, capsys=capsys)
    assert code == 2 and "--unit 17: a layer has only 16 units" in err


@pytest.mark.slow
@pytest.mark.usefixtures("any_font")
def test_features_that_nothing_follows_are_named(
    tiny: Path, tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = surveyed(Checkpoint.load(tiny), rhyme_5=0.8, level_7=0.05)
    monkeypatch.setattr(gates, "survey", lambda *args: found)
    code, out, err = run(QUIET, "--checkpoint", tiny, "--out", tmp_path, "--units", 2, capsys=capsys)
    _, strongest, shown = rows_of(out)
    assert code == 0 and [row[:3] for row in strongest] == [["rhyme foot", "2", "5"]]
    assert shown[0][:3] == ["rhyme foot", "2", "5"] and shown[1][:2] == ["-", "2"]
    names = ", ".join(feature for feature in FEATURES if feature != "rhyme foot")
    assert f"no unit follows these beyond chance: {names}\n" in err


@pytest.mark.slow
@pytest.mark.usefixtures("any_font")
def test_units_may_be_looked_for_in_human_poems(
    tiny: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gates, "write_alike", lambda *args, **rest: pytest.fail("nothing need be written"))
    monkeypatch.setattr(gates, "LEAST_SURVEYED", 10)
    args = "--poems", corpus, "--checkpoint", tiny, "--out", tmp_path
    code, _, err = run(DENG_GAO, *args, capsys=capsys)
    assert code == 0 and "found in 8 poems, measured in 7 others" in err
    code, out, err = run("春夏秋冬", *args, capsys=capsys)
    assert (code, out) == (2, "") and "--poems: 0 poems" in err and "10 or more" in err


@pytest.mark.slow
@pytest.mark.usefixtures("any_font")
def test_a_poem_with_a_hole_is_told(tiny: Path, tmp_path: Path, few: None, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "poems.txt"
    path.write_text(f"静夜思\n\n{QUIET}\n\n春\n\n{QUIET.replace('月', '□')}\n", encoding="utf-8")
    code, _, err = run(path, "--checkpoint", tiny, "--out", tmp_path, "--units", 2, capsys=capsys)
    assert code == 0 and "left out 1 of 2 poems: 1 lost characters" in err
    assert "not in the vocabulary, read as unknown: 床 前 疑" in err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["nowhere.txt"], "POEM nowhere.txt: no poem, and no file of this name"),
        (["{corpus}"], "60 poems; give the text of one"),
        ([DENG_GAO * 5], "POEM: 320 characters; give at most 300"),
        ([DENG_GAO, "--layer", "3"], "--layer 3: the network has only 2 layers"),
    ],
)
def test_what_cannot_be_drawn(
    args: list[str], says: str, tiny: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [arg.format(corpus=corpus) for arg in args]
    code, out, err = run(*given, "--checkpoint", tiny, capsys=capsys)
    assert (code, out) == (2, "") and says in err


@pytest.mark.slow
@pytest.mark.usefixtures("no_font")
def test_without_a_font(tiny: Path, tmp_path: Path, few: None, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(QUIET, "--checkpoint", tiny, "--out", tmp_path, "--json", capsys=capsys)
    assert code == 0 and (tmp_path / "gates.png").exists(), err
    assert out and all(json.loads(line)["part"] for line in out.splitlines())
    assert "apt install fonts-noto-cjk" in err
    told = re.findall(r"^ +(\d+)-(\d+)  (.+)$", err, re.MULTILINE)
    assert told == [("1", "20", f"{QUIET[:10]} {QUIET[10:20]}"), ("21", "24", QUIET[20:])]


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gates, "write_alike", lambda *args, **rest: pytest.fail("work for nothing"))
    (tmp_path / "taken").write_text("")
    code, out, err = run(QUIET, "--checkpoint", tiny, "--out", tmp_path / "taken", capsys=capsys)
    assert (code, out) == (1, "") and "cannot be written" in err.splitlines()[-1]
