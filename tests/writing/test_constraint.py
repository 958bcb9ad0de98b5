"""Rules as machines: random walks among all that they allow, with no network to lead them to what is easy."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetgen.data.sequence import CONTROL
from poetgen.data.vocab import Vocab
from poetgen.errors import UsageError
from poetgen.prosody import ANY, CILIN, PINGSHUI, SHAPES, categories, check, is_level, rhymes, tones
from poetgen.prosody.explain import explain
from poetgen.prosody.feet import feet
from poetgen.prosody.readings import Reader
from poetgen.prosody.template import Template, TemplateLine
from poetgen.text import clauses, is_han
from poetgen.writing.constraint import Constraint, Free, constrain
from poetgen.writing.masks import Masks, is_verse
from poetgen.writing.pattern import Layer
from poetgen.writing.planning import Plan, plan
from poetgen.writing.request import Request
from poetgen.writing.verse import Verse

#: The vocabulary of the checkpoint in the box: 8,600 characters with their real tones and rhymes.
VOCAB = Vocab.load(Path(__file__).parents[2] / "checkpoints" / "tang-song" / "vocab.json")
MASKS = Masks(VOCAB)


# Tunes, by hand --------------------------------------------------------------------------------------------------


def tune(name: str, *variants: str, stanzas: tuple[int, ...] = ()) -> Template:
    """A template from lines such as 中仄仄、平平0。: tones, a pause, the number of the rhyme, the mark."""
    return Template(name, tuple(tuple(map(line, variant.split())) for variant in variants), CILIN, stanzas)


def line(text: str) -> TemplateLine:
    found = re.fullmatch("([平仄中、/]+)([0-9]?)([，。])", text)
    assert found
    alternatives, rhyme, mark = found.groups()
    pause = max(0, alternatives.split("/")[0].find("、"))
    return TemplateLine(tuple(alternatives.replace("、", "").split("/")), int(rhyme) if rhyme else None, mark, pause)


# Source: Wang Li (王力), 诗词格律; the one of two ways and the one of free feet are made up. 试, lest the book of tunes
# knows the name.
TUNES: Mapping[str, Template] = {
    template.form: template
    for template in (
        tune(
            "试浣溪沙",
            "中仄中平中仄平0， 中平中仄仄平平0。 中平中仄仄平平0。"
            " 中仄中平平仄仄， 中平中仄仄平平0。 中平中仄仄平平0。",
            stanzas=(3, 3),
        ),
        tune(
            "试菩萨蛮",
            "中平中仄平平仄0， 中平中仄平平仄0。 中仄仄平平1， 中平中仄平1。"
            " 中平平仄仄2， 中仄中平仄2。 中仄仄平平3， 中平中仄平3。",
            stanzas=(4, 4),
        ),
        tune(
            "试西江月",
            " ".join(["中仄中平中仄， 中平中仄平平0。 中平中仄仄平平0， 中仄中平中仄0。"] * 2),
            stanzas=(4, 4),
        ),
        tune(
            "试如梦令", "中仄中平中仄0， 中仄中平平仄0。 中仄仄平平， 中仄中平平仄0。 平仄0， 平仄0。 中仄中平平仄0。"
        ),
        tune(
            "试行香子",
            "中仄平平0， 中仄平平0。 仄平平、仄仄平平0。 中平中仄， 中仄平平0。 仄、仄平平/仄、平平仄， 仄平平0。",
        ),
        tune(
            "试满江红",
            "中仄平平， 平中仄、平平中仄0。 平仄仄、仄平平仄， 仄平平仄0。",
            "中仄平平， 平中仄、中平仄平0。 平平仄、仄平平仄， 仄仄平平0。",
        ),
        tune("自由调", "平平仄， 平中/仄中0。 仄1， 中平0， 仄1。"),
    )
}


def fits(template: Template, text: str) -> bool:
    """Whether a text keeps a template, found out by trying every variant and every alternative."""
    return any(_fits_variant(template, variant, text) for variant in template.variants)


def _fits_variant(template: Template, variant: Sequence[TemplateLine], text: str) -> bool:
    shape = "".join(
        "字" * line.pause + "、" * bool(line.pause) + "字" * (len(line) - line.pause) + line.mark for line in variant
    )
    same = {"。？！；": "。", "，": "，", "、": "、"}
    marked = "".join("字" if is_han(c) else next((m for all_, m in same.items() if c in all_), c) for c in text)
    if marked != shape or text[-1] == "；":
        return False
    # By rhyme: the rhymes that its feet have in common, for each way to read them.
    shared: dict[int, set[frozenset[str]]] = {}
    for line, chars in zip(variant, clauses(text), strict=True):
        readings = [
            alternative
            for alternative in line.tones
            if all(tone == ANY or tone in tones(c) for tone, c in zip(alternative, chars, strict=True))
        ]
        if not readings:
            return False
        if line.rhyme is not None:
            own = {feet(chars[-1], alternative[-1], template.book) for alternative in readings}
            before = shared.get(line.rhyme, own)
            shared[line.rhyme] = {one & other for one in before for other in own}
    return all(any(found) for found in shared.values())


def feet_of(template: Template, text: str) -> list[str]:
    """The rhyming characters of a text, by the first variant that it keeps."""
    variant = next(variant for variant in template.variants if _fits_variant(template, variant, text))
    return [chars[-1] for line, chars in zip(variant, clauses(text), strict=True) if line.rhyme is not None]


# Walking ---------------------------------------------------------------------------------------------------------


class Walker:
    """Takes any step that a machine allows. `odd` prefers characters of several readings."""

    def __init__(self, masks: Masks = MASKS) -> None:
        self.masks = masks
        self.ids: dict[int, np.ndarray] = {}
        self.odd_ids: dict[int, np.ndarray] = {}
        self.several = np.array([len(token) == 1 and len(rhymes(token)) > 1 for token in masks.vocab.tokens])

    def choices(self, machine: Constraint, odd: bool = False) -> list[int] | np.ndarray:
        row = machine.mask()
        if row not in self.ids:
            mask = self.masks.table[row]
            self.ids[row], self.odd_ids[row] = np.flatnonzero(mask), np.flatnonzero(mask & self.several)
        banned = list(machine.banned())
        if odd and len(found := np.setdiff1d(self.odd_ids[row], banned)):
            return found
        return np.setdiff1d(self.ids[row], banned) if banned else self.ids[row]

    def walk(
        self, machine: Constraint, draw: random.Random, odd: bool = False, ends: float = 0.3, avoids: bool = False
    ) -> str:
        machine = machine.copy()
        end, text = self.masks.end, ""
        while not machine.done:
            ids = self.choices(machine, odd and draw.random() < 0.7)
            assert len(ids), f"no way on after {text}"
            if avoids and len(left := np.setdiff1d(ids, list(machine.avoided()))):
                ids = left
            token = end if end in ids and draw.random() < ends else int(ids[draw.randrange(len(ids))])
            machine.push(token)
            if token != end:
                text += self.masks.vocab.tokens[token]
            assert len(text) < 5000
        return text


WALKER = Walker()


def start(request: Request, masks: Masks = MASKS, length: int = 64) -> tuple[Plan, Constraint]:
    planned = plan(request, length, TUNES)
    machine, note = constrain(planned, masks)
    assert note == "", note
    return planned, machine


def template_of(planned: Plan) -> Template:
    assert planned.template is not None
    return planned.template


REQUESTS = [
    *(Request(form=form) for form in (*SHAPES, *TUNES)),
    *(Request(form=form, lines=lines) for form in ("五排", "七排") for lines in (0, 2, 6, 16, 30)),
    *(Request(form=form, lines=lines) for form in ("五古", "七古") for lines in (0, 2, 4, 14)),
]


@pytest.mark.slow
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: f"{r.form}{r.lines or ''}")
def test_every_walk_comes_to_a_poem_of_its_form(request_: Request) -> None:
    planned, machine = start(request_)
    template = template_of(planned)
    draw = random.Random(f"{request_}")
    for number in range(14):
        text = WALKER.walk(machine, draw, odd=number % 2 == 1)
        if template.open:
            count = len(clauses(text))
            assert count >= 4 and count % 2 == 0
            held = replace(template, variants=(template.variants[0][:count],))
        else:
            held = template
        assert len(text) == held.size
        assert fits(held, text), text
        last = feet_of(held, text)
        assert len(set(last)) == len(last), f"a foot twice: {text}"


@pytest.mark.parametrize("form", SHAPES)
def test_regulated_walks_stand_before_the_checker_of_poems(form: str) -> None:
    _, machine = start(Request(form=form))
    draw = random.Random(form)
    opened = set()
    for number in range(40):
        lines = clauses(WALKER.walk(machine, draw, odd=number % 2 == 1))
        verdict = check(lines, form)
        assert verdict.form and verdict.rhyme and verdict.meter, lines
        pattern = verdict.lines[0].pattern
        opened.add(pattern[1] + pattern[-1])
        for text in lines:
            heard = "".join(min(tones(c)) if len(tones(c)) == 1 else "？" for c in text)[-5:]
            assert heard != "仄平仄仄平", f"孤平: {text}"
            assert not (heard.endswith("平平平") and text in lines[1::2]), f"三平尾: {text}"
    assert len(opened) >= 3, "and not one way to begin is like the other"


def accepts(machine: Constraint, text: str, masks: Masks = MASKS) -> str:
    """How far a machine follows a text."""
    machine = machine.copy()
    for place, char in enumerate(text):
        row, token = machine.mask(), masks.vocab.id(char)
        if machine.done or not masks.table[row][token] or token in machine.banned():
            return text[:place]
        machine.push(token)
    return text


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("五绝", "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"),
        ("七绝", "朝辞白帝彩云间，千里江陵一日还。两岸猿声啼不住，轻舟已过万重山。"),
        (
            "五律",
            "国破山河在，城春草木深。感时花溅泪，恨别鸟惊心。烽火连三月，家书抵万金。白头搔更短，浑欲不胜簪。",
        ),
        (
            "七律",
            "风急天高猿啸哀，渚清沙白鸟飞回。无边落木萧萧下，不尽长江滚滚来。"
            "万里悲秋常作客，百年多病独登台。艰难苦恨繁霜鬓，潦倒新停浊酒杯。",
        ),
        (
            "试浣溪沙",
            "漠漠轻寒上小楼，晓阴无赖似穷秋。淡烟流水画屏幽。自在飞花轻似梦，无边丝雨细如愁。宝帘闲挂小银钩。",
        ),
        (
            "试菩萨蛮",
            "平林漠漠烟如织，寒山一带伤心碧。暝色入高楼，有人楼上愁。玉阶空伫立，宿鸟归飞急。何处是归程，长亭更短亭。",
        ),
        (
            "试西江月",
            "明月别枝惊鹊，清风半夜鸣蝉。稻花香里说丰年，听取蛙声一片。七八个星天外，两三点雨山前。旧时茅店社林边，路转溪桥忽见。",
        ),
        ("五古", "慈母手中线，游子身上衣。临行密密缝，意恐迟迟归。谁言寸草心，报得三春晖。"),
    ],
)
def test_what_people_wrote_is_allowed(form: str, text: str) -> None:
    """The rules shut nothing out that keeps the form: a machine that allowed too little would lead to poor verse."""
    _, machine = start(Request(form=form))
    assert accepts(machine, text) == text


def test_tones_rhymes_feet_and_marks_are_each_refused() -> None:
    _, machine = start(Request(form="五绝"))
    good = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
    for place, char in {3: "月", 4: "流", 5: "。", 7: "水", 10: "月", 11: "，", 22: "山"}.items():
        assert accepts(machine, good[:place] + char) == good[:place], f"{char} at {place}"
    assert accepts(machine, good[:22] + "流") == good[:22], "a foot twice"
    assert accepts(machine, good[:11] + "；") == good[:11] + "；" and accepts(machine, good[:23] + "；") == good[:23]
    assert accepts(machine, good[:23] + "！") == good[:23] + "！"
    assert accepts(machine, good + "春") == good, "and nothing follows the end"


# What users ask for ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rhyme", categories())
def test_the_rhyme_that_was_asked_for_is_kept(rhyme: str) -> None:
    draw = random.Random(rhyme)
    for form in ("七绝", "五古") if is_level(rhyme) else ("五古",):
        planned, machine = start(Request(form=form, rhyme=rhyme, lines=0 if form == "七绝" else 4))
        for odd in (True, False):
            text = WALKER.walk(machine, draw, odd)
            assert fits(template_of(planned), text)
            assert all(rhyme in rhymes(line[-1]) for line in clauses(text)[1::2]), text


@pytest.mark.parametrize(
    ("form", "rhyme", "groups", "tone"),
    [
        ("试浣溪沙", "第五部", {"第五部"}, "平"),
        ("试浣溪沙", "来", {"第五部"}, "平"),
        ("试浣溪沙", "十灰", {"第三部", "第五部"}, "平"),
        ("试菩萨蛮", "第十八部", {"第十八部"}, "仄"),
        ("试西江月", "先", {"第七部"}, "平"),
        ("试如梦令", "屋", {"第十五部"}, "仄"),
    ],
)
def test_tunes_keep_the_rhyme_that_was_asked_for(form: str, rhyme: str, groups: set[str], tone: str) -> None:
    planned, machine = start(Request(form=form, rhyme=rhyme))
    first = next(number for number, line in enumerate(template_of(planned).variants[0]) if line.rhyme == 0)
    seen: set[str] = set()
    for seed in range(8):
        text = WALKER.walk(machine, random.Random(seed), odd=seed % 2 == 1)
        assert fits(template_of(planned), text)
        found = feet(clauses(text)[first][-1], tone, CILIN) & groups
        assert found, text
        seen |= found
    assert seen <= groups


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: f"{r.form}{r.lines or ''}")
def test_acrostics_are_kept(request_: Request) -> None:
    lengths = template_of(plan(request_, 64, TUNES)).lengths
    draw = random.Random(request_.form)
    for number in range(3):
        heads = _heads(plan(request_, 64, TUNES), draw, whole=number == 0)
        planned, machine = start(replace(request_, acrostic=heads))
        text = WALKER.walk(machine, draw, odd=number == 1, ends=1.0)
        opening = "".join(line[0] for line in clauses(text))
        assert opening[: len(heads)] == heads, "and an open form is not over before its acrostic"
        assert len(clauses(text)) == len(lengths) or template_of(planned).open
        held = template_of(planned)
        if held.open:
            held = replace(held, variants=(held.variants[0][: len(opening)],))
        assert fits(held, text)


def _heads(planned: Plan, draw: random.Random, whole: bool) -> str:
    """An acrostic that goes with the first variant: for lines that open in one tone, a character of that tone."""
    heads = ""
    for line in template_of(planned).variants[0]:
        tone = line.tones[0][0]
        if len(line) == 1:  # a foot alone; no acrostic reaches so far
            break
        heads += draw.choice([c for c in "春夏秋冬风花雪月看过江山水夜" if tone == ANY or tone in tones(c)])
    return heads[: len(heads) if whole else draw.randint(1, len(heads))]


def test_an_acrostic_may_hold_a_character_that_no_book_knows() -> None:
    unknown = next(token for token in VOCAB.tokens if len(token) == 1 and is_han(token) and not tones(token))
    _, machine = start(Request(form="试菩萨蛮", acrostic="春山" + unknown))
    assert clauses(WALKER.walk(machine, random.Random(1)))[2][0] == unknown


@pytest.mark.parametrize("form", ["七绝", "五律", "试菩萨蛮", "试西江月", "试行香子"])
def test_rules_are_left_off_one_by_one(form: str) -> None:
    draw = random.Random(form)
    broken = {"tones": 0, "rhyme": 0}
    for _ in range(30):
        for off in broken:
            planned, machine = start(Request(form=form, **{off: "off"}))
            text = WALKER.walk(machine, draw)
            assert fits(template_of(planned), text)
            whole = template_of(plan(Request(form=form), 64, TUNES))
            assert len(text) == whole.size
            broken[off] += not fits(whole, text)
    assert min(broken.values()) > 25, "chance alone keeps no rule"


def test_a_walk_can_take_either_way_of_a_tune_to_its_end() -> None:
    template = TUNES["试满江红"]
    _, machine = start(Request(form="试满江红"))
    found = set()
    for seed in range(60):
        text = WALKER.walk(machine, random.Random(seed), odd=seed % 2 == 1)
        found |= {number for number, variant in enumerate(template.variants) if _fits_variant(template, variant, text)}
    assert found == {0, 1}


# Ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("heads", "first"), [("", 4), ("春夏秋冬风花雪", 8)])
def test_an_open_form_may_end_after_even_lines_and_nowhere_else(heads: str, first: int) -> None:
    planned, machine = start(Request(form="五古", acrostic=heads))
    draw, written, last = random.Random(1), 0, ""
    machine = machine.copy()
    while not machine.done:
        row = machine.mask()
        lines = written / 6
        # A ； promises more, though a line ends on it.
        allowed = lines % 2 == 0 and lines >= first and last != "；"
        assert MASKS.table[row][MASKS.end] == allowed, f"after {written} characters"
        token = int(draw.choice([id for id in WALKER.choices(machine) if id != MASKS.end]))
        machine.push(token)
        written, last = written + 1, VOCAB.tokens[token]
    assert written == planned.length == 240, "and must after forty"


@pytest.mark.parametrize("may_end", [True, False])
def test_free_poems_end_by_their_length(may_end: bool) -> None:
    machine = Free(MASKS, 30, may_end)
    written = 0
    while not machine.done:
        mask = MASKS.table[row] if (row := machine.mask()) is not None else None
        assert mask is not None and mask[MASKS.end] == (may_end and written > 0)
        assert not mask[: VOCAB.id("。")].any() or mask[MASKS.end], "nothing else that is no text"
        assert machine.fresh == (written == 0 or written % 6 == 0)
        machine.push(VOCAB.id("春" if written % 6 != 5 else "，？：！。"[written // 6]))
        written += 1
    assert written == 30
    early = Free(MASKS, 30, may_end=True)
    early.push(VOCAB.id("春"))
    early.push(MASKS.end)
    assert early.done


@pytest.mark.parametrize("length", [2, 7, 20, 47, 48, 50, 63, 100])
@pytest.mark.parametrize("size", [3, 5, 7])
def test_free_verse_ends_with_a_whole_line(length: int, size: int) -> None:
    """A line of `size` characters after the other, with a comma wherever it may come, as the network would go on."""
    machine, _ = constrain(plan(Request(form="free"), length), MASKS)
    text = ""
    while not machine.done:
        row = machine.mask()
        mask = MASKS.table[row]
        wanted = "，。春" if text and len(text) % (size + 1) == size else "春。"
        text += next(char for char in wanted if mask[VOCAB.id(char)])
        machine.push(VOCAB.id(text[-1]))
    lines = clauses(text)
    assert text[-1] == "。" and len(text) <= length
    if length > size + 1:
        assert {*map(len, lines)} == {size} and length - len(text) < size + 1, "none is cut, and no other would fit"


# Machines and masks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["free", "七律", "试菩萨蛮", "五古"])
def test_a_copy_goes_its_own_way(form: str) -> None:
    _, machine = start(Request(form=form))
    draw = random.Random(form)
    for _ in range(9):
        machine.push(int(draw.choice(list(WALKER.choices(machine)))))

    def seen() -> list[object]:
        return [machine.mask(), sorted(machine.banned()), machine.fresh, machine.done]

    before = seen()
    first = [WALKER.walk(machine, random.Random(seed)) for seed in range(3)]
    assert seen() == before
    assert [WALKER.walk(machine.copy(), random.Random(seed)) for seed in range(3)] == first


def test_masks_are_shared_and_few() -> None:
    masks = Masks(VOCAB)
    walker = Walker(masks)
    _, machine = start(Request(form="七律"), masks)
    draw = random.Random(1)
    rows = []
    for _ in range(4):
        for _ in range(20):
            walker.walk(machine, draw)
        rows.append(len(masks.table))
    assert rows[-1] < 150, "one for each demand and set of rhymes, not one for each poem"
    assert len(masks.table) > 64 or rows[-1] <= 64
    assert masks.table.shape == (rows[-1], len(VOCAB))
    made: list[int] = []

    def make() -> np.ndarray:
        made.append(1)
        return np.ones(len(VOCAB), dtype=bool)

    assert masks.row("all", make) == masks.row("all", make) == rows[-1] and made == [1]
    for number in range(200):
        masks.row(number, lambda: np.zeros(len(VOCAB), dtype=bool))
    assert masks.table[rows[-1]].all() and not masks.table[rows[-1] + 1 :].any(), "the table grows and keeps its rows"


def test_words_are_not_written_where_they_are_read_otherwise() -> None:
    masks = Masks(Vocab.build(dict.fromkeys("相思春秋来月光乘风万教不，。", 1), ["[END]"]))

    def chars(first: str, *asked: tuple[str, object]) -> set[str]:
        return {masks.vocab.tokens[id] for id in masks.misread(masks.vocab.id(first), PINGSHUI, frozenset(asked))}

    assert chars("相", (ANY, "仄")) >= {"思"} and "思" not in chars("相", (ANY, "平"))
    assert "思" not in chars("相", (ANY, "仄"), (ANY, "平"))  # another way takes it
    assert "思" in chars("秋", (ANY, "平")) and "思" in chars("秋", (ANY, ("平", frozenset({"四支"}))))
    assert "乘" not in chars("万", (ANY, "仄")) and "乘" in chars("万", (ANY, "平"))
    assert chars("春", (ANY, "平")) == {"思"} and chars("月", (ANY, "平")) == set()


@pytest.mark.parametrize("book", ["auto", "词林正韵", "中华新韵", "中华通韵"])
@pytest.mark.parametrize("form", ["七绝", "五律"])
def test_walks_that_heed_words_stand_before_check(form: str, book: str) -> None:
    _, machine = start(Request(form=form, book=book))
    draw = random.Random(form)
    reader = Reader("" if book == "auto" else book)
    for _ in range(12):
        text = Walker().walk(machine, draw, avoids=True)
        explanation = explain(clauses(text), form, reader=reader)
        assert explanation.rhyme_holds and explanation.meter_holds, (text, explanation.faults)


def test_masks_by_hand() -> None:
    vocab = Vocab.build(dict.fromkeys("春月看東冻〇，。a ・\n", 1), ["[END]"])
    masks = Masks(vocab)

    def text(mask: np.ndarray) -> set[str]:
        return {vocab.tokens[id] for id in np.flatnonzero(mask)}

    assert text(masks.han) == text(masks.tone(ANY, PINGSHUI)) == set("春月看東冻〇")
    assert text(masks.tone("平", PINGSHUI)) == set("春看東〇") and text(masks.tone("仄", PINGSHUI)) == set("月看冻")
    assert text(masks.chars("春a龘")) == set("春a")
    assert text(masks.of_rhymes(["十四寒", "一东"], "平", PINGSHUI)) == set("看東")
    assert text(masks.of_rhymes(["第一部"], "仄", CILIN)) == {"冻"}
    assert masks.rhymes_of("平", PINGSHUI)[vocab.id("看")] == {"十四寒"}
    assert masks.members("仄", PINGSHUI)["十五翰"] == {vocab.id("看")}
    assert set(masks.rhymes_of(ANY, CILIN)) == set(vocab.encode("春月看東冻〇"))
    verse = Masks(Vocab.build(dict.fromkeys("春月看東冻〇红雨山水，。a ・", 1)))
    assert {verse.vocab.tokens[id] for id in np.flatnonzero(verse.text)} == set("春月看東冻〇红雨山水，。")
    latin = Masks(Vocab.build(dict.fromkeys("ab。 \n", 1), CONTROL))
    assert {latin.vocab.tokens[id] for id in np.flatnonzero(latin.text)} == set("ab。 \n")
    assert [is_verse(text) for text in ("春", "、", "\n", "a", "・", "[END]", "春春")] == [True] * 2 + [False] * 5


# Small vocabularies ----------------------------------------------------------------------------------------------

#: Characters of one reading and of several, of rhymes large and small.
POOL = (
    "东风空红中重翁冬松钟江双窗支时知为看寒安难山还关间先年天边汉岸乱萧桥教好高过多歌何家花沙长望忘光香清声明听行楼"
    "流秋愁深心吹思论言门村月雪别日食一石白玉曲绿事水里雨语去夜马下上"
)


@pytest.mark.slow
@settings(max_examples=250)
@given(
    characters=st.sets(st.sampled_from(POOL), min_size=3, max_size=56),
    marks=st.sampled_from(["，。", "，。", "，。、", "，。、？", "，；、", "，！", "，。；、", "。"]),
    request_=st.sampled_from([r for r in REQUESTS if r.lines < 16]),
    heads=st.integers(0, 2),
    seed=st.integers(0, 2**32),
)
def test_no_vocabulary_leads_to_a_dead_end(
    characters: set[str], marks: str, request_: Request, heads: int, seed: int
) -> None:
    draw = random.Random(seed)
    vocab = Vocab.build(dict.fromkeys([*characters, *marks], 1), CONTROL)
    masks = Masks(vocab)
    request_ = replace(request_, acrostic="".join(draw.choices(sorted(characters), k=heads)))
    try:
        planned = plan(request_, 64, TUNES)
        machine, note = constrain(planned, masks)
    except UsageError as error:
        named = f"--acrostic {request_.acrostic}: no line ", "too small for it, and for what is given"
        assert request_.acrostic and any(text in str(error) for text in named)
        return
    walker = Walker(masks)
    for number in range(3):
        text = walker.walk(machine, draw, odd=number == 1)
        assert len(text) <= planned.length and not set(text) - set(vocab.tokens)
        if isinstance(machine, Free):
            assert "too small for it" in note
            continue
        template = template_of(planned)
        assert len(text) == template.size or template.open
        if note:
            assert "too small for rhyme" in note
            template = template.relaxed("rhyme and tones" not in note, rhyme=False)
        if template.open:
            template = replace(template, variants=(template.variants[0][: len(clauses(text))],))
        assert fits(template, text), text
        assert [line[0] for line in clauses(text)][:heads] == list(request_.acrostic)
        last = feet_of(template, text)
        assert len(set(last)) == len(last)


def small(characters: str, request: Request) -> tuple[Walker, Constraint, str]:
    masks = Masks(Vocab.build(dict.fromkeys(characters + "，。、", 1), CONTROL))
    machine, note = constrain(plan(request, 64, TUNES), masks)
    return Walker(masks), machine, note


@pytest.mark.parametrize(
    ("form", "exact", "others"),
    [
        ("五绝", "东风", "月夜"),
        ("五绝", "看寒", "月夜"),  # read in two tones, and its other one may end the lines that do not rhyme
        ("五绝", "东风空", "月夜"),  # enough for a first line that rhymes
        ("七律", "东风空红", "月夜看过"),
        ("七律", "过多歌何", "月夜"),
        ("七律", "东风空红重", "月"),
        ("试浣溪沙", "东风空重松", "月"),
        ("试西江月", "看难山间岸汉", "月夜水"),  # six feet of two tones among readings of either
    ],
)
def test_a_rhyme_with_as_many_characters_as_there_are_feet(form: str, exact: str, others: str) -> None:
    walker, machine, note = small(exact + others, Request(form=form))
    template = template_of(plan(Request(form=form), 64, TUNES))
    if note:
        assert form == "试西江月", "two tones of one rhyme may want the same character: then it takes more of them"
        return
    for seed in range(40):
        text = walker.walk(machine, random.Random(seed), odd=seed % 2 == 0)
        assert fits(template, text) and set(feet_of(template, text)) <= set(exact)
    # Where the first line need not rhyme, one foot fewer will do.
    least = min(sum(line.rhyme is not None for line in variant) for variant in template.variants)
    _, _, note = small(exact[: least - 1] + others + "水", Request(form=form))
    assert note == f"--form {form}: the model's vocabulary is too small for rhyme"


def test_rhymes_that_share_their_characters_leave_each_other_enough() -> None:
    """菩萨蛮 has four rhymes of two feet. Three characters serve any one of them, and not two of them."""
    _, _, note = small("月雪别" + "东风空红翁中重通", Request(form="试菩萨蛮"))
    assert "too small for rhyme" in note
    walker, machine, note = small("月雪别节灭绝咽说" + "东风空红翁中通同", Request(form="试菩萨蛮"))
    assert note == ""
    for seed in range(60):
        text = walker.walk(machine, random.Random(seed), odd=seed % 2 == 0)
        assert fits(TUNES["试菩萨蛮"], text) and len(set(feet_of(TUNES["试菩萨蛮"], text))) == 8


def test_a_way_is_left_when_a_foot_of_another_takes_what_it_needs() -> None:
    """看 rhymes with 寒 and 安, or with 汉: as a foot of the one it is gone from the other, which then cannot end."""
    first = tuple(map(line, ("中平0，", "平平0，", "平平0。")))
    second = tuple(map(line, ("中中，", "仄仄0，", "仄仄0。")))
    template = Template("双", (first, second), PINGSHUI)
    masks = Masks(Vocab.build(dict.fromkeys("看寒安汉，。", 1), CONTROL))
    machine = Verse(masks, template, frozenset())
    assert machine.possible
    texts = {Walker(masks).walk(machine, random.Random(seed)) for seed in range(60)}
    assert all(fits(template, text) for text in texts)
    kept = {number for text in texts for number in (0, 1) if _fits_variant(template, template.variants[number], text)}
    assert kept == {0, 1}


def test_feet_of_either_tone() -> None:
    """A line that rhymes may have alternatives whose feet differ in tone; each must have its characters."""
    template = tune("双", "平平/平仄0， 平平/平仄0。")
    for characters, possible in (("东风动冻", True), ("东风动月", False), ("东风红月", False)):
        masks = Masks(Vocab.build(dict.fromkeys(characters + "，。", 1), CONTROL))
        machine = Verse(masks, template, frozenset())
        assert machine.possible == possible
    for seed in range(30):
        walker, machine, _ = small("东风动冻", Request())
        machine = Verse(walker.masks, template, frozenset())
        assert fits(template, walker.walk(machine, random.Random(seed)))


# What is said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("characters", "request_", "said"),
    [
        ("东风月夜", Request(form="五绝"), ""),
        ("东月夜", Request(form="五绝"), "--form 五绝: the model's vocabulary is too small for rhyme"),
        ("东风翁红春", Request(form="七律"), "--form 七律: the model's vocabulary is too small for rhyme and tones"),
        ("东月夜", Request(form="五绝", rhyme="off"), ""),
        ("东风空", Request(form="五绝", tones="off"), ""),
        ("月夜", Request(form="free"), ""),
    ],
)
def test_what_a_vocabulary_cannot_hold_is_said(characters: str, request_: Request, said: str) -> None:
    walker, machine, note = small(characters, request_)
    assert note == said
    assert walker.walk(machine, random.Random(1))


def test_without_marks_there_is_no_form() -> None:
    masks = Masks(Vocab.build(dict.fromkeys("东风月夜" + POOL, 1), CONTROL))
    machine, note = constrain(plan(Request(form="五绝"), 64), masks)
    assert note == "--form 五绝: the model's vocabulary is too small for it"
    assert len(Walker(masks).walk(machine, random.Random(1))) == 24


def refusal(request: Request, masks: Masks = MASKS) -> str:
    with pytest.raises(UsageError) as caught:
        constrain(plan(request, 64, TUNES), masks)
    return str(caught.value)


def test_what_cannot_be_had_is_refused() -> None:
    said = refusal(Request(form="试菩萨蛮", acrostic="春𪚥a"))
    assert said == "--acrostic 春𪚥a: 𪚥 a is no character that the model knows"
    # The fifth line of 试如梦令 opens level.
    said = refusal(Request(form="试如梦令", acrostic="春夏秋冬月"))
    assert said == ("--acrostic 春夏秋冬月: no line 5 of 试如梦令 takes 月 by its tones; give another, or --tones off")
    _, machine = start(Request(form="试如梦令", acrostic="春夏秋冬月", tones="off"))
    assert clauses(WALKER.walk(machine, random.Random(1)))[4][0] == "月"
    few = Masks(Vocab.build(dict.fromkeys("东风月夜江，。", 1), CONTROL))
    said = refusal(Request(form="五绝", rhyme="三江"), few)
    assert said == "--rhyme 三江: too few characters of it in the model's vocabulary"


def test_an_acrostic_that_only_all_ways_together_would_take() -> None:
    template = tune("双", "平平， 仄平0。", "仄平， 平平0。")
    for heads, line_number in (("春月", 0), ("月春", 0), ("春春", 2), ("月月", 2)):
        layers = (Layer("acrostic", heads, tuple(heads)),)
        planned = Plan(plan(Request(), 64).header, template.size, False, template, layers=layers, held=tuple(heads))
        if line_number:
            with pytest.raises(UsageError, match=f"--acrostic {heads}: no line {line_number} of 双"):
                constrain(planned, MASKS)
        else:
            machine, note = constrain(planned, MASKS)
            assert note == ""
            assert "".join(line[0] for line in clauses(WALKER.walk(machine, random.Random(1)))) == heads
