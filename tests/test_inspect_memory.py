"""How far back a network remembers: networks whose memory is known, poems and their strangers, pictures, commands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from poetgen import cli
from poetgen.check import read_poems
from poetgen.checkpoint import Checkpoint
from poetgen.config import ModelConfig
from poetgen.corpus import Poem
from poetgen.dataset import Split
from poetgen.errors import DatasetError, UsageError
from poetgen.evaluate import split_of
from poetgen.figures import Estimate, unknown_nats
from poetgen.inspect.memory import CHANCE, Outcome, Point, Trials, costs, curve, digits, trials
from poetgen.model import PoetModel
from poetgen.plots import memory as pictures
from poetgen.sequence import CONTROL, Header, Layout
from poetgen.vocab import UNK, Vocab

CHARACTERS = [chr(0x4E00 + number) for number in range(300)]
VOCAB = Vocab.build(dict.fromkeys([*CHARACTERS, "，", "。", "？"], 1), CONTROL)


def verse(number: int, marks: str = "。" * 8) -> Poem:
    """Eight lines, each the same; no two numbers have a character in common."""
    line = "".join(CHARACTERS[7 * number : 7 * number + 7])
    return Poem("".join(line + mark for mark in marks), form="七律")


def split(*poems: Poem) -> Split:
    return split_of(poems, VOCAB)


class Remembers:
    """A network that expects what stood `back` places before, and has forgotten all that came earlier."""

    def __init__(self, back: int) -> None:
        self.back = back

    def parameters(self) -> Any:
        return iter([torch.zeros(1)])

    def features(self, ids: Tensor, state: Any = None) -> Any:
        past = state[0][0] if state else ids.new_zeros(len(ids), self.back)
        seen = torch.cat([past, ids], dim=1).unfold(1, self.back, 1)[:, 1:]
        return seen, (seen[None, :, -1],)

    def logits(self, features: Tensor) -> Tensor:
        return F.one_hot(features[..., 0], len(VOCAB)) * 20.0


# In verse --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [8, 16])
def test_the_curve_steps_where_the_memory_begins(back: int) -> None:
    found = trials(split(*map(verse, range(6))), "七律", 6)
    nats = costs(Remembers(back), VOCAB, found)  # type: ignore[arg-type]
    assert nats.shape == (8, 6, 14) and found.reaches == (0, 1, 2, 4, 8, 16, 32, 64)
    for reach, own in zip(found.reaches, nats, strict=True):
        if reach < back:
            assert own.min() > 19
        else:
            assert own.max() < 0.01


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_costs_are_those_of_the_sequence_read_whole(cell: str) -> None:
    torch.manual_seed(1)
    model = PoetModel(ModelConfig(len(VOCAB), cell, hidden=12, embed=10, dropout=0)).eval()
    # More poems than are measured at once, and in the last of them a character that the vocabulary lacks.
    rng = np.random.default_rng(1)
    lines = ["".join(rng.choice(CHARACTERS, 7)) for _ in range(4 * 53)]
    lines[-1] = "龘" * 7
    poems = [Poem("，".join(lines[at : at + 4]) + "，", form="七绝") for at in range(0, len(lines), 4)]
    found = trials(split(*poems), "七绝", 100)
    assert len(found.bodies) == 53 and found.targets == [*range(16, 23), *range(24, 31)]
    nats = costs(model, VOCAB, found)
    header = Layout(VOCAB).encode(Header(form="七绝"))
    unknown = int((found.bodies == UNK).any(axis=1).argmax())
    for row in {0, 20, 52, unknown}:
        own, strange = found.bodies[row].tolist(), found.strangers[row].tolist()
        for number, reach in enumerate(found.reaches):
            for column, place in enumerate(found.targets):
                cut = max(0, place - reach)
                ids = torch.tensor([header + strange[:cut] + own[cut:place]])
                with torch.no_grad():
                    logits = model(ids)[0][0, -1]
                cost = float(F.cross_entropy(logits[None], torch.tensor([own[place]])))
                cost += unknown_nats(VOCAB) * (own[place] == UNK)
                assert nats[number, row, column] == pytest.approx(cost, abs=1e-4)


def test_a_stranger_has_the_same_marks_and_is_another() -> None:
    usual, asking = "，。" * 4, "，？" + "，。" * 3
    poems = [verse(number, usual) for number in range(9)] + [verse(number, asking) for number in (20, 21)]
    odd = verse(30, "？" * 8)  # marks like no other's
    paused = Poem(verse(31, usual).body.replace(CHARACTERS[7 * 31 + 3], "，"), form="七律")
    short = Poem("".join(CHARACTERS[:5]) + "，", form="五绝")
    found = trials(split(*poems, odd, paused, poems[3], short), "七律", 100, seed=3)
    assert len(found.bodies) == 11 and found.left_out == 3
    marks = [place for place in range(64) if place % 8 == 7]
    assert (found.bodies[:, marks] == found.strangers[:, marks]).all()
    assert all((own != other).any() for own, other in zip(found.bodies, found.strangers, strict=True))
    assert sorted(map(tuple, found.bodies)) == sorted(map(tuple, found.strangers))
    few = trials(split(*poems), "七律", 4, seed=3)
    again = trials(split(*poems), "七律", 4, seed=3)
    other = trials(split(*poems), "七律", 4, seed=4)
    assert len(few.bodies) == 4 and (few.bodies == again.bodies).all() and (few.strangers == again.strangers).all()
    assert (few.bodies != other.bodies).any()


def test_too_few_poems() -> None:
    with pytest.raises(DatasetError, match="of 1 poems of the form 七律 .* --form"):
        trials(split(verse(1)), "七律", 10)


@pytest.mark.parametrize(
    ("form", "size", "reaches"),
    [
        ("五绝", 24, (0, 1, 2, 4, 8, 24)),
        ("七绝", 32, (0, 1, 2, 4, 8, 16, 32)),
        ("五律", 48, (0, 1, 2, 4, 8, 16, 32, 48)),
    ],
)
def test_every_target_has_every_reach_before_it(form: str, size: int, reaches: tuple[int, ...]) -> None:
    found = Trials(form, np.zeros((2, size), np.int64), np.zeros((2, size), np.int64), 0)
    assert found.reaches == reaches and found.targets[0] >= reaches[-2]
    assert len(found.targets) == 2 * (5 if form[0] == "五" else 7)


def test_gains_are_counted_from_reach_nought() -> None:
    nats = np.stack([np.full((40, 3), 5.0), np.full((40, 3), 3.0), np.full((40, 3), 2.0)])
    nats[2, :20] = 1.0  # half of the poems gain more
    points = curve(nats, (0, 1, 24))
    assert [(point.reach, point.nats, point.gain.value) for point in points] == [(0, 5, 0), (1, 3, 2), (24, 1.5, 3.5)]
    assert points[1].gain.low == points[1].gain.high == 2 and points[1].perplexity == pytest.approx(np.exp(3))
    assert 3.2 < points[2].gain.low < 3.5 < points[2].gain.high < 3.8


# Bare cells ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_every_cell_can_hold_two_digits_for_a_while(cell: str) -> None:
    (outcome,) = digits([cell], [5], hidden=24, steps=800, rate=0.01)
    assert outcome.accuracy == 1 and 10 < outcome.steps < 800


def test_a_gate_that_begins_shut_holds_nothing() -> None:
    shut, open = (next(digits(["lstm"], [15], 24, 300, 0.01, forget_bias)) for forget_bias in (-6, 4))
    assert shut.accuracy < 0.5 < 0.9 < open.accuracy


def test_what_is_not_trained_guesses() -> None:
    state = torch.random.get_rng_state()
    found = list(digits(["rnn", "lstm"], [4, 6], hidden=8, steps=2, seeds=(1, 2)))
    assert torch.equal(state, torch.random.get_rng_state())
    assert [(o.seed, o.length, o.cell) for o in found[:3]] == [(1, 4, "rnn"), (1, 4, "lstm"), (1, 6, "rnn")]
    assert len(found) == 8 and all(outcome.accuracy < 0.3 and outcome.steps == 2 for outcome in found)
    again = [outcome.accuracy for outcome in digits(["rnn", "lstm"], [4, 6], hidden=8, steps=2, seeds=(1, 2))]
    assert again == [outcome.accuracy for outcome in found]
    with pytest.raises(UsageError, match="--cell"):
        list(digits(["elman"], [4]))


def test_chance_is_the_share_of_the_commonest_sum() -> None:
    sums = [a + b for a in range(10) for b in range(10)]
    assert max(map(sums.count, sums)) / len(sums) == CHANCE


# Pictures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that are drawn, before they are saved."""
    drawn: list[Any] = []
    save: Callable[..., list[Path]] = pictures.save
    monkeypatch.setattr(pictures, "save", lambda figure, stem: drawn.append(figure) or save(figure, stem))
    return drawn


def test_the_picture_of_gains(tmp_path: Path, figures: list[Any]) -> None:
    gains = {0: 0.0, 1: 2.0, 2: 2.5, 4: 2.75, 24: 3.0}
    points = [Point(k, 5 - gain, Estimate(gain, gain - 0.25, gain + 0.25, 9)) for k, gain in gains.items()]
    paths = pictures.draw({"one": points, "two": points}, "caption", tmp_path / "memory")
    assert [path.name for path in paths] == ["memory.png", "memory.svg"] and all(path.exists() for path in paths)
    (axes,) = figures[0].axes
    assert [line.get_label() for line in axes.lines] == ["one", "two"]
    assert axes.lines[0].get_xydata().tolist() == [[1, 2], [2, 2.5], [4, 2.75], [8, 3]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "4", "all"]
    edges = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert {1.75, 2.25, 3.25} <= set(edges.tolist())
    assert [text.get_text() for text in axes.texts[:4]] == ["20", "12", "9.5", "7.4"]


def test_the_picture_of_digits(tmp_path: Path, figures: list[Any]) -> None:
    outcomes = [
        Outcome(cell, length, seed, accuracy, 10, 0.1)
        for cell, share in (("rnn", 0.2), ("lstm", 0.8))
        for length in (10, 20)
        for seed, accuracy in ((1, share), (2, share + 0.2))
    ]
    pictures.draw_digits(outcomes, CHANCE, "caption", tmp_path / "digits")
    (axes,) = figures[0].axes
    rnn, lstm, chance = axes.lines
    assert [line.get_label() for line in axes.lines] == ["rnn", "lstm", "always saying 9"]
    assert rnn.get_ydata().tolist() == pytest.approx([0.3, 0.3]) and lstm.get_ydata()[0] == pytest.approx(0.9)
    assert set(chance.get_ydata()) == {CHANCE}
    assert [len(dots.get_offsets()) for dots in axes.collections] == [4, 4]


# Commands --------------------------------------------------------------------------------------------------------


def run(args: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        cli.main(args)
    out, err = capsys.readouterr()
    assert isinstance(exit.value.code, int)
    return exit.value.code, out, err


def test_memory_of_a_checkpoint(
    tiny: Path, prepared: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["inspect", "memory", "--checkpoint", str(tiny), "--out", str(tmp_path), "--device", "cpu"]
    code, out, err = run([*common, "--poems", str(corpus), "--num", "5"], capsys)
    assert code == 0, err
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["own", "0", "1", "2", "4", "8", "16", "32", "all"]
    assert (tmp_path / "memory.png").exists() and "5 poems" in err
    code, out, err = run([*common, "--poems", str(corpus), "--form", "五绝", "--json"], capsys)
    record = json.loads(out)
    assert (record["form"], record["poems"], [point["own"] for point in record["rhyme"]]) == (
        *("五绝", 15),
        [0, 1, 2, 4, 8, 24],
    )
    loaded = Checkpoint.load(tiny)
    poems, _ = read_poems(corpus, "simplified")
    nats = costs(loaded.model, loaded.vocab, trials(split_of(poems, loaded.vocab), "五绝", 300, 1))
    assert record["rhyme"][-1]["nats"] == pytest.approx(nats[-1, :, -1].mean(), rel=1e-4)
    assert record["couplet"][-1]["nats"] == pytest.approx(nats[-1].mean(), rel=1e-4)
    point = record["couplet"][-1]
    assert point["low"] <= point["gain"] <= point["high"] and point["perplexity"] == pytest.approx(
        np.exp(point["nats"])
    )
    # The validation split is too small for any one form.
    code, out, err = run([*common, "--data", str(prepared), "--json"], capsys)
    assert (code, out) == (1, "") and "of the form 七律" in err and len(err.splitlines()) == 1


def test_memory_says_where_poems_may_come_from(
    tiny: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(["inspect", "memory", "--checkpoint", str(tiny)], capsys)
    assert code == 2 and "--poems FILE" in err and "--data PREPARED" in err
    both = ["--poems", str(corpus), "--data", str(tmp_path)]
    assert run(["inspect", "memory", *both], capsys)[0] == 2
    code, _, err = run(["inspect", "memory", "--poems", str(corpus), "--form", "词"], capsys)
    assert code == 2 and "--form 词" in err


def test_digits_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["inspect", "digits", "--out", str(tmp_path), "--steps", "3", "--hidden", "4", "--cells", "gru,rnn"]
    code, out, err = run([*args, "--lengths", "4,3"], capsys)
    assert code == 0, err
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["length", "gru", "rnn"] and [row[0] for row in rows[1:]] == ["3", "4"]
    assert (tmp_path / "digits.svg").exists() and "10%" in err
    code, out, err = run([*args, "--lengths", "3", "--repeats", "2", "--json"], capsys)
    records = [json.loads(line) for line in out.splitlines()]
    assert [(record["cell"], record["seed"]) for record in records] == [("gru", 1), ("rnn", 1), ("gru", 2), ("rnn", 2)]


def test_digits_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*args: Any) -> Any:
        yield Outcome("gru", 10, 1, 0.5, 3, 0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr("poetgen.inspect.memory.digits", interrupted)
    code, out, err = run(["inspect", "digits", "--out", str(tmp_path)], capsys)
    assert code == 130 and out.split() == ["length", "gru", "10", "50%"] and "stopped after 1 of 54" in err
    assert (tmp_path / "digits.png").exists()


@pytest.mark.parametrize("seed", [2**32, 2**64, 10**30])
def test_any_seed_will_do(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--out", str(tmp_path), "--steps", "1", "--hidden", "2", "--cells", "gru", "--lengths", "3"]
    code, _, err = run(["inspect", "digits", *args, "--repeats", "1", "--seed", str(seed)], capsys)
    assert code == 0, err


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--lengths", "1"], "--lengths 1"),
        (["--lengths", "ten"], "--lengths ten"),
        (["--lengths", "1000000000000"], "--lengths 1000000000000"),
        (["--cells", "elman"], "--cells"),
        (["--cells", ","], "--cells"),
        (["--lr", "inf"], "--lr inf"),
        (["--forget-bias", "nan"], "--forget-bias nan"),
        (["--hidden", "0"], "--hidden 0"),
    ],
)
def test_digits_names_what_is_wrong(args: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(["inspect", "digits", *args], capsys)
    assert code == 2 and named in err and len(err.splitlines()) == 1 and not out
