"""Models of modern verse and of other languages: what is asked of them where nobody says more than a title."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from poetgen.cli.verse import verse
from poetgen.config import PreprocessConfig
from poetgen.data.dataset import Dataset, poems_of
from poetgen.data.preprocess import preprocess
from poetgen.data.profile import CorpusProfile
from poetgen.data.sequence import CONTROL
from poetgen.data.vocab import Vocab
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.trainer import Trainer
from poetgen.text import couplets
from poetgen.writing.batch import TitleBatch
from poetgen.writing.constraint import Free
from poetgen.writing.masks import Masks
from poetgen.writing.planning import plan
from poetgen.writing.request import Request
from poetgen.writing.titles import given
from poetgen.writing.writer import Writer

from helpers import TINY

WORDS = "gull tide stone rain harbour river moon spring autumn light".split()


def english(number: int) -> dict[str, str]:
    draw = random.Random(number)
    lines = [" ".join(draw.choices(WORDS, k=4)) + "," for _ in range(4)]
    return {"title": draw.choice(WORDS).title(), "content": "\n".join([*lines[:2], "", *lines[2:]])}


def trained(folder: Path, text: str, **options: object) -> Path:
    source = folder / "source.txt"
    source.write_text(text, encoding="utf-8")
    preprocess([source], folder / "data", PreprocessConfig(jobs=1, **options))  # type: ignore[arg-type]
    for _ in Trainer(Dataset.load(folder / "data"), replace(TINY, epochs=1), folder / "model").run():
        pass
    return folder / "model"


@pytest.fixture(scope="module")
def poems_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of English poems with titles."""
    text = "".join(json.dumps(english(number)) + "\n" for number in range(40))
    return trained(tmp_path_factory.mktemp("english"), text)


@pytest.fixture(scope="module")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of English text, which has no titles."""
    text = "\n".join(english(number)["content"] for number in range(30))
    return trained(tmp_path_factory.mktemp("text"), text, format="text")


# ---- what the corpus is like


def test_stanzas_come_through_to_the_dataset(poems_model: Path) -> None:
    dataset = Dataset.load(poems_model.parent / "data")
    bodies = {poem.body for split in (dataset.train, dataset.valid) for poem in poems_of(split)}
    assert bodies == {english(number)["content"] for number in range(40)}


def test_a_checkpoint_knows_what_its_corpus_is_like(poems_model: Path, text_model: Path, tiny: Path) -> None:
    profile = Checkpoint.load(poems_model).profile
    assert profile is not None and profile.forms == {"": 1.0} and profile.has_titles and not profile.regulated
    longest = max(len(english(number)["content"].replace("\n", "")) for number in range(40))
    assert 0.8 * longest < profile.usual_length <= longest
    of_text, of_verse = Checkpoint.load(text_model).profile, Checkpoint.load(tiny).profile
    assert of_text is not None and not of_text.has_titles and of_text.usual_length <= 1000
    assert of_verse is not None and of_verse.regulated


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        {},
        {"forms": []},
        {"forms": {"": "x"}, "titled": 1, "length": 2},
        {"forms": {"": 1}, "titled": 1, "length": -2},
    ],
)
def test_a_config_without_a_profile_is_one_of_an_older_version(value: object) -> None:
    assert CorpusProfile.parse(value) is None


# ---- what is asked for


def test_auto_asks_for_what_the_corpus_has() -> None:
    modern, archive = CorpusProfile({"散文": 0.7, "杂言": 0.3}), CorpusProfile({"七律": 0.5, "词": 0.5})
    asked = plan(Request("Spring"), 64, profile=CorpusProfile({"": 1.0}))
    assert (asked.form, asked.template, asked.may_end) == ("", None, True)
    assert plan(Request("夜"), 64, profile=modern).form == "散文"
    assert plan(Request("夜"), 64, profile=archive) == plan(Request("夜"), 64)
    assert plan(Request("夜", form="七绝"), 64, profile=modern).form == "七绝"


def test_a_title_alone_is_enough(poems_model: Path) -> None:
    writer = Writer(Checkpoint.load(poems_model))
    job, notes = writer.job("Spring", seed=1)
    assert notes == [] and job.request.title == "Spring"
    profile = writer.profile
    assert profile is not None and job.config.length == profile.usual_length
    [sample] = writer.samples([job])
    text = sample.text
    assert sample.form == "" and text == text.strip("\n") and "\n\n\n" not in text
    assert 0 < len(text.replace("\n", "")) <= job.config.length


def test_a_model_of_text_leaves_the_title_out_and_says_so(text_model: Path) -> None:
    writer = Writer(Checkpoint.load(text_model))
    job, [note] = writer.job("Spring", seed=1)
    assert "have none" in note and job.request.title == "" and job.asked == "Spring"
    assert writer.job("", seed=1)[1] == []


def test_a_poem_that_ends_early_is_told(poems_model: Path) -> None:
    said: list[str] = []
    writer = Writer(Checkpoint.load(poems_model))
    with given(["Spring", "Rain"]) as titles:
        batch = TitleBatch(writer, titles, {"length": 2000, "seed": 1, "candidates": 1}, say=said.append)
        poems = [sample for _, sample in batch.poems()]
    short = [poem for poem in poems if len(poem.text.replace("\n", "")) < 2000]
    assert len(said) == len(short) > 0 and all("of 2,000 characters" in text for text in said)


def test_the_usual_length_is_no_shortfall(poems_model: Path) -> None:
    writer = Writer(Checkpoint.load(poems_model))
    job, _ = writer.job("Spring", seed=1)
    assert writer.shortfall(job, "gull") == ""


def test_lines_while_it_trains_are_of_its_own_language(poems_model: Path, tmp_path: Path) -> None:
    from poetgen.cli.train import _specimen

    trainer = Trainer(Dataset.load(poems_model.parent / "data"), TINY, tmp_path / "run")
    assert "".join(_specimen(trainer)).isascii()


# ---- how it is written


def test_line_ends_part_lines_and_stanzas_and_are_not_counted() -> None:
    vocab = Vocab.build({"a": 3, "\n": 2, "(": 1}, CONTROL)
    masks = Masks(vocab)
    free = Free(masks, 3, may_end=True)

    def allowed(token: str) -> bool:
        row = free.mask()
        return bool(masks.table[row][vocab.id(token)])

    assert not allowed("\n") and not allowed("[END]") and allowed("a")
    for token, line_end in (("a", True), ("\n", True), ("\n", False), ("a", True)):
        free.push(vocab.id(token))
        assert allowed("\n") == line_end and not free.done
    free.push(vocab.id("a"))
    assert free.done


def test_marks_of_modern_verse_can_be_written_and_those_of_old_titles_cannot() -> None:
    chars = "春夏秋冬风花雪月山水云雨江河湖海天地，。（3"
    for extra, written in (("", False), ("\n", True)):
        vocab = Vocab.build(dict.fromkeys(chars + extra, 5))
        assert vocab.chinese
        assert [bool(Masks(vocab).text[vocab.id(char)]) for char in "春（3"] == [True, written, written]


def test_kanji_do_not_make_a_vocabulary_chinese() -> None:
    kanji = {chr(0x4E00 + number): 1 for number in range(300)}
    assert not Vocab.build(kanji | dict.fromkeys("のはにてをがとしれか", 9)).chinese
    assert not Vocab.build(kanji | dict.fromkeys("이가을는에도고지만다", 9)).chinese
    assert Vocab.build(kanji | {"コ": 1}).chinese


def test_stanzas_are_printed_with_a_blank_line() -> None:
    text = "The gull. Goes out。\nThe gull comes home.\n\nThe river waits."
    assert "".join(verse(text, has_lines=True)) == text + "\n"
    assert couplets(text) == ["The gull. Goes out。", "The gull comes home.", "The river waits."]
