"""Tunes learned from poems: poems are made to a hidden template here, and the template must come back."""

import doctest
import json
import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from poetgen.errors import CheckpointError
from poetgen.network.checkpoint import boxed
from poetgen.prosody import tunes
from poetgen.prosody.feet import feet
from poetgen.prosody.rhymes import ANY, CILIN, LEVEL, OBLIQUE, categories, characters
from poetgen.prosody.rhymes import tones as tones_of
from poetgen.prosody.template import Line, Template
from poetgen.prosody.tunes import Learned, learn, listed, load, to_json

#: Groups of the 词林正韵 that hold many characters of both tones.
GROUPS = ("第一部", "第三部", "第七部", "第八部", "第十一部")


def parse(text: str) -> tuple[Line, ...]:
    """Lines written as 中平中仄0，仄、平平0。: a digit says with which lines a line rhymes."""
    lines = []
    for part in text.replace("。", "。 ").replace("，", "， ").split():
        rhyme = int(part[-2]) if part[-2].isdigit() else None
        written = part[:-1].rstrip("0123456789")
        lines.append(Line((written.replace("、", ""),), rhyme, part[-1], max(0, written.find("、"))))
    return tuple(lines)


@cache
def book() -> dict[tuple[str, str], list[str]]:
    """Characters of one tone by (tone, group of the 词林正韵), and by (tone, "") all of them."""
    found: dict[tuple[str, str], list[str]] = {}
    for char in sorted({char for name in categories() for char in characters(name)[:60]}):
        tone, groups = tones_of(char), feet(char, ANY, CILIN)
        if len(tone) == len(groups) == 1:
            for group in ("", *groups):
                found.setdefault(("".join(tone), group), []).append(char)
    return found


def write(lines: Sequence[Line], draw: random.Random, faults: float = 0.0) -> str:
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


def poems(name: str, lines: Sequence[Line], count: int, seed: int = 1, faults: float = 0.0) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    return [(name, write(lines, draw, faults)) for _ in range(count)]


PUSAMAN = (
    "中平中仄平平仄0。中平中仄平平仄0。中仄仄平平1。中平平仄平1。中平平仄仄2。中仄平平仄2。中仄仄平平3。中平平仄平3。"
)
XIJIANGYUE = "中仄中平中仄，中平中仄平平0。中平中仄仄平平0。中仄中平中仄0。" * 2
MANJIANGHONG = "中仄平平，中中仄、中平中仄0。中平中仄，仄中平、中仄仄平平，平平仄0。"
HUANXISHA = "中仄平平仄仄平0。中平中仄仄平平0。中平中仄仄平平0。中仄中平平仄仄，中平中仄仄平平0。中平中仄仄平平0。"


# Learning --------------------------------------------------------------------------------------------------------


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(tunes)
    assert result.attempted > 0 and result.failed == 0


@pytest.mark.parametrize("text", [PUSAMAN, XIJIANGYUE, MANJIANGHONG, HUANXISHA])
def test_the_hidden_template_comes_back(text: str) -> None:
    """Changes of rhyme, one rhyme in both tones, pauses, lines that do not rhyme; one place in forty is wrong."""
    lines = parse(text)
    learned = learn(poems("调", lines, 300, faults=0.025))["调"]
    (found,) = learned.template.variants
    assert [line.rhyme for line in found] == [line.rhyme for line in lines]
    assert found == lines
    assert (learned.template.form, learned.template.book) == ("调", CILIN)
    assert (learned.poems, learned.share) == (300, 1.0)


def test_other_line_lengths_do_not_blur_the_commonest() -> None:
    lines = parse(HUANXISHA)
    others = parse("中仄平平仄平0。中平平仄仄平平0。平平平仄平平0。")
    learned = learn(poems("调", lines, 60) + poems("调", others, 40))["调"]
    assert learned.template.lengths == (7,) * 6 and learned.template.variants[0][0] == lines[0]
    assert (learned.poems, learned.share) == (100, 0.6)


def test_a_rhyme_that_four_poems_in_ten_have_is_left_free() -> None:
    """满庭芳 has such a foot: most poets let it be."""
    without = "中平，平仄仄，中平中仄，中仄平平0。中仄仄平平0。"
    rhymed = without.replace("中平，平", "中平0，平", 1)
    learned = learn(poems("调", parse(without), 60) + poems("调", parse(rhymed), 40))["调"]
    assert [line.rhyme for line in learned.template.variants[0]] == [None, None, None, 0, 0]


def test_a_tune_of_level_and_of_oblique_rhymes_has_a_variant_of_each() -> None:
    level = parse("中仄仄平平0。中平中仄，中仄平平0。中仄平平，中平中仄，中仄平平0。")
    oblique = parse("中仄平平仄0。中平中仄，中平平仄0。中仄平平，中平中仄，中平平仄0。")
    learned = learn(poems("调", level, 70) + poems("调", oblique, 30))["调"]
    assert learned.template.variants == (level, oblique), "the commoner first"


def test_a_handful_of_the_other_kind_does_not_make_the_feet_free() -> None:
    level = parse("中仄仄平平0。中平中仄，中仄平平0。中仄仄平平0。")
    oblique = parse("中仄平平仄0。中平中仄，中平平仄0。中仄平平仄0。")
    learned = learn(poems("调", level, 70) + poems("调", oblique, 10))["调"]
    assert learned.template.variants == (level,)


def test_places_that_go_together_make_alternatives() -> None:
    line = Line(("平平中仄平", "仄平平仄平"), 0, "。")
    lines = (*parse("中仄平平仄，"), line, *parse("中平中仄仄，中仄仄平平0。"))
    learned = learn(poems("调", lines, 300))["调"]
    assert set(learned.template.variants[0][1].tones) == set(line.tones)


def test_a_poem_that_may_open_in_two_ways_has_a_variant_of_each() -> None:
    one = parse("中平中仄仄平平0。中仄平平仄仄平0。中仄中平平仄仄，中平中仄仄平平0。")
    two = parse("中仄平平仄仄平0。中平中仄仄平平0。中平中仄平平仄，中仄平平仄仄平0。")
    learned = learn(poems("调", one, 60) + poems("调", two, 40))["调"]
    assert learned.template.variants == (one, two)


@pytest.mark.parametrize(
    ("count", "other", "known"), [(19, 0, False), (20, 0, True), (12, 30, True), (11, 30, False)], ids=str
)
def test_how_many_poems_a_tune_takes(count: int, other: int, known: bool) -> None:
    lines = parse("中仄仄平平0。中平中仄，中仄平平0。")
    odd = [("调", "".join(write(parse("平仄平0。" * rows), random.Random(rows)))) for rows in range(3, 3 + other)]
    assert ("调" in learn(poems("调", lines, count) + odd)) is known


def test_poems_whose_last_line_rhymes_with_nothing_teach_no_tune() -> None:
    assert learn(poems("调", parse("中仄仄平平，中平中仄，中仄平平。"), 50)) == {}


def test_unknown_characters_and_odd_bodies_do_no_harm() -> None:
    lines = parse(HUANXISHA)
    draw = random.Random(4)
    worn = [
        (name, "".join("□" if draw.random() < 0.03 and char not in "，。" else char for char in body))
        for name, body in poems("调", lines, 200)
    ]
    odd = [("调", body) for body in ("", "。", "，，", "、、。", "春", "a\nb\n", "平" * 500 + "。")] * 3
    assert learn(worn + odd)["调"].template.variants == (lines,)


def test_second_names_are_learned_together() -> None:
    lines = parse(HUANXISHA)
    learned = learn(poems("酹江月", lines, 12) + poems("念奴娇", lines, 12, seed=2))
    assert list(learned) == ["念奴娇"] and learned["念奴娇"].poems == 24


def test_names_lead_to_names_that_are_listed() -> None:
    assert all(listed(name) == name for name in tunes.ALIASES.values()), "in one step"
    assert listed("金缕曲") == "贺新郎" and listed("一剪梅") == "一翦梅"


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
    assert learn(poems(name, parse(text), 80))[name].template.stanzas == stanzas


# On disk ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def learned() -> dict[str, Learned]:
    line = Line(("平平中仄平", "仄平平仄平"), 0, "。", 2)
    pair = Template("二调", (parse("平平仄0，平平仄0。"), parse("平平平0，仄平平0。")), CILIN, (1, 1))
    return {"一调": Learned(Template("一调", ((line, line),), CILIN, (2,)), 30, 0.7), "二调": Learned(pair, 20, 1.0)}


def test_there_and_back(learned: dict[str, Learned], tmp_path: Path) -> None:
    path = tmp_path / "forms.json"
    path.write_text(to_json(learned), encoding="utf-8")
    assert load(path) == learned
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(learned) + 2, "one tune a line, for diff tools"
    path.write_text(to_json({}), encoding="utf-8")
    assert load(path) == load(tmp_path / "none.json") == {}


def change(**values: Any) -> Callable[[Any], None]:
    def edit(data: Any) -> None:
        data["tunes"][0].update(values)

    return edit


def change_line(**values: Any) -> Callable[[Any], None]:
    def edit(data: Any) -> None:
        data["tunes"][0]["variants"][0][0].update(values)

    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda data: data.update(format=2), "format 2"),
        (lambda data: data.pop("tunes"), "tunes"),
        (lambda data: data.update(tunes={}), "list"),
        (lambda data: data.update(tunes=data["tunes"] * 3000), "at most"),
        (lambda data: data["tunes"].append(3), "not a file of tunes"),
        (lambda data: data["tunes"][0].pop("stanzas"), "stanzas"),
        (change(name=""), "name"),
        (change(name=["一"]), "name"),
        (change(poems=-1), "poems"),
        (change(poems=True), "poems"),
        (change(share=1.5), "share"),
        (change(share="all"), "share"),
        (change(book="广韵"), "book"),
        (change(stanzas=[1]), "stanzas"),
        (change(stanzas=[-2, 4]), "stanzas"),
        (change(variants=[]), "variants"),
        (change(variants=[[]]), "lines"),
        (change(variants=7), "not a file of tunes"),
        (change(variants=[[{"tones": ["平"], "rhyme": 0, "mark": "。", "pause": 0}] * 101]), "lines"),
        (change_line(tones=[]), "tones"),
        (change_line(tones=["平", "平平"]), "tones"),
        (change_line(tones=["平去"]), "tones"),
        (change_line(tones=["平" * 1000]), "tones"),
        (change_line(tones="平平仄仄"), "tones"),
        (change_line(rhyme=-1), "rhyme"),
        (change_line(rhyme=True), "rhyme"),
        (change_line(mark="！"), "line ends"),
        (change_line(mark=["。"]), "not a file of tunes"),
        (change_line(pause=5), "pause"),
    ],
)
def test_a_broken_file_is_named_with_the_way_out(
    edit: Callable[[Any], None], said: str, learned: dict[str, Learned], tmp_path: Path
) -> None:
    path = tmp_path / "forms.json"
    data = json.loads(to_json(learned))
    edit(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(CheckpointError, match=said) as caught:
        load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"null", b'"' + b"a" * (17 << 20)])
def test_what_is_no_json_of_tunes(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "forms.json"
    path.write_bytes(raw)
    with pytest.raises(CheckpointError, match="not a file of tunes"):
        load(path)


# The tunes in the box --------------------------------------------------------------------------------------------

#: The twenty tunes with most poems, as the tune books have them: characters a line, and what rhymes with what (. none).
KNOWN = {
    "浣溪沙": ("777777", "000.00"),
    "水调歌头": ("5565665553336566555", ".0.0..0.0..0.0..0.0"),
    "鹧鸪天": ("777733777", "00.0.00.0"),
    "菩萨蛮": ("77555555", "00112233"),
    "念奴娇": ("45476445466457644546", "..0.0..0.0..0.0..0.0"),
    "满江红": ("477477833333547783", ".0.0.0.0.0.0.0.0.0"),
    "临江仙": ("7675576755", ".00.0.00.0"),
    "西江月": ("66766676", ".000.000"),
    "蝶恋花": ("7457774577", "0.0000.000"),
    "减字木兰花": ("47474747", "00112233"),
    "贺新郎": ("57476778337747677833", "0.0.00.0.00.0.00.0.0"),
    "沁园春": ("4445444447354685444447354", "..0...0..0..000...0..0..0"),
    "点绛唇": ("474545345", ".000.0000"),
    "清平乐": ("45766666", "000011.1"),
    "玉楼春": ("77777777", "00.000.0"),
    "满庭芳": ("446456734523445467345", "..0.0.0..0...0.0.0..0"),
    "虞美人": ("75797579", "00112233"),
    "水龙吟": ("6744444454667444444544", ".0..0..0..0.0..0..0..0"),
    "如梦令": ("6656226", "00.0000"),
    "卜算子": ("55755575", ".0.0.0.0"),
}


@pytest.mark.skipif(not (boxed() / "forms.json").exists(), reason="the checkpoint in the box has no tunes")
@pytest.mark.parametrize("name", KNOWN)
def test_the_best_known_tunes_are_as_the_books_have_them(name: str) -> None:
    template = load(boxed() / "forms.json")[name].template
    lengths, rhymes = KNOWN[name]
    assert "".join(map(str, template.lengths)) == lengths
    assert "".join("." if line.rhyme is None else str(line.rhyme) for line in template.variants[0]) == rhymes
    assert sum(template.stanzas) == len(lengths)
