"""How far back a network remembers: networks whose memory is known, poems and their strangers, pictures, commands."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from poetgen import cli
from poetgen.config import ModelConfig
from poetgen.corpus import Poem
from poetgen.corpus.poems import read_poems
from poetgen.data.dataset import Split, split_of
from poetgen.data.sequence import CONTROL, Header, Layout
from poetgen.data.vocab import UNK, Vocab, unknown_nats
from poetgen.errors import DatasetError, UsageError
from poetgen.inspect.memory import CHANCE, Outcome, Point, Trials, by_kind, curve, target_costs, train_adders, trials
from poetgen.judging.bootstrap import Estimate
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.model import PoetModel
from poetgen.plots import memory as pictures

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
    nats = target_costs(Remembers(back), VOCAB, found)  # type: ignore[arg-type]
    assert nats.shape == (8, 6, 14) and found.reaches == (0, 1, 2, 4, 8, 16, 32, 64)
    for reach, own in zip(found.reaches, nats, strict=True):
        if reach < back:
            assert own.min() > 19
        else:
            assert own.max() < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_costs_are_of_the_mean_over_strangers_of_sequences_read_whole(cell: str) -> None:
    torch.manual_seed(1)
    model = PoetModel(ModelConfig(len(VOCAB), cell, hidden=12, embed=10, dropout=0)).eval()
    # More poems than are measured at once, in the last of them a character that the vocabulary lacks, and a ring of
    # two, which has but one stranger for each.
    rng = np.random.default_rng(1)
    lines = ["".join(rng.choice(CHARACTERS, 7)) for _ in range(4 * 30)]
    lines[-1] = "龘" * 7
    poems = [Poem("，".join(lines[at : at + 4]) + ("？" if at < 8 else "，"), form="七绝") for at in range(0, 120, 4)]
    found = trials(split(*poems), "七绝", 29, strangers=1)
    assert len(found.strangers) == 29 and sorted(map(len, found.strangers))[:3] in ([1, 1, 16], [1, 16, 16])
    assert [found.strangers_at(reach, 16) for reach in found.reaches[:-1]] == [16, 16, 8, 4, 2, 1]
    assert {found.strangers_at(reach, 30) for reach in found.reaches[:-1]} == {16}
    assert found.targets == [*range(16, 23), *range(24, 31)]
    nats = target_costs(model, VOCAB, found)
    assert nats.shape == (len(found.reaches), 29, 14)
    header = Layout(VOCAB).encode(Header(form="七绝"))
    unknown = int((found.bodies[:29] == UNK).any(axis=1).argmax())
    alone = next(row for row, strange in enumerate(found.strangers) if len(strange) == 1)
    for row in {0, 28, unknown, alone}:
        own = found.bodies[row].tolist()
        for number, reach in enumerate(found.reaches):
            for column, place in enumerate(found.targets):
                cut = max(0, place - reach)
                strangers = found.strangers[row][: found.strangers_at(reach, place)]
                rows = [header + found.bodies[other].tolist()[:cut] + own[cut:place] for other in strangers]
                with torch.no_grad():
                    shares = model(torch.tensor(rows))[0][:, -1].softmax(-1)[:, own[place]]
                cost = -float(shares.mean().log()) + unknown_nats(VOCAB) * (own[place] == UNK)
                assert nats[number, row, column] == pytest.approx(cost, abs=1e-4)


def test_strangers_have_the_same_marks_and_are_others() -> None:
    usual, asking = "，。" * 4, "，？" + "，。" * 3
    poems = [verse(number, usual) for number in range(9)] + [verse(number, asking) for number in (20, 21)]
    odd = verse(30, "？" * 8)  # marks like no other's
    paused = Poem(verse(31, usual).body.replace(CHARACTERS[7 * 31 + 3], "，"), form="七律")
    short = Poem("".join(CHARACTERS[:5]) + "，", form="五绝")
    found = trials(split(*poems, odd, paused, poems[3], short), "七律", 100, seed=3, strangers=2)
    assert len(found.bodies) == len(found.strangers) == 11 and found.left_out == 3
    assert sorted(map(len, found.strangers)) == [1] * 2 + [8] * 9, "as many as there are"
    marks = [place for place in range(64) if place % 8 == 7]
    for row, strangers in enumerate(found.strangers):
        assert row not in strangers and len(set(strangers)) == len(strangers)
        assert (found.bodies[list(strangers)][:, marks] == found.bodies[row, marks]).all()
    times = Counter(number for strangers in found.strangers for number in strangers)
    assert sorted(times.values()) == [1] * 2 + [8] * 9, "each is a stranger as often"
    many = [verse(number, usual) for number in range(40)]
    few, again, other = (trials(split(*many), "七律", 4, seed=seed, strangers=1) for seed in (3, 3, 4))
    assert list(map(len, few.strangers)) == [16] * 4 and len(few.bodies) == 20, "what is needed and no more"
    assert (few.bodies == again.bodies).all() and few.strangers == again.strangers
    assert few.bodies.shape != other.bodies.shape or (few.bodies != other.bodies).any()


def test_too_few_poems() -> None:
    with pytest.raises(DatasetError, match="no two of the 1 poems of the form 七律 in some.txt .* --form"):
        trials(split(verse(1)), "七律", 10, source="some.txt")
    with pytest.raises(DatasetError, match="no poem of the form 五绝 in some.txt: .* --form"):
        trials(split(verse(1)), "五绝", 10, source="some.txt")


@pytest.mark.parametrize(
    ("form", "size", "reaches"),
    [
        ("五绝", 24, (0, 1, 2, 4, 8, 24)),
        ("七绝", 32, (0, 1, 2, 4, 8, 16, 32)),
        ("五律", 48, (0, 1, 2, 4, 8, 16, 32, 48)),
    ],
)
def test_every_target_has_every_reach_before_it(form: str, size: int, reaches: tuple[int, ...]) -> None:
    found = Trials(form, np.zeros((2, size), np.int64), ((1,), (0,)), 1, 0)
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


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_every_cell_can_hold_two_digits_for_a_while(cell: str) -> None:
    (outcome,) = train_adders([cell], [5], hidden=24, steps=800, rate=0.01)
    assert outcome.forget_bias == (1 if cell == "lstm" else None)
    assert outcome.accuracy == 1 and 10 < outcome.steps < 800


@pytest.mark.slow
def test_a_gate_that_begins_shut_holds_nothing() -> None:
    shut, open = train_adders(["lstm"], [15], 24, 300, 0.01, (-6, 4))
    assert (shut.forget_bias, open.forget_bias) == (-6, 4)
    assert shut.accuracy < 0.5 < 0.9 < open.accuracy


def test_what_is_not_trained_guesses() -> None:
    state = torch.random.get_rng_state()
    found = list(train_adders(["rnn", "lstm"], [4, 6], hidden=8, steps=2, seeds=(1, 2)))
    assert torch.equal(state, torch.random.get_rng_state())
    assert [(o.seed, o.length, o.cell) for o in found[:3]] == [(1, 4, "rnn"), (1, 4, "lstm"), (1, 6, "rnn")]
    assert len(found) == 8 and all(outcome.accuracy < 0.3 and outcome.steps == 2 for outcome in found)
    again = [outcome.accuracy for outcome in train_adders(["rnn", "lstm"], [4, 6], hidden=8, steps=2, seeds=(1, 2))]
    assert again == [outcome.accuracy for outcome in found]
    with pytest.raises(UsageError, match="--cell"):
        list(train_adders(["elman"], [4]))


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
    last = [Point(k, 9 - 2 * gain, Estimate(2 * gain, 2 * gain - 1, 2 * gain + 1, 9)) for k, gain in gains.items()]
    paths = pictures.draw_memory({"all": points, "last": last}, "caption", tmp_path / "memory")
    assert [path.name for path in paths] == ["memory.png", "memory.svg"] and all(path.exists() for path in paths)
    left, right = figures[0].axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["all", "last"]
    assert left.lines[0].get_xydata().tolist() == [[1, 2], [2, 2.5], [4, 2.75], [8, 3]]
    assert right.lines[0].get_xydata().tolist() == [[1, 4], [2, 5], [4, 5.5], [8, 6]]
    assert [label.get_text() for label in left.get_xticklabels()] == ["1", "2", "4", "all"]
    edges = left.collections[0].get_paths()[0].vertices[:, 1]
    assert {1.75, 2.25, 3.25} <= set(edges.tolist())
    assert [text.get_text() for text in left.texts] == ["20", "12", "9.5", "7.4"]


def outcome(cell: str, length: int, seed: int, accuracy: float, bias: float | None = None) -> Outcome:
    return Outcome(cell, bias, length, seed, accuracy, 10, 0.1)


def test_kinds_of_networks_are_named_by_bias_where_there_are_several() -> None:
    one = [outcome("rnn", 10, 1, 0.5), outcome("lstm", 10, 1, 0.5, 4)]
    assert list(by_kind(one)) == ["rnn", "lstm"]
    more = [*one, outcome("lstm", 10, 1, 0.5, 1.5), outcome("lstm", 20, 1, 0.5, 4)]
    kinds = by_kind(more)
    assert list(kinds) == ["rnn", "lstm, forget bias 4", "lstm, forget bias 1.5"]
    assert kinds["lstm, forget bias 4"] == [more[1], more[3]]


def test_the_picture_of_digits(tmp_path: Path, figures: list[Any]) -> None:
    kinds = {
        name: [
            outcome("", length, seed, accuracy)
            for length in (10, 20)
            for seed, accuracy in ((1, share), (2, share + 0.2))
        ]
        for name, share in (("rnn", 0.2), ("lstm", 0.8))
    }
    kinds["stopped"] = [outcome("", 10, 1, 0.5)]
    pictures.draw_digits(kinds, CHANCE, "caption", tmp_path / "digits")
    (axes,) = figures[0].axes
    rnn, lstm, stopped, chance = axes.lines
    assert [line.get_label() for line in axes.lines] == ["rnn", "lstm", "stopped", "always saying 9"]
    assert rnn.get_ydata().tolist() == pytest.approx([0.3, 0.3]) and lstm.get_ydata()[0] == pytest.approx(0.9)
    assert stopped.get_ydata().tolist() == [0.5]
    assert set(chance.get_ydata()) == {CHANCE}
    assert [dots.get_offsets()[:, 1].tolist() for dots in axes.collections] == [
        [outcome.accuracy for outcome in own] for own in kinds.values()
    ]
    assert all(dots.get_zorder() > line.get_zorder() for dots in axes.collections for line in axes.lines[:3])


# Commands --------------------------------------------------------------------------------------------------------


def run(args: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        cli.main(args)
    out, err = capsys.readouterr()
    assert isinstance(exit.value.code, int)
    return exit.value.code, out, err


@pytest.mark.slow
def test_memory_of_a_checkpoint(
    tiny: Path, prepared: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["inspect", "memory", "--checkpoint", str(tiny), "--out", str(tmp_path), "--device", "cpu"]
    code, out, err = run([*common, "--poems", str(corpus), "--num", "5"], capsys)
    assert code == 0, err
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["own", "0", "1", "2", "4", "8", "16", "32", "all"]
    assert lines[0].split("  ")[0] == "own characters" and "share of total gain" in lines[0]
    assert (tmp_path / "memory.png").exists() and "5 poems" in err
    code, out, err = run([*common, "--poems", str(corpus), "--form", "五绝", "--json"], capsys)
    record = json.loads(out)
    assert (record["form"], record["poems"], [point["own"] for point in record["rhyme"]]) == (
        *("五绝", 15),
        [0, 1, 2, 4, 8, "all"],
    )
    assert record["strangers"] == 8
    loaded = Checkpoint.load(tiny)
    poems, _ = read_poems(corpus, "simplified")
    nats = target_costs(loaded.model, loaded.vocab, trials(split_of(poems, loaded.vocab), "五绝", 100, 1, 8))
    assert record["rhyme"][-1]["nats"] == pytest.approx(nats[-1, :, -1].mean(), rel=1e-4)
    assert record["couplet"][-1]["nats"] == pytest.approx(nats[-1].mean(), rel=1e-4)
    point = record["couplet"][-1]
    assert point["low"] <= point["gain"] <= point["high"] and point["perplexity"] == pytest.approx(
        np.exp(point["nats"])
    )
    code, out, _ = run([*common, "--poems", str(corpus), "--form", "五绝", "--json", "--strangers", "1"], capsys)
    alone = json.loads(out)
    assert alone["couplet"][-1]["nats"] == pytest.approx(record["couplet"][-1]["nats"])
    one, eight = ([point["nats"] for point in found["couplet"][:-1]] for found in (alone, record))
    assert one[2:] != eight[2:], "each stranger counts"
    # The validation split is too small for any one form.
    code, out, err = run([*common, "--data", str(prepared), "--json"], capsys)
    assert (code, out) == (1, "") and "of the form 七律" in err and len(err.splitlines()) == 1
    (tmp_path / "one.txt").write_text("春风花月山，秋雨江水海。\n", encoding="utf-8")
    code, out, err = run([*common, "--poems", str(tmp_path / "one.txt")], capsys)
    assert (code, out) == (1, "") and f"no poem of the form 七律 in {tmp_path / 'one.txt'}" in err


def test_what_memory_leaves_out_is_told(
    tiny: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "poems.jsonl"
    lines = corpus.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[0]]) + "\n", encoding="utf-8")
    args = ["inspect", "memory", "--checkpoint", str(tiny), "--device", "cpu", "--num", "2", "--form", "五绝"]
    code, _, err = run([*args, "--poems", str(path), "--out", str(tmp_path), "--strangers", "1"], capsys)
    assert code == 0 and "left out 1 poem: duplicates, or with punctuation inside a line" in err


@pytest.mark.parametrize(
    ("args", "work"),
    [(["memory", "--poems", "{corpus}"], "poetgen.poet.load"), (["digits"], "poetgen.inspect.memory.train_adders")],
)
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    args: list[str],
    work: str,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "taken").write_text("")
    monkeypatch.setattr(work, lambda *args, **more: pytest.fail("work for nothing"))
    given = [arg.format(corpus=corpus) for arg in args]
    code, out, err = run(["inspect", *given, "--out", str(tmp_path / "taken")], capsys)
    assert (code, out) == (1, "") and "taken" in err and "cannot be written" in err and len(err.splitlines()) == 1


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
    assert {record["forget_bias"] for record in records} == {None}


@pytest.mark.slow
def test_digits_compares_forget_biases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["inspect", "digits", "--out", str(tmp_path), "--steps", "2", "--hidden", "4", "--lengths", "3"]
    code, out, _ = run([*args, "--cells", "rnn,lstm", "--repeats", "1"], capsys)
    heads = re.split("  +", out.splitlines()[0])
    assert code == 0 and heads == ["length", "rnn", "lstm, forget bias 1", "lstm, forget bias 4"], "by default"
    code, out, _ = run([*args, "--cells", "lstm", "--repeats", "1", "--forget-bias", "3"], capsys)
    assert re.split("  +", out.splitlines()[0]) == ["length", "lstm"]
    code, out, _ = run([*args, "--cells", "lstm", "--repeats", "1", "--forget-bias", "-2,0.5", "--json"], capsys)
    assert [json.loads(line)["forget_bias"] for line in out.splitlines()] == [-2, 0.5]


def test_digits_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*args: Any) -> Any:
        yield outcome("gru", 10, 1, 0.5)
        raise KeyboardInterrupt

    monkeypatch.setattr("poetgen.inspect.memory.train_adders", interrupted)
    code, out, err = run(["inspect", "digits", "--out", str(tmp_path)], capsys)
    assert code == 130 and out.split() == ["length", "gru", "10", "50%"] and "stopped after 1 of 72" in err
    assert (tmp_path / "digits.png").exists()


@pytest.mark.parametrize(("seed", "good"), [(2**32, True), (2**63 - 1, True), (2**63, False), (10**30, False)])
def test_seeds_have_the_range_of_all_commands(
    seed: int, good: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["--out", str(tmp_path), "--steps", "1", "--hidden", "2", "--cells", "gru", "--lengths", "3"]
    code, _, err = run(["inspect", "digits", *args, "--repeats", "1", "--seed", str(seed)], capsys)
    assert code == (0 if good else 2), err
    assert good or ("--seed" in err and "below 2**63" in err)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--lengths", "1"], "--lengths 1"),
        (["--lengths", "ten"], "--lengths ten"),
        (["--lengths", "1000000000000"], "--lengths 1000000000000"),
        (["--cells", "elman"], "--cells"),
        (["--cells", ","], "--cells"),
        (["--lr", "inf"], "--lr inf"),
        (["--forget-bias", "1,nan"], "--forget-bias nan"),
        (["--forget-bias", ","], "--forget-bias"),
        (["--forget-bias", "open"], "--forget-bias open"),
        (["--hidden", "0"], "--hidden 0"),
    ],
)
def test_digits_names_what_is_wrong(args: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(["inspect", "digits", *args], capsys)
    assert code == 2 and named in err and len(err.splitlines()) == 1 and not out
