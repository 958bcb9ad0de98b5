"""Figures of poems as text, against poems counted by hand."""

import pytest

from poetgen import figures

TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
NIGHT = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"


def test_regularity_counts_poems() -> None:
    short = TOWER.replace("更上一层楼", "更上层楼")
    assert figures.regularity([TOWER], "五绝") == {"form": 1, "rhyme": 1, "meter": 1}
    # 静夜思 rhymes and has no meter; a line that lacks a character breaks form and meter, and its foot still rhymes.
    assert figures.regularity([TOWER, TOWER, NIGHT, short], "五绝") == {"form": 0.75, "rhyme": 1, "meter": 0.5}
    assert figures.regularity([TOWER], "七绝")["form"] == 0


@pytest.mark.parametrize(("length", "share"), [(1, 17 / 20), (2, 15 / 16), (5, 1.0), (6, 1.0)])
def test_distinct_counts_runs_within_lines(length: int, share: float) -> None:
    # 明, 月 and 头 come twice among the 20 characters of 静夜思, and 明月 among its 16 words.
    assert figures.distinct([NIGHT], length) == pytest.approx(share)


def test_distinct_takes_poems_together() -> None:
    assert figures.distinct([TOWER, TOWER], 2) == 0.5
    assert figures.distinct([TOWER, NIGHT], 2) == pytest.approx(31 / 32)


@pytest.mark.parametrize(
    ("poem", "answer"),
    [
        (TOWER, False),
        (NIGHT, True),  # 明月
        ("萧萧班马鸣，萧萧落木声。", False),  # reduplication is no repetition
        ("争渡，争渡，惊起一滩鸥鹭。", True),  # a line
        ("春江水，江春月。", False),
        ("", False),
    ],
)
def test_repeats(poem: str, answer: bool) -> None:
    assert figures.repeats(poem) is answer
