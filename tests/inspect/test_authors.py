"""Poets told apart: what is learned, what is counted, and what is said where poems are too few."""

import json
from pathlib import Path

import numpy as np
import pytest

from poetgen import cli
from poetgen.corpus import Poem
from poetgen.data.dataset import Dataset, split_of
from poetgen.errors import UsageError
from poetgen.inspect.authors import Confusions, tell_names
from poetgen.network.checkpoint import Checkpoint

#: Poets with habits of their own.
HABITS = {"李白": "春风花月", "杜甫": "秋江夜雨"}


def poems(count: int, seed: int) -> list[Poem]:
    draw = np.random.default_rng(seed)
    return [
        Poem("".join(draw.choice(list(chars), 10)) + "。", author=author, dynasty="唐" if author == "李白" else "宋")
        for author, chars in HABITS.items()
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def checkpoint(tiny: Path) -> Checkpoint:
    return Checkpoint.load(tiny)


@pytest.fixture(scope="module")
def dataset(checkpoint: Checkpoint) -> Dataset:
    train, valid = (split_of(poems(count, count), checkpoint.vocab) for count in (40, 10))
    return Dataset(checkpoint.vocab, train, valid, "made up")


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["author", "dynasty"])
def test_poets_with_habits_are_told(dataset: Dataset, checkpoint: Checkpoint, asked: str) -> None:
    told = tell_names(dataset, checkpoint, asked)
    assert sorted(told.names) == (["李白", "杜甫"] if asked == "author" else ["唐", "宋"]) and told.taught == 40
    assert told.counts.sum(1).tolist() == [10, 10], "as many of each, and all of them unseen"
    assert told.accuracy > 0.9


def test_the_accuracy_is_the_mean_over_names() -> None:
    told = Confusions("author", ("李白", "杜甫"), 40, np.array([[8, 2], [10, 10]]))
    assert told.recall.tolist() == [0.8, 0.5] and told.accuracy == pytest.approx(0.65)
    record = told.record()
    assert json.loads(json.dumps(record)) == record and record["chance"] == 0.5


def test_names_with_too_few_poems_are_refused(dataset: Dataset, checkpoint: Checkpoint) -> None:
    with pytest.raises(
        UsageError, match="--names 王维: 0 poems to learn from and 0 to be asked about; it takes 20 and 5"
    ):
        tell_names(dataset, checkpoint, names=["李白", "王维"])
    with pytest.raises(UsageError, match="1 poets with poems enough"):
        tell_names(dataset, checkpoint, names=["李白"])


def test_the_command_says_what_is_wrong(prepared: Path, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        cli.main(["inspect", "authors", "--data", str(prepared), "--checkpoint", str(tiny), "--num", "1"])
    assert exit.value.code == 2 and "--num 1: give" in capsys.readouterr().err
