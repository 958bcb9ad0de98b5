"""Perplexity, by hand."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from poetgen.config import ModelConfig
from poetgen.corpus.poem import Poem
from poetgen.data.batches import Batch
from poetgen.data.dataset import Split, split_of
from poetgen.data.sequence import CONTROL
from poetgen.data.vocab import Vocab
from poetgen.network.model import PoetModel
from poetgen.network.perplexity import Scorer, Tally, to_device
from poetgen.network.trainer import validation_batches

CHARACTERS = "春夏秋冬风花雪月山水，。"
VOCAB = Vocab.build(dict.fromkeys(CHARACTERS, 1), CONTROL)
POEM = Poem("春夏秋冬风，花雪月山水。", title="春", form="五绝")
#: Han characters of the block U+4E00–U+9FFF that this vocabulary leaves out.
LEFT_OUT = 20992 - 10


class Rigged(PoetModel):
    """Gives every token a probability in proportion to its weight, whatever came before."""

    def __init__(self, weights: dict[str, float] | None = None) -> None:
        super().__init__(ModelConfig(len(VOCAB), layers=1, hidden=4, embed=4))
        self.weights = torch.tensor([(weights or {}).get(token, 1.0) for token in VOCAB.tokens])

    def logits(self, features: Tensor) -> Tensor:
        return self.weights.log().expand(*features.shape[:-1], -1)


def tally(model: PoetModel, poems: Sequence[Poem], seq_len: int = 64) -> Tally:
    return Scorer(VOCAB).tally(model, validation_batches(split_of(poems, VOCAB), seq_len))


def test_uniform_guesses_have_the_perplexity_of_the_vocabulary() -> None:
    found = tally(Rigged(), [POEM, POEM])
    assert found.ppl_char == pytest.approx(len(VOCAB))
    assert found.ppl_all == pytest.approx(len(VOCAB))
    assert found.bpc == pytest.approx(math.log2(len(VOCAB)))
    assert (found.han, found.all, found.unknown) == (20, 26, 0), "ten characters, two marks and an end each"


def test_punctuation_and_the_end_count_in_ppl_all_alone() -> None:
    poem = tally(Rigged({"，": 5, "[END]": 3}), [POEM])
    total = len(VOCAB) - 2 + 5 + 3
    assert poem.ppl_char == pytest.approx(total)
    nats = 10 * math.log(total) + math.log(total / 5) + math.log(total) + math.log(total / 3)
    assert poem.ppl_all == pytest.approx(math.exp(nats / 13))


def test_the_header_is_read_and_not_scored() -> None:
    bare = Poem(POEM.body)
    assert vars(tally(Rigged({"[五绝]": 9, "[TITLE]": 9}), [POEM])) == vars(
        tally(Rigged({"[五绝]": 9, "[TITLE]": 9}), [bare])
    )
    torch.manual_seed(0)
    model = PoetModel(ModelConfig(len(VOCAB), layers=1, hidden=8, embed=8))
    assert tally(model, [POEM]).ppl_char != tally(model, [bare]).ppl_char


def test_an_unknown_character_is_charged_for_its_choice() -> None:
    poem = Poem(POEM.body.replace("春", "龘"), title="春", form="五绝")
    found = tally(Rigged({"[UNK]": 2}), [poem])
    total = len(VOCAB) + 1
    assert VOCAB.han == 10
    nats = 9 * math.log(total) + math.log(total / 2) + math.log(LEFT_OUT)
    assert found.unknown == 1 and found.han == 10
    assert found.ppl_char == pytest.approx(math.exp(nats / 10))
    assert found.ppl_all == pytest.approx(math.exp((nats + 3 * math.log(total)) / 13))


def test_a_small_vocabulary_gains_nothing() -> None:
    """Uniform over a vocabulary plus the charge is about uniform over the block, however small the vocabulary."""
    poem = Poem("龘龘龘龘龘，龘龘龘龘龘。")
    assert tally(Rigged({"[UNK]": 1e6}), [poem]).ppl_char == pytest.approx(LEFT_OUT, rel=1e-3)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_long_poem_costs_the_same_in_any_window(cell: str) -> None:
    torch.manual_seed(0)
    model = PoetModel(ModelConfig(len(VOCAB), cell=cell, layers=2, hidden=8, embed=8))
    rng = np.random.default_rng(0)
    poems = [
        Poem("".join(rng.choice(list(CHARACTERS), size)), title="春夏" * (size % 3)) for size in (5, 17, 40, 90, 151)
    ]
    whole = tally(model, poems, seq_len=1000)
    for seq_len in (1, 7, 32, 100):
        found = tally(model, poems, seq_len)
        assert (found.han, found.all) == (whole.han, whole.all)
        assert found.all_nats == pytest.approx(whole.all_nats, rel=1e-5)
        assert found.han_nats == pytest.approx(whole.han_nats, rel=1e-5)


def test_costs_are_given_label_by_label() -> None:
    split = split_of([POEM], VOCAB)
    model = Rigged({"，": 5})
    (read,) = Scorer(VOCAB).read(model, validation_batches(split, 64))
    assert VOCAB.decode(read.labels.tolist()) == POEM.body + "[END]"
    total = len(VOCAB) + 4
    nats = [math.log(total / (5 if char == "，" else 1)) for char in POEM.body + "e"]
    assert read.nats.tolist() == pytest.approx(nats)
    assert set(VOCAB.decode(read.likeliest.tolist())) == {"，"}
    assert read.chances.tolist() == pytest.approx([5 / total] * len(nats))


def test_scoring_leaves_the_model_as_it_was() -> None:
    model = PoetModel(ModelConfig(len(VOCAB), layers=1, hidden=8, embed=8, dropout=0.5)).train()
    assert tally(model, [POEM]).all_nats == tally(model, [POEM]).all_nats, "no dropout while scoring"
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    readings = Scorer(VOCAB).read(model, validation_batches(split_of([POEM] * 3, VOCAB), 4))
    next(readings)
    readings.close()
    assert model.training, "nor when nobody wants the rest"


def test_nothing_scored_is_no_perplexity() -> None:
    for split in (split_of([], VOCAB), split_of([Poem("，。")], VOCAB)):
        assert Scorer(VOCAB).tally(Rigged(), validation_batches(split, 64)).ppl_char == math.inf
    assert Tally().ppl_all == Tally().bpc == math.inf
    assert Tally(han_nats=1e6, han=1).ppl_char == math.inf, "too much for a float"


def test_a_window_of_nothing_but_a_header_is_passed_over() -> None:
    poem = Poem("春。", title="春夏秋冬" * 10)
    assert tally(Rigged(), [poem], seq_len=8).all == 3


def test_tallies_add_up() -> None:
    one, two = tally(Rigged({"，": 5}), [POEM]), tally(Rigged({"，": 5}), [POEM] * 2)
    total = Tally()
    total += one
    total += one
    assert total.figures() == pytest.approx(two.figures())


def test_validation_takes_an_even_sample_of_a_large_split() -> None:
    rng = np.random.default_rng(0)
    poems = [Poem("春夏秋冬风"[: size % 5 + 1] * 8) for size in rng.integers(0, 5, 3000)]
    split: Split = split_of(poems, VOCAB)
    total = sum(len(poem.body) + 1 for poem in poems)
    some = sum(int((batch.labels != 0).sum()) for batch in validation_batches(split, 16, tokens=total // 10))
    assert total // 20 < some < total // 5
    assert sum(int((batch.labels != 0).sum()) for batch in validation_batches(split, 16)) == total


def test_the_state_goes_on_where_the_batch_says_so() -> None:
    state = (torch.arange(6.0, requires_grad=True).reshape(1, 3, 2) * 2,)
    ids = np.zeros((2, 4), dtype=np.int64)
    device = torch.device("cpu")
    assert to_device(Batch(ids, ids, carry=0), state, device)[2] is None
    assert to_device(Batch(ids, ids, carry=2), None, device)[2] is None
    carried = to_device(Batch(ids, ids, carry=2), state, device)[2]
    assert carried is not None and not carried[0].requires_grad, "the past is not trained again"
    assert torch.equal(carried[0], state[0][:, :2])
