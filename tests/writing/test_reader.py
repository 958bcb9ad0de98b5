"""A reader, taught by poems of people and by drafts, which chooses among drafts."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from poetgen.config import SampleConfig
from poetgen.data.dataset import Dataset
from poetgen.errors import CheckpointError, UsageError
from poetgen.network.checkpoint import READER, Checkpoint, export, read_tensors, write_tensors
from poetgen.network.classifier import PoemClassifier
from poetgen.writing import teaching
from poetgen.writing.rank import Ranker
from poetgen.writing.reader import FIGURES, DraftReader
from poetgen.writing.request import Request
from poetgen.writing.sample import Job
from poetgen.writing.sampler import Sampler
from poetgen.writing.teaching import regression, teach, weights_of
from poetgen.writing.writer import Writer


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "poet"))


def untaught(checkpoint: Checkpoint, **weights: float) -> DraftReader:
    """A reader that goes by the weights given, and whose classifier has learned nothing."""
    torch.manual_seed(3)
    classifier = PoemClassifier(torch.zeros(len(checkpoint.vocab)), checkpoint.model.output.weight).eval()
    return DraftReader(checkpoint.vocab, classifier, np.array([weights.get(name, 0.0) for name in FIGURES]))


def test_the_weights_decide_which_draft_is_kept(folder: Path) -> None:
    checkpoint = Checkpoint.load(folder)
    job = Job(Request("春夜", "五绝"), SampleConfig(seed=4, candidates=6, temperature=1.5))
    found = {}
    for name in FIGURES:
        for sign in (1.0, -1.0):
            sampler = Sampler(checkpoint.model, checkpoint.vocab, reader=untaught(checkpoint, **{name: sign}))
            (poem,) = sampler.samples([job])
            assert poem.scores["score"] == pytest.approx(sign * poem.scores[name])
            found[name, sign] = poem
    for name in ("likelihood", "line", "foot", "reader"):
        assert found[name, 1.0].scores[name] > found[name, -1.0].scores[name], "the best and the worst of six"


def test_a_reader_is_kept_beside_its_weights_and_chooses_alike(folder: Path) -> None:
    checkpoint = Checkpoint.load(folder)
    reader = untaught(checkpoint, reader=1.0, likelihood=-0.5)
    assert DraftReader.load(checkpoint) is None
    reader.save(checkpoint)
    again = DraftReader.load(Checkpoint.load(folder))
    assert again is not None and again.weights.tolist() == reader.weights.tolist()
    poems = ["春夏秋冬风，花雪月山水。", "人心情意思，归来去行坐。"]
    assert again.opinions(poems) == pytest.approx(reader.opinions(poems), abs=1e-3), "but for half precision"
    assert (folder / READER).stat().st_size < 1 << 20
    job, _ = Writer(checkpoint).job("春夜", form="五绝", seed=1, candidates=4)
    (poem,) = Writer(checkpoint).samples([job])
    assert set(poem.scores) == {*FIGURES, "score"}


def test_an_opinion_does_not_depend_on_what_else_is_read(folder: Path) -> None:
    reader = untaught(Checkpoint.load(folder))
    poems = ["春夏秋冬风，花雪月山水。", "人心情意思，归来去行坐。看听松竹梅，兰春夏秋冬。"]
    alone = [reader.opinions([poem])[0] for poem in poems]
    assert alone == pytest.approx(reader.opinions(poems), abs=1e-6) and alone[0] != alone[1]


def test_a_reader_goes_with_its_weights_alone(folder: Path, tmp_path: Path) -> None:
    checkpoint = Checkpoint.load(folder)
    untaught(checkpoint, reader=1.0).save(checkpoint)
    export(folder, tmp_path / "half")
    assert DraftReader.load(Checkpoint.load(tmp_path / "half")) is not None
    shutil.copy(tmp_path / "half" / READER, folder / READER)
    with pytest.raises(CheckpointError, match="of another checkpoint or version"):
        DraftReader.load(checkpoint)
    tensors, metadata = read_tensors(folder / READER)
    del tensors["weights"]
    write_tensors(folder / READER, tensors, metadata | {"checkpoint": checkpoint.id})
    with pytest.raises(CheckpointError, match="does not fit the model"):
        DraftReader.load(checkpoint)


def test_no_weight_speaks_for_the_worse_draft() -> None:
    rng = np.random.default_rng(3)
    people, network = rng.normal(size=(2, 4000, len(FIGURES)))
    likelihood, repeats, foot = map(FIGURES.index, ("likelihood", "repeats", "foot"))
    people[:, likelihood] -= 1.0  # people write what is less likely, and repeat more
    people[:, repeats] += 1.0
    people[:, foot] += 0.5
    weights = weights_of(people, network)
    assert weights[likelihood] == weights[repeats] == 0
    assert weights[foot] == pytest.approx(0.5, abs=0.1), "what is left is fitted without them"
    assert regression(people, network)[likelihood] < -0.5


def test_regression_finds_the_weights_that_made_the_labels() -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(20_000, len(FIGURES)))
    true = np.array([2.0, -1.0, 0.5, 0.0, 0.0, 1.0, -2.0])
    people = draw.random(len(rows)) < 1 / (1 + np.exp(-rows @ true))
    assert regression(rows[people], rows[~people]) == pytest.approx(true, abs=0.12)


@pytest.mark.slow
def test_a_reader_is_taught_and_helps(folder: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of seconds writes what a classifier tells at once; its drafts are then chosen by it."""
    checkpoint, dataset = Checkpoint.load(folder), Dataset.load(prepared)
    monkeypatch.setattr(teaching, "LEAST", 20)
    told: list[str] = []
    taught = teach(checkpoint, dataset, poems=40, progress=lambda stage, *_: told.append(stage))
    assert taught.poems >= 20 and 0 <= taught.auc <= 1
    assert {"writing drafts", "teaching the reader"} <= set(told)
    again = teach(checkpoint, dataset, poems=40)
    assert again.reader.weights.tolist() == taught.reader.weights.tolist(), "the same seed teaches the same"
    ranker = Ranker(checkpoint.vocab, checkpoint.model.output.weight.detach().numpy(), taught.reader)
    sampler = Sampler(checkpoint.model, checkpoint.vocab)
    sampler.ranker = ranker
    (poem,) = sampler.samples([Job(Request("春夜", "五绝"), SampleConfig(seed=1, candidates=3))])
    assert poem.scores["score"] == pytest.approx(
        sum(weight * poem.scores[name] for name, weight in zip(FIGURES, taught.reader.weights, strict=True))
    )
    monkeypatch.setattr(teaching, "LEAST", 10_000)
    with pytest.raises(UsageError, match="to learn from; it takes 10000"):
        teach(checkpoint, dataset, poems=5)
