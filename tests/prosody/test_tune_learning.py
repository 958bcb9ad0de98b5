"""Tunes learned from poems: poems are made to a hidden template here, and the template must come back."""

import random
from collections.abc import Sequence
from functools import cache

import pytest

from poetgen.prosody import ANY, CILIN, LEVEL, OBLIQUE, categories, characters, feet, tones
from poetgen.prosody.template import TemplateLine
from poetgen.prosody.tune_learning import learn_tunes

#: Groups of the 词林正韵 that hold many characters of both tones.
GROUPS = ("第一部", "第三部", "第七部", "第八部", "第十一部")


def parse(text: str) -> tuple[TemplateLine, ...]:
    """Lines written as 中平中仄0，仄、平平0。: a digit says with which lines a line rhymes."""
    lines = []
    for part in text.replace("。", "。 ").replace("，", "， ").split():
        rhyme = int(part[-2]) if part[-2].isdigit() else None
        written = part[:-1].rstrip("0123456789")
        lines.append(TemplateLine((written.replace("、", ""),), rhyme, part[-1], max(0, written.find("、"))))
    return tuple(lines)


@cache
def book() -> dict[tuple[str, str], list[str]]:
    """Characters of one tone by (tone, group of the 词林正韵), and by (tone, "") all of them."""
    chars: dict[tuple[str, str], list[str]] = {}
    for char in sorted({char for name in categories() for char in characters(name)[:60]}):
        tone, groups = tones(char), feet(char, ANY, CILIN)
        if len(tone) == len(groups) == 1:
            for group in ("", *groups):
                chars.setdefault(("".join(tone), group), []).append(char)
    return chars


def write(lines: Sequence[TemplateLine], draw: random.Random, faults: float = 0.0) -> str:
    """A poem to some lines: free places of either tone, the feet in groups that differ from rhyme to rhyme."""
    groups = draw.sample(GROUPS, len(GROUPS))
    body = ""
    for line in lines:
        text = ""
        for place, asked in enumerate(draw.choice(line.tones), start=1):
            tone = draw.choice(LEVEL + OBLIQUE) if asked == ANY else asked
            if draw.random() < faults:
                tone = LEVEL if tone == OBLIQUE else OBLIQUE
            foot = line.rhyme is not None and place == len(line)
            text += draw.choice(book()[tone, groups[line.rhyme or 0] if foot else ""])
            text += "、" if place == line.pause else ""
        body += text + line.mark
    return body


def poems(
    name: str, lines: Sequence[TemplateLine], count: int, seed: int = 1, faults: float = 0.0
) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    return [(name, write(lines, draw, faults)) for _ in range(count)]


PUSAMAN = (
    "中平中仄平平仄0。中平中仄平平仄0。中仄仄平平1。中平平仄平1。中平平仄仄2。中仄平平仄2。中仄仄平平3。中平平仄平3。"
)
XIJIANGYUE = "中仄中平中仄，中平中仄平平0。中平中仄仄平平0。中仄中平中仄0。" * 2
MANJIANGHONG = "中仄平平，中中仄、中平中仄0。中平中仄，仄中平、中仄仄平平，平平仄0。"
HUANXISHA = "中仄平平仄仄平0。中平中仄仄平平0。中平中仄仄平平0。中仄中平平仄仄，中平中仄仄平平0。中平中仄仄平平0。"


@pytest.mark.parametrize("text", [PUSAMAN, XIJIANGYUE, MANJIANGHONG, HUANXISHA])
def test_the_hidden_template_comes_back(text: str) -> None:
    """Changes of rhyme, one rhyme in both tones, pauses, lines that do not rhyme; one place in forty is wrong."""
    lines = parse(text)
    learned = learn_tunes(poems("调", lines, 300, faults=0.025))["调"]
    (variant,) = learned.template.variants
    assert [line.rhyme for line in variant] == [line.rhyme for line in lines]
    assert variant == lines
    assert (learned.template.form, learned.template.book) == ("调", CILIN)
    assert (learned.poems, learned.share) == (300, 1.0)


def test_other_line_lengths_do_not_blur_the_commonest() -> None:
    lines = parse(HUANXISHA)
    others = parse("中仄平平仄平0。中平平仄仄平平0。平平平仄平平0。")
    learned = learn_tunes(poems("调", lines, 60) + poems("调", others, 40))["调"]
    assert learned.template.lengths == (7,) * 6 and learned.template.variants[0][0] == lines[0]
    assert (learned.poems, learned.share) == (100, 0.6)


def test_a_rhyme_that_four_poems_in_ten_have_is_left_free() -> None:
    """满庭芳 has such a foot: most poets let it be."""
    without = "中平，平仄仄，中平中仄，中仄平平0。中仄仄平平0。"
    rhymed = without.replace("中平，平", "中平0，平", 1)
    learned = learn_tunes(poems("调", parse(without), 60) + poems("调", parse(rhymed), 40))["调"]
    assert [line.rhyme for line in learned.template.variants[0]] == [None, None, None, 0, 0]


def test_a_tune_of_level_and_of_oblique_rhymes_has_a_variant_of_each() -> None:
    level = parse("中仄仄平平0。中平中仄，中仄平平0。中仄平平，中平中仄，中仄平平0。")
    oblique = parse("中仄平平仄0。中平中仄，中平平仄0。中仄平平，中平中仄，中平平仄0。")
    learned = learn_tunes(poems("调", level, 70) + poems("调", oblique, 30))["调"]
    assert learned.template.variants == (level, oblique), "the commoner first"


def test_a_handful_of_the_other_kind_does_not_make_the_feet_free() -> None:
    level = parse("中仄仄平平0。中平中仄，中仄平平0。中仄仄平平0。")
    oblique = parse("中仄平平仄0。中平中仄，中平平仄0。中仄平平仄0。")
    learned = learn_tunes(poems("调", level, 70) + poems("调", oblique, 10))["调"]
    assert learned.template.variants == (level,)


def test_places_that_go_together_make_alternatives() -> None:
    line = TemplateLine(("平平中仄平", "仄平平仄平"), 0, "。")
    lines = (*parse("中仄平平仄，"), line, *parse("中平中仄仄，中仄仄平平0。"))
    learned = learn_tunes(poems("调", lines, 300))["调"]
    assert set(learned.template.variants[0][1].tones) == set(line.tones)


def test_a_poem_that_may_open_in_two_ways_has_a_variant_of_each() -> None:
    opens_level = parse("中平中仄仄平平0。中仄平平仄仄平0。中仄中平平仄仄，中平中仄仄平平0。")
    opens_oblique = parse("中仄平平仄仄平0。中平中仄仄平平0。中平中仄平平仄，中仄平平仄仄平0。")
    learned = learn_tunes(poems("调", opens_level, 60) + poems("调", opens_oblique, 40))["调"]
    assert learned.template.variants == (opens_level, opens_oblique)


@pytest.mark.parametrize(
    ("count", "other", "known"), [(19, 0, False), (20, 0, True), (12, 30, True), (11, 30, False)], ids=str
)
def test_how_many_poems_a_tune_takes(count: int, other: int, known: bool) -> None:
    lines = parse("中仄仄平平0。中平中仄，中仄平平0。")
    odd = [("调", "".join(write(parse("平仄平0。" * rows), random.Random(rows)))) for rows in range(3, 3 + other)]
    assert ("调" in learn_tunes(poems("调", lines, count) + odd)) is known


def test_poems_whose_last_line_rhymes_with_nothing_teach_no_tune() -> None:
    assert learn_tunes(poems("调", parse("中仄仄平平，中平中仄，中仄平平。"), 50)) == {}


def test_unknown_characters_and_odd_bodies_do_no_harm() -> None:
    lines = parse(HUANXISHA)
    draw = random.Random(4)
    worn = [
        (name, "".join("□" if draw.random() < 0.03 and char not in "，。" else char for char in body))
        for name, body in poems("调", lines, 200)
    ]
    odd = [("调", body) for body in ("", "。", "，，", "、、。", "春", "a\nb\n", "平" * 500 + "。")] * 3
    assert learn_tunes(worn + odd)["调"].template.variants == (lines,)


def test_second_names_are_learned_together() -> None:
    lines = parse(HUANXISHA)
    learned = learn_tunes(poems("酹江月", lines, 12) + poems("念奴娇", lines, 12, seed=2))
    assert list(learned) == ["念奴娇"] and learned["念奴娇"].poems == 24


# Stanzas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "stanzas"),
    [
        ("浣溪沙", HUANXISHA, (3, 3)),
        ("菩萨蛮", PUSAMAN, (4, 4)),
        ("西江月", XIJIANGYUE, (4, 4)),
        (
            "清平乐",
            "中平中仄0。中仄平平仄0。中仄中平平仄仄0。中仄中平中仄0。"
            "中平中仄平平1。中平中仄平平1。中仄中平中仄，中平中仄平平1。",
            (4, 4),
        ),
        (
            "鹧鸪天",
            "中仄平平仄仄平0。中平中仄仄平平0。中平中仄平平仄，中仄平平仄仄平0。"
            "平仄仄，仄平平0。中平中仄仄平平0。中平中仄平平仄，中仄平平仄仄平0。",
            (4, 5),
        ),
        (
            "望海潮",
            "中平平仄，平平中仄，中平中仄平平0。中仄中平，中平中仄，中平中仄平平0。中仄仄平平0。仄中平中仄，中仄平平0。"
            "仄仄平平，中平中仄仄平平0。中平中仄平平0。仄中平中仄，中仄平平0。平仄中平，中平中仄，中平中仄平平0。"
            "中仄仄平平0。中中平中仄，中仄平平0。中仄中平中仄，中仄仄平平0。",
            (11, 11),
        ),
        ("长相思", "中中平0。中中平0。中仄平平中仄平0。中平中仄平0。" * 2, (4, 4)),
        ("如梦令", "中仄中平中仄0。中仄中平中仄0。中仄仄平平，中仄中平平仄0。平仄0。平仄0。中仄中平中仄0。", (7,)),
        ("忆江南", "平中仄，中仄仄平平0。中仄中平平仄仄，中平中仄仄平平0。中仄仄平平0。", (5,)),
    ],
)
def test_where_the_stanzas_part(name: str, text: str, stanzas: tuple[int, ...]) -> None:
    assert learn_tunes(poems(name, parse(text), 80))[name].template.stanzas == stanzas
