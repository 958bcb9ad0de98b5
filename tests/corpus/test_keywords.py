"""The telling words of a poem."""

import marshal
import math
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest

from poetgen.corpus import keywords as keywords_module
from poetgen.corpus.keywords import KEYWORDS_PER_POEM, STOP_WORDS, Lexicon, cut


def keywords(
    *texts: str, kept: list[bool] | None = None, parts: int = 1, most: int = KEYWORDS_PER_POEM
) -> list[tuple[str, ...]]:
    lexicon = Lexicon()
    for part in np.array_split(np.array(texts, dtype=object), parts):
        lexicon.add(cut(part.tolist()))
    return list(lexicon.keywords(np.array(kept or [True] * len(texts), dtype=bool), most))


def words(text: str) -> list[str]:
    cut_text = cut([text])
    return [cut_text.table[index] for index in cut_text.ids.tolist()]


def test_words_are_cut_and_single_characters_count() -> None:
    assert words("明月，故乡") == ["明月", "故乡"]
    assert words("月。酒，剑") == ["月", "酒", "剑"]


def test_particles_and_punctuation_are_no_words() -> None:
    assert words("之，乎，者，也。不知，何处？abc 12") == []
    assert "明月" not in STOP_WORDS


def test_texts_have_their_own_words() -> None:
    telling = cut(["明月故乡", "", "酒"])
    assert telling.counts.tolist() == [2, 0, 1]
    assert telling.ids.tolist() == [0, 1, 2]


def test_what_is_rare_elsewhere_and_frequent_here_tells_most() -> None:
    common = ["春风，杨柳"] * 30
    rare = ["鹦鹉，春风"] * 6
    ranked = keywords(*common, *rare, "鹦鹉，春风，鹦鹉，杨柳，杨柳，杨柳")
    assert ranked[0] == ("春风", "杨柳") or ranked[0] == ("杨柳", "春风")
    assert ranked[30] == ("鹦鹉", "春风")
    assert ranked[-1][0] == "鹦鹉"


def test_a_poem_has_at_most_a_few_keywords_each_once() -> None:
    text = "明月，明月，故乡，酒，剑，琴，舟"
    assert keywords(text, "春风", "秋雨") == [("明月", "故乡", "酒", "剑"), ("春风",), ("秋雨",)]
    assert keywords(text, most=1) == [("明月",)]


def test_words_of_poems_that_are_dropped_do_not_count() -> None:
    texts = ["明月，酒", *["明月，剑"] * 40, *["酒，琴"] * 10]
    assert keywords(*texts)[0] == ("酒", "明月"), "明月 is in nearly all of them"
    kept = [True] + [False] * 40 + [True] * 10
    ranked = keywords(*texts, kept=kept)
    assert len(ranked) == 11
    assert ranked[0] == ("明月", "酒"), "and is the rarer one once they are gone"


def test_the_parts_in_which_a_corpus_was_read_make_no_difference() -> None:
    texts = ["明月，故乡，酒", "剑，酒，明月", "", "春风，明月", "琴", "酒，琴，剑，春风，故乡"] * 3
    whole = keywords(*texts)
    for parts in (2, 5, 18):
        assert keywords(*texts, parts=parts) == whole


def test_a_poem_without_words_has_no_keywords() -> None:
    assert keywords("", "之，乎，者，也", "明月") == [(), (), ("明月",)]
    assert keywords() == []


def test_words_are_ranked_by_the_formula_that_is_documented() -> None:
    draw = random.Random(2)
    vocabulary = list("月酒剑琴舟花雪霜竹柳")
    poems = [draw.choices(vocabulary, weights=range(1, 11), k=draw.randint(1, 20)) for _ in range(60)]

    def weight(word: str, poem: list[str]) -> float:
        df = sum(word in other for other in poems)
        return poem.count(word) * math.log((len(poems) + 1) / max(df, 5))

    expected = [tuple(sorted(dict.fromkeys(poem), key=lambda word: -weight(word, poem))[:4]) for poem in poems]
    assert keywords(*("，".join(poem) for poem in poems)) == expected


def test_a_dictionary_in_the_temporary_folder_is_neither_read_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    planted = tmp_path / "jieba.cache"
    planted.write_bytes(marshal.dumps(({"明": 0, "明月故": 9, "月": 9}, 18)))
    before = planted.read_bytes()
    keywords_module._tokenizer.cache_clear()
    assert words("明月，故乡") == ["明月", "故乡"]
    assert list(tmp_path.iterdir()) == [planted] and planted.read_bytes() == before
