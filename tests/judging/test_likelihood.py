"""The figures of a checkpoint on poems."""

import json
import math
from pathlib import Path

import pytest
import torch

from poetgen.corpus import Counts, Poem
from poetgen.corpus import poems as module
from poetgen.data.batches import validation_batches
from poetgen.data.dataset import Dataset, poems_of, split_of
from poetgen.data.sequence import CONTROL, Header, Layout
from poetgen.data.vocab import UNK, Vocab
from poetgen.errors import SourceError
from poetgen.judging.likelihood import tally_poems
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.perplexity import Scorer

POEM = "春夏秋冬风，花雪月山水。云雨江河湖，海天地日夜。"


@pytest.fixture(scope="module")
def loaded(tiny: Path) -> Checkpoint:
    return Checkpoint.load(tiny)


def write(path: Path, *poems: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps(poem, ensure_ascii=False) + "\n" for poem in poems), encoding="utf-8")
    return path


def read_poems(path: Path) -> tuple[list[Poem], Counts]:
    """As evaluate reads them."""
    return module.read_poems(path, "simplified", passages=True)


# Reading ---------------------------------------------------------------------------------------------------------


def test_poems_are_read_as_preprocess_reads_them(tmp_path: Path) -> None:
    path = write(
        tmp_path / "poems.jsonl",
        {
            "dynasty": "Tang",
            "author": "无名",
            "title": "春夜",
            "content": "春夏秋冬風|花雪月山水|雲雨江河湖|海天地日夜",
        },
        {"rhythmic": "水调歌头", "content": POEM},
    )
    (first, second), counts = read_poems(path)
    assert first == Poem(POEM, title="春夜", author="无名", dynasty="唐", form="五绝")
    assert (second.form, second.tune) == ("词", "水调歌头")
    assert counts.read == counts.kept == 2


def test_no_poem_is_dropped_for_its_length_or_its_twin(tmp_path: Path) -> None:
    path = write(tmp_path / "poems.jsonl", *[{"content": text} for text in ("春。", POEM, POEM, POEM * 100)])
    poems, _ = read_poems(path)
    assert [poem.body for poem in poems] == ["春。", POEM, POEM, POEM * 100]


def test_what_cannot_be_scored_is_told(tmp_path: Path) -> None:
    poems, counts = read_poems(write(tmp_path / "poems.jsonl", {"content": POEM}, {"content": POEM.replace("春", "□")}))
    assert len(poems) == 1
    assert {reason: tally.poems for reason, tally in counts.dropped.items()} == {"lost characters": 1}


def test_a_line_that_holds_no_poem_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "poems.jsonl", {"title": 5, "content": ["，。！", 7]}, {"content": POEM})  # type: ignore[dict-item, list-item]
    poems, counts = read_poems(path)
    assert len(poems) == counts.kept == counts.read == 1 == counts.passed_over["line without a poem"]
    assert not counts.dropped


def test_a_file_without_poems(tmp_path: Path) -> None:
    path = write(tmp_path / "poems.jsonl", {"content": "□□□。"})
    with pytest.raises(SourceError, match="no poem in it could be read") as error:
        read_poems(path)
    assert str(path) in str(error.value)
    with pytest.raises(SourceError):
        read_poems(tmp_path / "nowhere.jsonl")


# Sequences -------------------------------------------------------------------------------------------------------


def test_poems_become_the_sequences_that_the_model_knows() -> None:
    vocab = Vocab.build(dict.fromkeys(POEM, 1), CONTROL)
    poems = [
        Poem(POEM, title="春夜", author="日月", dynasty="唐", form="五绝"),
        Poem("春龘。", tune="水", form="词"),
        Poem("春。"),
    ]
    split = split_of(poems, vocab)
    assert [vocab.decode(split.sequence(index)[0]) for index in range(3)] == [
        f"[五绝][唐][AUTHOR]日月[TITLE]春夜[BODY]{POEM}[END]",
        "[词][TUNE]水[BODY]春[UNK]。[END]",
        "[BODY]春。[END]",
    ]
    header = Layout(vocab).encode(Header("五绝", "唐", "", "日月", (), "春夜"))
    assert split.sequence(0)[0][: len(header)] == header, "as sampling builds it"


def test_a_split_becomes_poems_that_any_vocabulary_reads(prepared: Path) -> None:
    dataset = Dataset.load(prepared)
    split, vocab = dataset.valid, dataset.vocab
    poems = poems_of(split)
    again = split_of(poems, vocab)
    header = {name: part for name, part in split.header.items() if name != "keywords"}
    for number in range(len(split)):
        assert again.sequence(number)[0] == split.sequence(number, header)[0]
    other = Vocab([*vocab.tokens[:2], *reversed(vocab.tokens[2:])])
    moved = split_of(poems, other)
    assert [other.decode(moved.sequence(0)[0])] == [vocab.decode(again.sequence(0)[0])]
    bare = Vocab([token for token in vocab.tokens if token not in ("[五绝]", "[唐]")])
    assert UNK not in split_of(poems, bare).poems["form"], "a form that a vocabulary lacks is not mentioned"


def test_a_lost_character_is_unknown() -> None:
    vocab = Vocab.build(dict.fromkeys("春，。", 1), CONTROL)
    (poem,) = poems_of(split_of([Poem("春龘，春春。", title="龘", form="五绝")], vocab))
    assert poem == Poem("春□，春春。", title="□", form="五绝")
    assert UNK in split_of([poem], vocab).sequence(0)[0]


# Figures ---------------------------------------------------------------------------------------------------------


def by_hand(loaded: Checkpoint, poem: Poem) -> list[float]:
    """What each character of a body and its end cost, one poem in one go, given its form, tune and title."""
    layout = Layout(loaded.vocab)
    header = layout.encode(Header(form=poem.form, tune=poem.tune, title=poem.title))
    ids = [*header, *loaded.vocab.encode(poem.body), layout.end]
    with torch.no_grad():
        logits, _ = loaded.model(torch.tensor([ids[:-1]]))
    nats = torch.nn.functional.cross_entropy(logits[0], torch.tensor(ids[1:]), reduction="none")
    return nats[len(header) - 1 :].tolist()


def test_figures_are_those_of_the_definitions(loaded: Checkpoint) -> None:
    poems = [Poem(POEM, title="春夜", author="李白", form="五绝"), Poem("春夏，秋。", title="月"), Poem(POEM * 20)]
    tally = tally_poems(loaded, split_of(poems, loaded.vocab))
    costs = [by_hand(loaded, poem) for poem in poems]
    han = [
        cost
        for poem, nats in zip(poems, costs, strict=True)
        for char, cost in zip(poem.body, nats[:-1], strict=True)
        if char not in "，。"
    ]
    every = [cost for nats in costs for cost in nats]
    assert (tally.han, tally.all) == (len(han), len(every))
    assert tally.ppl_char == pytest.approx(math.exp(sum(han) / len(han)), rel=1e-5)
    assert tally.ppl_all == pytest.approx(math.exp(sum(every) / len(every)), rel=1e-5)


def test_evaluation_and_training_agree_on_a_validation_split(loaded: Checkpoint, prepared: Path) -> None:
    valid = Dataset.load(prepared).valid
    found = tally_poems(loaded, valid).figures()
    scorer = Scorer(loaded.vocab)
    for seq_len in (8, 32):
        again = scorer.tally(loaded.model, validation_batches(valid, seq_len)).figures()
        assert again == pytest.approx(found, rel=1e-5)
    assert loaded.config["figures"]["ppl_char"] == pytest.approx(found["ppl_char"], rel=1e-5)


def test_progress_ends_with_every_poem(loaded: Checkpoint, prepared: Path) -> None:
    train = Dataset.load(prepared).train
    seen: list[tuple[int, int]] = []
    tally_poems(loaded, train, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(train), len(train))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
