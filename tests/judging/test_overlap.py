"""Lines and runs that poems have from a corpus."""

from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from poetgen.data.dataset import Dataset
from poetgen.judging.overlap import known_lines, longest_common_substrings
from poetgen.text import LOST, clauses, is_han

from helpers import make_poem

QUATRAIN = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"


def longest_run(one: str, other: str) -> int:
    """The length of the longest common substring, by the dynamic programme over all pairs of places."""
    one, other = ("".join(char for char in text if is_han(char) or char == LOST) for text in (one, other))
    lengths = np.zeros((len(one) + 1, len(other) + 1), dtype=np.int64)
    for row, column in product(range(len(one)), range(len(other))):
        if one[row] == other[column] != LOST:
            lengths[row + 1, column + 1] = lengths[row, column] + 1
    return int(lengths.max())


#: Few characters, so that runs are shared; one that is not Han, one unknown, one outside the basic plane.
VERSE = st.text("春月𠮷，。□a", max_size=14)
POEMS = st.lists(VERSE, max_size=6)


@given(st.lists(st.text("春月𠮷，。□a\n", max_size=14), max_size=4), st.lists(POEMS, max_size=3))
def test_runs_are_those_of_the_dynamic_programme(bodies: list[str], corpus: list[list[str]]) -> None:
    texts = ["".join(poem + "\n" for poem in poems) for poems in corpus]
    others = [poem for poems in corpus for poem in poems]
    assert longest_common_substrings(bodies, texts).tolist() == [
        max((longest_run(body, other) for other in others), default=0) for body in bodies
    ]


def test_a_run_crosses_lines_but_not_poems() -> None:
    assert longest_common_substrings(["海流欲穷"], [QUATRAIN + "\n"]) == [4]
    assert longest_common_substrings(["海流，\n欲穷"], [QUATRAIN + "\n"]) == [4], (
        "line ends of the poem itself do not count either"
    )
    first, second = QUATRAIN[:12], QUATRAIN[12:]
    assert longest_common_substrings([QUATRAIN], [f"{first}\n{second}\n"]) == [10]
    assert longest_common_substrings([QUATRAIN], [f"{first}\n", f"{second}\n"]) == [10]
    assert longest_common_substrings([QUATRAIN], [first, second]) == [10], "nor from text to text, closed or not"
    assert longest_common_substrings([first, second], [QUATRAIN + "\n"]).tolist() == [10, 10], (
        "nor between the poems that are asked"
    )


def test_each_poem_has_its_own_run() -> None:
    bodies = ["白日依人尽，", "春", "", "海入河黄", "一层楼上更"]
    assert longest_common_substrings(bodies, [QUATRAIN + "\n"]).tolist() == [3, 0, 0, 1, 3]


def test_characters_that_nobody_knows_are_not_alike() -> None:
    assert longest_common_substrings(["白日□山尽"], ["白日□山尽\n"]) == [2]
    assert longest_common_substrings(["□□"], ["□□\n"]) == [0]
    assert not known_lines(["白日□山尽"], ["白日□山尽，"]).any()


def test_a_character_that_the_poems_lack_ends_a_run() -> None:
    """It must not be passed over like punctuation."""
    assert longest_common_substrings(["白日依山尽"], ["白日西依山尽\n"]) == [3]
    assert longest_common_substrings(["白日依山尽"], ["白日 b，依山尽\n"]) == [5]


def test_nothing_has_no_runs() -> None:
    assert longest_common_substrings([], [QUATRAIN]).shape == (0,)
    assert longest_common_substrings([QUATRAIN, "abc", ""], []).tolist() == [0, 0, 0]
    assert longest_common_substrings([QUATRAIN, "，"], ["", "\n"]).tolist() == [0, 0]
    assert known_lines([], [QUATRAIN]).shape == (0,)
    assert known_lines(["春"], []).tolist() == [False]


def test_a_line_is_known_whole_or_not_at_all() -> None:
    lines = ["白日依山尽", "日依山尽", "白日依山尽黄河入海流", "更上一层楼", "白日", ""]
    corpus = [f"{QUATRAIN}\n白、日。\n"]
    assert known_lines(lines, corpus).tolist() == [True, False, False, True, True, False]


def test_a_poem_of_the_corpus_is_copied_from_end_to_end(prepared: Path) -> None:
    split = Dataset.load(prepared).train
    bodies = [body for text in split.bodies() for body in text.splitlines()]
    assert len(bodies) == len(split)
    own, stranger = bodies[3], make_poem(1234)["content"].replace("|", "")
    for poems in (1, 7, 1000):
        assert longest_common_substrings([own, own[::-1]], split.bodies(poems)).tolist() == [
            sum(map(is_han, own)),
            max(longest_run(own[::-1], body) for body in bodies),
        ]
    assert known_lines(clauses(own) + clauses(stranger), split.bodies(5)).tolist() == [True] * len(clauses(own)) + [
        False
    ] * len(clauses(stranger))


def test_the_corpus_is_read_once_and_only_as_it_comes() -> None:
    def corpus() -> Iterator[str]:
        yield from islice([QUATRAIN + "\n", "春眠不觉晓\n"], 2)

    texts = corpus()
    assert longest_common_substrings(["不觉"], texts) == [2]
    assert next(texts, None) is None
