"""The telling words of a poem."""

import numpy as np

from poetgen.corpus.keywords import KEYWORDS, STOP_WORDS, Lexicon, cut


def keywords(
    *texts: str, kept: list[bool] | None = None, parts: int = 1, most: int = KEYWORDS
) -> list[tuple[str, ...]]:
    lexicon = Lexicon()
    for part in np.array_split(np.array(texts, dtype=object), parts):
        lexicon.add(cut(part.tolist()))
    return list(lexicon.keywords(np.array(kept or [True] * len(texts), dtype=bool), most))


def words(text: str) -> list[str]:
    found = cut([text])
    return [found.table[index] for index in found.ids.tolist()]


def test_words_are_cut_and_single_characters_count() -> None:
    assert words("明月，故乡") == ["明月", "故乡"]
    assert words("月。酒，剑") == ["月", "酒", "剑"]


def test_particles_and_punctuation_are_no_words() -> None:
    assert words("之，乎，者，也。不知，何处？abc 12") == []
    assert "明月" not in STOP_WORDS


def test_texts_have_their_own_words() -> None:
    found = cut(["明月故乡", "", "酒"])
    assert found.counts.tolist() == [2, 0, 1]
    assert found.ids.tolist() == [0, 1, 2]


def test_what_is_rare_elsewhere_and_frequent_here_tells_most() -> None:
    common = ["春风，杨柳"] * 30
    rare = ["鹦鹉，春风"] * 6
    found = keywords(*common, *rare, "鹦鹉，春风，鹦鹉，杨柳，杨柳，杨柳")
    assert found[0] == ("春风", "杨柳") or found[0] == ("杨柳", "春风")
    assert found[30] == ("鹦鹉", "春风")
    assert found[-1][0] == "鹦鹉"


def test_a_poem_has_at_most_a_few_keywords_each_once() -> None:
    text = "明月，明月，故乡，酒，剑，琴，舟"
    assert keywords(text, "春风", "秋雨") == [("明月", "故乡", "酒", "剑"), ("春风",), ("秋雨",)]
    assert keywords(text, most=1) == [("明月",)]


def test_words_of_poems_that_are_dropped_do_not_count() -> None:
    texts = ["明月，酒", *["明月，剑"] * 40, *["酒，琴"] * 10]
    assert keywords(*texts)[0] == ("酒", "明月"), "明月 is in nearly all of them"
    kept = [True] + [False] * 40 + [True] * 10
    found = keywords(*texts, kept=kept)
    assert len(found) == 11
    assert found[0] == ("明月", "酒"), "and is the rarer one once they are gone"


def test_the_parts_in_which_a_corpus_was_read_make_no_difference() -> None:
    texts = ["明月，故乡，酒", "剑，酒，明月", "", "春风，明月", "琴", "酒，琴，剑，春风，故乡"] * 3
    whole = keywords(*texts)
    for parts in (2, 5, 18):
        assert keywords(*texts, parts=parts) == whole


def test_a_poem_without_words_has_no_keywords() -> None:
    assert keywords("", "之，乎，者，也", "明月") == [(), (), ("明月",)]
    assert keywords() == []
