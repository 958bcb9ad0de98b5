"""Skip-gram vectors: what they learn from, and that they learn it."""

import numpy as np
import pytest
import torch

from poetgen.data.dataset import POEM, Dataset, Split
from poetgen.data.sequence import CONTROL, Layout
from poetgen.data.vocab import Vocab
from poetgen.network import skipgram
from poetgen.network.skipgram import _batches, _loss, _rows, vectors

from helpers import make_poem


def split_of(bodies: list[str], titles: list[str] | None = None) -> Split:
    """A split of poems with these bodies."""
    titles = titles or ["题"] * len(bodies)
    text = "".join(title + body for title, body in zip(titles, bodies, strict=True))
    vocab = Vocab.build({char: text.count(char) for char in text}, CONTROL)
    records = np.zeros(len(bodies), dtype=POEM)
    records["title"], records["body"] = [len(title) for title in titles], [len(body) for body in bodies]
    sizes = records["title"].astype(np.int64) + records["body"]
    records["start"] = np.cumsum(sizes) - sizes
    return Split(np.array(vocab.encode(text), dtype=np.uint16), records, Layout(vocab))


@pytest.fixture(scope="module")
def split() -> Split:
    return split_of([str(make_poem(number)["content"]).replace("|", "") for number in range(40)])


# What it learns from ---------------------------------------------------------------------------------------------


def test_every_body_is_read_once_a_pass_and_titles_never(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skipgram, "BATCH", 100)
    batches, poems = _batches(split, np.random.default_rng(1)), list[int]()
    orders = []
    for _ in range(2):
        poems = []
        while len(poems) < len(split):
            ids, numbers = next(batches)
            for number in dict.fromkeys(numbers.tolist()):
                assert np.array_equal(ids[numbers == number], split.fields(number)["body"])
                poems.append(number)
        assert sorted(poems) == list(range(len(split)))
        orders.append(poems)
    assert orders[0] != orders[1], "each pass has an order of its own"


@pytest.mark.parametrize(("frequent", "least", "most"), [(1.0, 1.0, 1.0), (1e-6, 0.0, 0.2)])
def test_frequent_characters_are_thinned_out(
    frequent: float, least: float, most: float, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, rows = [], skipgram._rows
    monkeypatch.setattr(skipgram, "FREQUENT", frequent)
    monkeypatch.setattr(skipgram, "_rows", lambda ids, poems: read.append(len(ids)) or rows(ids, poems))
    vectors(split, 4, 1)
    share = sum(read) / (skipgram.PASSES * int(split.poems["body"].sum()))
    assert least <= share <= most


def test_neighbours_are_of_one_poem_and_near() -> None:
    """Every pair, against a count one by one: what fills the last row is nobody's neighbour."""
    rng = np.random.default_rng(1)
    ids, poems = rng.integers(10, 99, 150), np.repeat([7, 0, 3], [70, 3, 77])
    text, weights = _rows(ids, poems)
    assert text.shape == (3, 64) and np.array_equal(text.ravel()[:150], ids)
    for row in range(3):
        for one in range(64):
            for other in range(64):
                here, there = 64 * row + one, 64 * row + other
                near = max(here, there) < 150 and here != there and poems[here] == poems[there]
                want = max(0, 5 - abs(one - other)) / 4 if near else 0
                assert weights[row, one, other] == want


def test_the_loss_is_that_of_pairs_and_negatives() -> None:
    torch.manual_seed(1)
    inner, outer = torch.randn(9, 4), torch.randn(9, 4)
    text, weights = torch.tensor([[1, 2, 3]]), torch.tensor([[[0.0, 1, 0], [1, 0, 0.5], [0, 0.5, 0]]])
    drawn = torch.tensor([4, 5, 4])
    want = torch.zeros(())
    for i, one in enumerate(text[0]):
        for j, other in enumerate(text[0]):
            pair = torch.sigmoid(inner[one] @ outer[other]).log()
            against = sum(torch.sigmoid(-inner[one] @ outer[token]).log() for token in drawn) / len(drawn)
            want -= weights[0, i, j] * (pair + skipgram.NEGATIVES * against)
    assert torch.allclose(_loss(inner, outer, text, weights, drawn), want)


# What it learns --------------------------------------------------------------------------------------------------


def test_characters_in_like_places_become_alike() -> None:
    """甲 and 乙 stand among the same characters, 丙 and 丁 among others."""
    rng = np.random.default_rng(1)
    bodies = []
    for _ in range(1000):
        pair, around = ("甲乙", "天地玄黄") if rng.random() < 0.5 else ("丙丁", "宇宙洪荒")
        draw = rng.permutation(list(around)).tolist()
        bodies.append("".join([*draw[:2], pair[rng.integers(2)], *draw[2:]]))
    split = split_of(bodies)
    found = vectors(split, 16, 1)
    found = torch.nn.functional.normalize(found - found[found.any(1)].mean(0), dim=1)
    one, two, three, four = (found[split.layout.vocab.id(char)] for char in "甲乙丙丁")
    assert min(float(one @ two), float(three @ four)) > 0.8
    assert max(float(one @ three), float(one @ four), float(two @ three), float(two @ four)) < 0


def test_what_no_body_holds_has_no_vector(split: Split) -> None:
    found = vectors(split, 8, 1)
    assert found.shape == (len(split.layout.vocab), 8) and found.dtype == torch.float32
    in_a_body = np.flatnonzero(split.frequencies()[: len(found)])
    want = set(in_a_body.tolist()) - {split.layout.end}
    assert set(torch.nonzero(found.any(1)).flatten().tolist()) == want
    assert split.layout.vocab.id("题") not in want


def test_one_seed_gives_the_same_vectors_and_leaves_other_random_numbers_alone(split: Split) -> None:
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr,index]
    first, again, other = (vectors(split, 8, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # type: ignore[index]


# How much it reads -----------------------------------------------------------------------------------------------


def test_a_small_corpus_is_read_in_whole_passes(split: Split) -> None:
    told: list[tuple[int, int]] = []
    vectors(split, 4, 1, progress=lambda done, total: told.append((done, total)))
    size = int(split.poems["body"].sum())
    assert told[-1] == (skipgram.PASSES * size,) * 2
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_of_a_large_corpus_a_bounded_part_is_read(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skipgram, "CHARACTERS", 500)
    monkeypatch.setattr(skipgram, "BATCH", 100)
    told: list[tuple[int, int]] = []
    vectors(split, 4, 1, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (500, 500) and 4 <= len(told) <= 7


def test_time_ends_it(split: Split) -> None:
    assert not vectors(split, 4, 1, seconds=0).any()


def test_a_passage_longer_than_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skipgram, "BATCH", 50)
    found = vectors(split_of(["春江花月夜" * 40, "水"]), 4, 1)
    assert bool(torch.isfinite(found).all()) and found.any()


def test_an_empty_split_has_no_vectors(split: Split) -> None:
    empty = Split(split.tokens[:0], split.poems[:0], split.layout)
    assert not vectors(empty, 4, 1).any()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_learns_like_the_cpu(prepared: object) -> None:
    split = Dataset.load(prepared).train  # type: ignore[arg-type]
    cpu, gpu = (vectors(split, 8, 1, device=device) for device in ("cpu", "cuda"))
    assert torch.allclose(cpu, gpu, atol=0.05)
