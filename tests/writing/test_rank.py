"""Which draft is the best, by figures worked out by hand."""

import numpy as np
import pytest

from poetgen.data.vocab import Vocab
from poetgen.writing.rank import REPEAT_WEIGHT, TITLE_WEIGHT, Draft, Ranker, share_of_repeats

# Lines of two characters of each of three kinds, which stand at right angles; 影 leans half way from 山 to 春.
KINDS = {"山": (2, 0, 0), "水": (5, 0, 0), "春": (0, 1, 0), "秋": (0, 3, 0), "红": (0, 0, 1), "白": (0, 0, -1)}
VOCAB = Vocab.build(dict.fromkeys([*KINDS, "影", "，", "。"], 1))
WEIGHTS = np.zeros((len(VOCAB), 3), dtype=np.float32)
for char, vector in {**KINDS, "影": (1, 1, 0)}.items():
    WEIGHTS[VOCAB.id(char)] = vector
RANKER = Ranker(VOCAB, WEIGHTS)


def draft(text: str, nats: float = 0.0, bare: float | None = None, number: int = 0) -> Draft:
    tokens = tuple(VOCAB.encode(text))
    return Draft(number, tokens, (nats / max(1, len(tokens)),) * len(tokens), nats if bare is None else bare)


def score_of(draft: Draft) -> dict[str, float]:
    return RANKER.scores([draft])[0]


def poem(third: str, fourth: str, fifth: str = "山山", sixth: str = "水水") -> str:
    return f"山水，春秋。{third}，{fourth}。{fifth}，{sixth}。红白，影影。"


def test_the_figures_by_hand() -> None:
    found = score_of(draft("春山，春水。", nats=12.0, bare=15.0))
    assert found["likelihood"] == pytest.approx(-2.0)
    assert found["title"] == pytest.approx(0.5)
    assert found["line"] == found["foot"] == pytest.approx(-2.0)
    assert found["parallel"] == 0.0
    assert found["repeats"] == pytest.approx(1 / 4)
    assert found["score"] == pytest.approx(-2.0 + TITLE_WEIGHT * 0.5 - REPEAT_WEIGHT / 4)


@pytest.mark.parametrize(
    ("third", "fourth", "likeness"),
    [
        ("山春", "水秋", 1.0),  # a mountain faces water, spring autumn, however long their vectors are
        ("山春", "秋水", 0.0),  # not across
        ("山红", "水白", 0.0),  # one alike, one the contrary
        ("红红", "白白", -1.0),
        ("山山", "影影", np.sqrt(0.5)),
    ],
)
def test_facing_characters_are_compared(third: str, fourth: str, likeness: float) -> None:
    # The other couplet in the middle is alike.
    found = score_of(draft(poem(third, fourth)))["parallel"]
    assert found == pytest.approx((likeness + 1) / 2, abs=1e-6)
    swapped = score_of(draft(poem("山山", "水水", third, fourth)))["parallel"]
    assert swapped == pytest.approx(found), "lines five and six count as three and four do"


def test_only_the_middle_of_eight_even_lines_is_parallel() -> None:
    whole = poem("山春", "水秋")
    assert score_of(draft(whole))["parallel"] == pytest.approx(1)
    outer = whole.replace("山水，春秋。", "红山，白水。").replace("红白，影影。", "春春，红红。")
    assert score_of(draft(outer))["parallel"] == pytest.approx(1), "the first and last couplets do not count"
    for other in (whole[:12], whole[:18], whole + "春秋，山水。", whole.replace("山水，", "山水山，"), "", "，。"):
        assert score_of(draft(other))["parallel"] == 0.0, other


def test_a_character_without_a_direction_is_like_none() -> None:
    ranker = Ranker(VOCAB, np.zeros_like(WEIGHTS))
    assert ranker.figures(draft(poem("山春", "水秋")))["parallel"] == 0.0


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", 0.0),
        ("，。", 0.0),
        ("春", 0.0),
        ("春山春水", 1 / 4),
        ("春山，春水。", 1 / 4),  # marks are no characters
        ("萧萧落木", 0.0),  # reduplication
        ("萧，萧落木", 0.0),  # over a mark, as in 行行重行行，行
        ("萧萧落萧", 1 / 4),
        ("萧萧落萧萧", 1 / 5),  # and the second time over it is one repeat
        ("春春春", 0.0),
        ("，，，春。。。春", 0.0),
    ],
)
def test_repeats_by_hand(text: str, share: float) -> None:
    assert share_of_repeats(text) == pytest.approx(share)


def test_the_best_draft_has_the_highest_score() -> None:
    dull = draft("春山秋水", nats=9, number=0)
    likely = draft("春山秋水", nats=6, number=1)
    titled = draft("春山秋水", nats=8, bare=8 + 3.5, number=2)
    again = draft("春山春水", nats=5, number=3)
    best, scores = RANKER.best([dull, likely, titled, again])
    assert best == titled
    assert scores == score_of(titled)
    assert scores["score"] == max(score_of(one)["score"] for one in (dull, likely, titled, again))
    assert RANKER.best([dull, likely, again])[0] == likely
    assert RANKER.best([dull, again])[0] == again or REPEAT_WEIGHT > 4


def test_of_equals_the_earlier_is_taken() -> None:
    drafts = [draft("春山", nats=2, number=number) for number in range(3)]
    assert RANKER.best(drafts)[0].number == 0
    assert RANKER.best([draft("春山", nats=3, number=0), *drafts[1:]])[0].number == 1


def test_an_empty_draft_has_figures_too() -> None:
    assert score_of(draft(""))["score"] == 0.0


def test_the_worst_line_and_the_worst_foot_are_named() -> None:
    tokens = tuple(VOCAB.encode("春山春，春水秋。山山山，水水白。"))
    costs = (1, 1, 1, 9, 1, 2, 3, 9, 4, 4, 4, 9, 1, 2, 2, 9)
    found = RANKER.figures(Draft(0, tokens, tuple(map(float, costs)), 0.0))
    assert found["line"] == -4.0, "marks cost nothing"
    assert found["foot"] == -2.5, "the last two characters of the second line"
