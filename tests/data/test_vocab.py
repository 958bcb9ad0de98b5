"""Characters and ids."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetgen.data.vocab import PAD, UNK, Vocab
from poetgen.errors import CheckpointError
from poetgen.text import is_han


def test_the_first_ids_are_fixed_and_the_rest_follow_frequency() -> None:
    counts = {"夜": 1, "明": 3, "，": 9, "月": 3, "𠮷": 2}
    vocab = Vocab.build(counts, control=["[TITLE]", "[END]"])
    assert vocab.tokens == ("[PAD]", "[UNK]", "[TITLE]", "[END]", "，", "明", "月", "𠮷", "夜")
    assert (PAD, UNK) == (vocab.id("[PAD]"), vocab.id("[UNK]")) == (0, 1)
    assert vocab == Vocab.build(dict(reversed(counts.items())), control=["[TITLE]", "[END]"]), "the order of counting"


def test_min_count_leaves_rare_characters_out() -> None:
    vocab = Vocab.build({"春": 5, "夏": 4}, min_count=5)
    assert "春" in vocab and "夏" not in vocab
    assert vocab.encode("春夏") == [2, UNK]


def test_control_tokens_are_never_read_from_text() -> None:
    vocab = Vocab.build(dict.fromkeys("[END]", 1), control=["[END]"])
    assert vocab.id("[END]") not in vocab.encode("[END]")
    assert vocab.decode(vocab.encode("[END]")) == "[END]"


def test_special_tokens_are_all_that_is_no_text() -> None:
    vocab = Vocab.build({"春": 1, "[": 1, "\n": 1}, control=["[END]", "[七绝]"])
    assert [vocab.tokens[index] for index in vocab.special] == ["[PAD]", "[UNK]", "[END]", "[七绝]"]


def test_han_characters_are_counted_without_punctuation_and_control_tokens() -> None:
    assert Vocab.build({"春": 1, "𠮷": 1, "〇": 1, "，": 1, "a": 1, "あ": 1}, control=["[唐]"]).han == 3
    assert not is_han("：") and not is_han("々") and is_han("㐀")


@given(st.dictionaries(st.characters(codec="utf-8"), st.integers(1, 9)))
def test_every_vocabulary_comes_back_from_its_file(tmp_path_factory: pytest.TempPathFactory, counts: dict) -> None:  # type: ignore[type-arg]
    path = tmp_path_factory.getbasetemp() / "vocab.json"
    vocab = Vocab.build(counts, control=["[END]"])
    path.write_text(vocab.to_json(), encoding="utf-8", newline="")
    loaded = Vocab.load(path)
    assert loaded == vocab
    assert loaded.fingerprint == vocab.fingerprint
    text = "".join(counts)
    assert vocab.decode(vocab.encode(text)) == text


def test_another_vocabulary_has_another_fingerprint() -> None:
    assert Vocab.build({"春": 2, "夏": 1}).fingerprint != Vocab.build({"春": 1, "夏": 2}).fingerprint


@pytest.mark.parametrize("tokens", [["[UNK]", "[PAD]"], [], ["[PAD]", "[UNK]", "春", "春"]])
def test_tokens_that_make_no_vocabulary(tokens: list[str]) -> None:
    with pytest.raises(ValueError, match="starts with|comes twice"):
        Vocab(tokens)


GOOD = {"format": 1, "tokens": ["[PAD]", "[UNK]", "春"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "missing"),
        ("", "not a vocabulary"),
        (json.dumps(GOOD)[:-5], "not a vocabulary"),
        ("[]", "not a vocabulary"),
        ("[" * 100_000, "not a vocabulary"),
        (json.dumps(GOOD | {"format": 2}), "vocabulary format 2; this poetgen reads format 1"),
        (json.dumps({"tokens": GOOD["tokens"]}), "not a vocabulary"),
        (json.dumps(GOOD | {"tokens": "春夏"}), "not a vocabulary"),
        (json.dumps(GOOD | {"tokens": ["[PAD]", "[UNK]", 3]}), "not a vocabulary"),
        (json.dumps(GOOD | {"tokens": ["[PAD]", "[UNK]", ""]}), "not a vocabulary"),
        *(
            (json.dumps(GOOD | {"tokens": ["[PAD]", "[UNK]", token]}), "a token is")
            for token in ("春夏", "\ud800", "[]")
        ),
        (json.dumps(GOOD | {"tokens": ["[PAD]"]}), "not a vocabulary"),
        (json.dumps(GOOD | {"tokens": ["[PAD]", "[UNK]", "春", "春"]}), "comes twice"),
        (b"\xff\xfe\x00", "not a vocabulary"),
    ],
)
def test_files_that_are_no_vocabulary(content: str | bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "vocab.json"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(CheckpointError, match=message) as error:
        Vocab.load(path)
    assert str(path) in str(error.value)
