"""`poetgen check`: what is said of rhyme and tones, of famous poems and of lines made to break one rule each."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from poetgen import cli
from poetgen.cli.check import explanation_text, summary_table
from poetgen.cli.terminal import columns
from poetgen.corpus import Poem
from poetgen.corpus.poems import poems_of_text, read_poems
from poetgen.errors import SourceError
from poetgen.judging import checking
from poetgen.judging.checking import Summary, explain_poem, explanation_record
from poetgen.prosody import CHECKED, SHAPES, check
from poetgen.prosody.explain import FAULT, LICENCE, REMARK, Explanation, explain
from poetgen.prosody.template import CILIN, Line, Template
from poetgen.text import clauses

ROOT = Path(__file__).parents[2]

DENG_GUANQUE_LOU = "白日依山尽 黄河入海流 欲穷千里目 更上一层楼"
JING_YE_SI = "床前明月光 疑是地上霜 举头望明月 低头思故乡"
FENG_QIAO = "月落乌啼霜满天 江枫渔火对愁眠 姑苏城外寒山寺 夜半钟声到客船"
CHUN_WANG = "国破山河在 城春草木深 感时花溅泪 恨别鸟惊心 烽火连三月 家书抵万金 白头搔更短 浑欲不胜簪"
QIU_MING = "空山新雨后 天气晚来秋 明月松间照 清泉石上流 竹喧归浣女 莲动下渔舟 随意春芳歇 王孙自可留"
DENG_GAO = (
    "风急天高猿啸哀 渚清沙白鸟飞回 无边落木萧萧下 不尽长江滚滚来 "
    "万里悲秋常作客 百年多病独登台 艰难苦恨繁霜鬓 潦倒新停浊酒杯"
)
HUANG_HE_LOU = (
    "昔人已乘黄鹤去 此地空余黄鹤楼 黄鹤一去不复返 白云千载空悠悠 "
    "晴川历历汉阳树 芳草萋萋鹦鹉洲 日暮乡关何处是 烟波江上使人愁"
)
WEI_CHENG = "渭城朝雨浥轻尘 客舍青青柳色新 劝君更尽一杯酒 西出阳关无故人"
JIANG_XUE = "千山鸟飞绝 万径人踪灭 孤舟蓑笠翁 独钓寒江雪"
QING_MING = "清明时节雨纷纷 路上行人欲断魂 借问酒家何处有 牧童遥指杏花村"
JIANG_NAN_CHUN = "千里莺啼绿映红 水村山郭酒旗风 南朝四百八十寺 多少楼台烟雨中"


def told(poem: str, form: str = "", template: Template | None = None) -> Explanation:
    lines = poem.split()
    return explain(lines, form or {shape: form for form, shape in SHAPES.items()}[len(lines), len(lines[0])], template)


def holds(found: Explanation) -> tuple[bool | None, bool | None, bool | None]:
    return found.form_holds, found.rhyme_holds, found.meter_holds


def names(found: Explanation, kind: str) -> list[tuple[str, int]]:
    return [(note.name, note.line) for note in found.notes if note.kind == kind]


# Famous poems ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("poem", "pattern", "rhyme"),
    [
        (DENG_GUANQUE_LOU, "仄起首句不入韵", "十一尤"),
        (FENG_QIAO, "仄起首句入韵", "一先"),
        (CHUN_WANG, "仄起首句不入韵", "十二侵"),
        (QIU_MING, "平起首句不入韵", "十一尤"),
        (DENG_GAO, "仄起首句入韵", "十灰"),
    ],
)
def test_poems_that_keep_every_rule(poem: str, pattern: str, rhyme: str) -> None:
    found = told(poem)
    assert (found.faults, found.pattern, found.category) == ((), pattern, ((0, rhyme),))
    assert holds(found) == (True, True, True)
    assert all(line.rhymes for line in found.lines[1::2])
    assert names(found, LICENCE) == []


def test_tones_and_what_is_asked_stand_beside_each_other() -> None:
    line = told(DENG_GUANQUE_LOU).lines[3]
    # 更 is read in both tones, and its place is free.
    assert (line.tones, line.asked, line.breaks, line.feet) == ("通仄仄平平", "中仄仄平平", (), ("十一尤",))


def test_an_old_style_quatrain_breaks_the_meter_and_is_called_old_style() -> None:
    found = told(JING_YE_SI)
    assert holds(found) == (True, True, False)
    assert names(found, FAULT) == [("出律", 2), ("出律", 3)]
    assert [line.breaks for line in found.lines] == [(), (4,), (2,), ()]
    assert ("古体", 0) in names(found, REMARK)


def test_yellow_crane_tower_breaks_in_its_third_line() -> None:
    found = told(HUANG_HE_LOU)
    assert holds(found) == (True, True, False)
    assert names(found, FAULT) == [("出律", 3)]
    (repeated,) = (note for note in found.notes if note.name == "重字")
    assert "鹤 (lines 1, 2, 3)" in repeated.text and repeated.kind == REMARK


def test_a_quatrain_that_turns_at_its_waist_has_one_fault_and_not_seven() -> None:
    found = told(WEI_CHENG)
    assert names(found, FAULT) == [("失粘", 3)]
    assert "舍 仄, 君 平" in found.faults[0].text
    assert not any(line.breaks for line in found.lines)
    assert found.verdict is not None and not found.verdict.meter


def test_oblique_rhymes_are_faults_of_regulated_verse_and_none_of_old_style() -> None:
    regulated, old = told(JIANG_XUE), told(JIANG_XUE, "古体")
    assert ("出韵", 2) in names(regulated, FAULT) and ("出韵", 4) in names(regulated, FAULT)
    assert "even lines rhyme on 九屑" in next(note.text for note in regulated.notes if note.name == "古体")
    assert holds(old) == (True, True, None)
    assert old.category == ((0, "九屑"),) and old.notes == ()


def test_the_first_line_may_rhyme_next_door() -> None:
    found = told(QING_MING)
    assert found.faults == () and holds(found) == (True, True, True)
    assert names(found, REMARK) == [("孤雁出群", 1)]
    assert "纷 of 十二文" in found.notes[0].text and "十三元" in found.notes[0].text


# One fault each --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("poem", "fault", "says"),
    [
        # 烟 for 上: level at a place that counts, and at no other fault's.
        ("白日依山尽 黄河入海流 欲穷千里目 更烟一层楼", ("出律", 4, (2,)), "烟 (character 2) is level (平)"),
        # The second couplet opens as the first does, against the line before it.
        ("白日依山尽 黄河入海流 国破山河在 城春草木秋", ("失粘", 3, (2,)), "(河 平, 破 仄)"),
        ("白日依山尽 黄河入海流 欲穷千里目 清泉石上秋", ("失对", 4, (2,)), "(穷 平, 泉 平)"),
        ("白日依山尽 入河饮马流 欲穷千里目 更上一层楼", ("孤平", 2, (1,)), "河 is the one level tone"),
        ("白日依山尽 黄河入海流 欲穷千里目 更上高层楼", ("三平尾", 4, (3,)), "高层楼 are three level tones"),
        ("白日依山尽 黄河入海流 欲穷千里目 更上一层花", ("出韵", 4, (5,)), "花 is of 六麻"),
        ("白日依山尽 黄河入海流 欲穷千里目 更上一层流", ("重韵", 4, (5,)), "foot of line 2 already"),
        ("白日依山尽 黄河入海流 欲穷千里目", ("句数", 0, ()), "3 lines, where 五绝 has 4"),
        ("白日依山尽 黄河入海流 欲穷千里 更上一层楼", ("字数", 3, ()), "4 characters, where 5 are asked"),
    ],
)
def test_each_fault_by_a_line_that_has_it(poem: str, fault: tuple[str, int, tuple[int, ...]], says: str) -> None:
    (found,) = told(poem, "五绝").faults
    assert (found.name, found.line, found.places) == fault
    assert says in found.text


def test_a_rhyme_that_is_not_the_poems_names_both_and_tells_a_neighbour() -> None:
    (far,) = told("白日依山尽 黄河入海流 欲穷千里目 更上一层楼 明月松间照 清泉石上花 竹喧归浣女 莲动下渔舟").faults
    assert "六麻" in far.text and "rhymes on 十一尤" in far.text and "neighbour" not in far.text
    (near,) = told("空山新雨后 天气晚来风 明月松间照 清泉石上松 竹喧归浣女 莲动下渔翁 随意春芳歇 王孙自可同").faults
    assert near.line == 4 and "二冬" in near.text and "its neighbour (邻韵)" in near.text


def test_a_first_line_in_a_level_tone_must_rhyme() -> None:
    found = told("黄河入海花 白日依山流 更上一层目 欲穷千里楼", "五绝")
    assert ("出韵", 1) in names(found, FAULT)
    # Figures count even lines alone.
    assert found.verdict is not None and found.verdict.rhyme


def test_a_character_that_no_book_knows_fits_any_tone_and_rhymes_with_nothing() -> None:
    found = told("白日依山尽 黄河入海囧 欲穷千里目 更上一层楼")
    assert names(found, FAULT) == [("出韵", 2)] and "in no rhyme of the 平水韵" in found.faults[0].text
    assert found.lines[1].tones[-1] == "？" and found.lines[1].breaks == ()


# Licences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("poem", "line", "places", "counted"),
    [
        # 平平仄平仄 for 平平平仄仄
        ("白日依山尽 黄河入海流 谁穷万山目 更上一层楼", 3, (3, 4), True),
        # 仄平平仄平 for 平平仄仄平
        ("白日依山尽 入河东海流 欲穷千里目 更上一层楼", 2, (1, 3), True),
        # The oblique 十 (there is no level reading) is made good in the next line: figures do not know this one.
        (JIANG_NAN_CHUN, 3, (6,), False),
    ],
)
def test_licences_are_no_faults(poem: str, line: int, places: tuple[int, ...], counted: bool) -> None:
    found = told(poem)
    assert found.faults == () and found.meter_holds
    assert [(note.name, note.line, note.places) for note in found.notes if note.kind == LICENCE] == [
        ("拗救", line, places)
    ]
    assert found.verdict is not None and found.verdict.meter == counted
    assert ("as figures are counted, meter breaks" in explanation_text("", found)) == (not counted)


def test_a_licence_that_the_next_line_does_not_make_good_is_a_fault() -> None:
    found = told(JIANG_NAN_CHUN.replace("烟雨中", "细雨中"))
    assert names(found, FAULT) == [("出律", 3)]


# Agreement with the figures --------------------------------------------------------------------------------------


def test_check_and_the_figures_never_disagree_without_a_reason() -> None:
    draw = random.Random(7)
    verses = [poem.split() for poem in (DENG_GUANQUE_LOU, CHUN_WANG, QIU_MING, DENG_GAO, HUANG_HE_LOU, FENG_QIAO)]
    held = 0
    for _ in range(1000):
        lines = list(draw.choice(verses))
        for _ in range(draw.randrange(4)):  # a poem with a few characters changed, some past knowing
            line, place = draw.randrange(len(lines)), draw.randrange(len(lines[0]))
            lines[line] = lines[line][:place] + draw.choice("春夜看听花月楼流重囧") + lines[line][place + 1 :]
        form = {shape: form for form, shape in SHAPES.items()}[len(lines), len(lines[0])]
        found, verdict = explain(lines, form), check(lines, form)
        assert found.verdict == verdict
        counts = any(place in CHECKED[len(lines[0])] for line in found.lines for place in line.breaks)
        turns = any(note.name in ("失对", "失粘") for note in found.notes)
        across = any("in line" in note.text for note in found.notes if note.kind == LICENCE)
        assert verdict.meter == (not counts and not turns and not across), lines
        assert verdict.rhyme == all(line.rhymes for line in found.lines[1::2]), lines
        held += verdict.meter
    assert 200 < held < 800


def test_the_starter_corpus_is_faultless() -> None:
    poems, counts = read_poems(ROOT / "corpora" / "starter.jsonl")
    assert counts.kept == len(poems) >= 200
    for poem in poems:
        found = explain_poem(poem)
        assert found.form == poem.form
        assert found.faults == (), (poem.title, found.faults)


# Long and old-style verse, tunes ---------------------------------------------------------------------------------


def poem_of(text: str, **fields: str) -> Poem:
    lines = text.split()
    return Poem("".join(line + "，。"[number % 2] for number, line in enumerate(lines)), **fields)


def test_long_regulated_verse_is_told_from_old_style_by_its_tones() -> None:
    long = QIU_MING + " 欲穷千里目 更上一层楼 白日依山尽 黄河入海鸥"
    found = explain_poem(poem_of(long))
    assert (found.form, found.faults, found.pattern) == ("五排", (), "平起首句不入韵")
    old = explain_poem(poem_of(" ".join([JING_YE_SI] * 3)))
    assert old.form == "古体" and old.meter_holds is None and old.rhyme_holds


def test_old_style_verse_may_turn_and_mix_its_rhymes() -> None:
    turning = told("白日依山尽 黄河入海流 欲穷千里目 更上一层楼 春眠不觉晓 处处闻啼鸟 夜来风雨声 花落知多少", "古体")
    assert turning.rhyme_holds and [(note.name, note.line) for note in turning.notes] == [("换韵", 6)]
    assert [line.group for line in turning.lines if line.rhymes] == [1, 1, 5, 5]
    mixing = told("天气晚来风 天气晚来松 天气晚来秋 天气晚来钟 天气晚来目 天气晚来翁", "古体")
    assert mixing.rhyme_holds and ("通押", 6) in names(mixing, REMARK)
    alone = told("天气晚来风 天气晚来松 天气晚来秋 天气晚来花 天气晚来目 天气晚来钟", "古体")
    assert alone.rhyme_holds is False and ("出韵", 4) in names(alone, FAULT)


#: Two lines that rhyme level, then two that rhyme oblique, in the manner of 菩萨蛮.
TUNE = Template(
    "四句令",
    ((Line(("中仄仄平平",), 0), Line(("中平中仄平",), 0), Line(("中仄仄",), 1), Line(("平平仄",), 1)),),
    CILIN,
)


def tunes(name: str) -> Template | None:
    return TUNE if name == "四句令" else None


def test_a_tune_is_held_against_its_template() -> None:
    found = explain_poem(poem_of("更上一层楼 黄河入海流 白日目 千山木", tune="四句令"), tunes=tunes)
    assert (found.form, found.tune, found.book, found.faults) == ("词", "四句令", CILIN, ())
    assert found.category == ((0, "第十二部"), (1, "第十五部")) and found.verdict is None
    broken = explain_poem(poem_of("更上一层楼 黄河入海花 白日目 千山木", tune="四句令"), tunes=tunes)
    assert [note.name for note in broken.faults] == ["出韵"]
    wrong = explain_poem(poem_of("更上一层楼 河河入海流 白山目 千山木", tune="四句令"), tunes=tunes)
    assert [(note.name, note.line, note.places) for note in wrong.faults] == [("出律", 3, (2,))]


def test_another_shape_of_a_tune_is_told_and_not_measured() -> None:
    found = explain_poem(poem_of("更上一层楼 黄河入海流 白日目", tune="四句令"), tunes=tunes)
    assert names(found, FAULT) == [("句数", 0)] and "又一体" in found.faults[0].text
    assert holds(found) == (False, None, None)


def test_a_tune_that_nobody_knows_is_shown_without_rules() -> None:
    found = explain_poem(poem_of("更上一层楼 黄河入海流", tune="自度曲"), tunes=tunes)
    assert (found.form, found.ruled, holds(found)) == ("词", False, (None, None, None))
    assert found.lines[0].feet and found.lines[0].tones == "通仄仄平平"


def test_a_title_names_a_tune_whose_shape_the_lines_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "TUNES", {"四句令"})
    fits = explain_poem(poem_of("更上一层楼 黄河入海流 白日目 千山木", title="四句令"), tunes=tunes)
    assert fits.tune == "四句令"
    differs = explain_poem(poem_of("更上一层楼 黄河入海流 白日目", title="四句令"), tunes=tunes)
    assert differs.tune == "" and differs.form == "杂言"


# Reading ---------------------------------------------------------------------------------------------------------

COUPLETS = "白日依山尽，黄河入海流。\n欲穷千里目，更上一层楼。"
OTHERS = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (COUPLETS, [("", "", 4)]),
        (f"登鹳雀楼\n{COUPLETS}\n", [("登鹳雀楼", "", 4)]),
        (
            f"登鹳雀楼\n王之涣\n\n\n{COUPLETS}\n\n静夜思\n李白\n\n{OTHERS}",
            [("登鹳雀楼", "王之涣", 4), ("静夜思", "李白", 4)],
        ),
        (f"{COUPLETS}\n\n{OTHERS}\n", [("", "", 4), ("", "", 4)]),
        (f"山居秋暝\n{COUPLETS}\n\n{OTHERS}\n", [("山居秋暝", "", 8)]),
        (DENG_GUANQUE_LOU.replace(" ", "\n"), [("", "", 4)]),
        (DENG_GUANQUE_LOU, [("", "", 4)]),
        ("登鹳雀楼啊\n" + DENG_GUANQUE_LOU.replace(" ", "\n"), [("登鹳雀楼啊", "", 4)]),
        ("登楼\n王之涣\n\n" + DENG_GUANQUE_LOU.replace(" ", "\n"), [("登楼", "王之涣", 4)]),
        (COUPLETS.replace("\n", "") + "\n" + OTHERS.replace("\n", "") + "\n", [("", "", 4), ("", "", 4)]),
        ("  \n", []),
    ],
)
def test_plain_text_is_read_as_people_write_poems_down(text: str, expected: list[tuple[str, str, int]]) -> None:
    found = [
        (poem.title, poem.author, len(re.findall(r"\w{5}", " ".join(poem.paragraphs)))) for poem in poems_of_text(text)
    ]
    assert found == expected


def test_a_text_and_json_of_the_same_poem_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"登鹳雀楼\n王之涣\n{COUPLETS}\n", encoding="gb18030")
    (tmp_path / "a.json").write_text(
        json.dumps([{"title": "登鹳雀楼", "author": "王之涣", "paragraphs": COUPLETS.split("\n")}]), encoding="utf-8"
    )
    text, js = (read_poems(tmp_path / name)[0] for name in ("a.txt", "a.json"))
    assert text == js == [Poem(COUPLETS.replace("\n", ""), title="登鹳雀楼", author="王之涣", form="五绝")]


def test_passages_are_what_preprocess_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("To be, or not to be.\n", encoding="utf-8")
    (poem,), _ = read_poems(path, passages=True)
    assert poem.form == "" and poem.body.startswith("To be")
    with pytest.raises(SourceError, match="1 without Chinese verse"):
        read_poems(path)


# As JSON, and counted --------------------------------------------------------------------------------------------


def documented(heading: str) -> list[str]:
    """The keys in the first column of the table below a heading of the guide."""
    page = (ROOT / "docs" / "checking.md").read_text(encoding="utf-8")
    section = page.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_a_record_holds_the_keys_of_the_guide_and_comes_back_from_json() -> None:
    for text in (HUANG_HE_LOU, JIANG_NAN_CHUN, JIANG_XUE):
        poem = poem_of(text, title="诗", author="人")
        written = explanation_record(poem, explain_poem(poem))
        assert json.loads(json.dumps(written, ensure_ascii=False)) == written
        assert list(written) == documented("### A poem")
        assert all(list(line) == documented("### A line") for line in written["lines"])
        assert all(list(note) == documented("### A note") for note in written["notes"])
        assert [line["text"] for line in written["lines"]] == text.split()
        for line in written["lines"]:
            assert len(line["tones"]) == len(line["asked"]) == len(line["text"])


def test_the_example_of_the_guide_prints_what_it_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "checking.md").read_text(encoding="utf-8")
    given, shown = re.findall(r"^```text\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    path = tmp_path / "poems.txt"
    path.write_text(given, encoding="utf-8")
    assert run([str(path)], capsys) == (0, shown, "")


def test_every_name_of_a_note_is_in_the_guide() -> None:
    page = (ROOT / "docs" / "checking.md").read_text(encoding="utf-8")
    source = (ROOT / "poetgen" / "prosody" / "explain.py").read_text(encoding="utf-8")
    used = set(re.findall(r'(?:FAULT|LICENCE|REMARK|same_foot),\s+"(\w+)"', source))
    assert len(used) >= 13
    assert set(re.findall(r"^\| (\w+) \| (?:fault|licence|remark)", page, re.MULTILINE)) == used


def test_the_summary_counts_each_poem_under_what_is_asked_of_it() -> None:
    summary = Summary()
    for text, form in ((DENG_GUANQUE_LOU, ""), (JING_YE_SI, ""), (JIANG_NAN_CHUN, ""), (JIANG_XUE, "古体")):
        summary.add(told(text, form))
    assert summary.forms["五绝"] == {
        "poems": 2, "form": 2, "form asked": 2, "rhyme": 2, "rhyme asked": 2,
        "meter": 1, "meter asked": 2, "faultless": 1, "faultless asked": 2,
    }  # fmt: skip
    assert "meter asked" not in summary.forms["古体"]
    assert summary.figures == {"poems": 3, "form": 3, "rhyme": 3, "meter": 1}
    rows = {line.split()[0]: line.split()[1:] for line in summary_table(summary).splitlines()[1:]}
    assert rows["五绝"] == ["2", "100.0%", "100.0%", "50.0%", "50.0%"]
    assert rows["古体"] == ["1", "100.0%", "100.0%", "-", "100.0%"]
    assert rows["all"] == ["4", "100.0%", "100.0%", "66.7%", "75.0%"]
    assert rows["as"][-4:] == ["3", "100.0%", "100.0%", "33.3%"]


# On the screen ---------------------------------------------------------------------------------------------------


def test_tones_stand_under_their_characters_in_colour_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, painted = (explanation_text("静夜思", told(JING_YE_SI), terminal) for terminal in (False, True))
    assert "\x1b[" not in plain and "\x1b[31m" in painted
    assert re.sub(r"\x1b\[\d+m", "", painted) == plain
    rows = plain.splitlines()
    at = next(number for number, row in enumerate(rows) if "疑是地上霜" in row)
    place = rows[at].index("上")
    assert rows[at + 1][place] == "仄" and rows[at + 2][place] == "＾"
    widths = {columns(rows[at + below][: place + 1]) for below in range(3)}
    assert len(widths) == 1
    monkeypatch.setenv("NO_COLOR", "1")
    assert explanation_text("静夜思", told(JING_YE_SI), True) == plain


def run(args: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        cli.main(["check", *args])
    out, err = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, out, err


@pytest.fixture
def poem_file(tmp_path: Path) -> Path:
    path = tmp_path / "poems.txt"
    path.write_text(f"登鹳雀楼\n{COUPLETS}\n\n静夜思\n{OTHERS}\n", encoding="utf-8")
    return path


def test_the_command_prints_poems_and_a_summary(poem_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run([str(poem_file)], capsys)
    assert (code, err) == (0, "")  # faults are no failure
    assert out.startswith("登鹳雀楼  五绝 仄起首句不入韵\n  白日依山尽  十一轸\n  仄仄平平仄\n")
    assert "fault 出律 line 2: 上 (character 4)" in out
    assert out.endswith("poems with faults: 出律 1\n")


def test_the_form_can_be_said(poem_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run([str(poem_file), "--form", "五古", "--json"], capsys)
    assert code == 0
    found = [json.loads(line) for line in out.splitlines()]
    assert [poem["form"] for poem in found] == ["古体"] * 2
    assert [poem["holds"] for poem in found] == [{"form": True, "rhyme": True, "meter": None}] * 2


def test_a_form_that_does_not_exist_is_wrong_usage(
    poem_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run([str(poem_file), "--form", "八股", "--checkpoint", str(tmp_path)], capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--form 八股" in err and "五绝" in err
    code, _, err = run([str(poem_file), "--form", "八股", "--checkpoint", str(tmp_path / "nowhere")], capsys)
    assert code == 1 and "no such checkpoint folder" in err


def test_tunes_come_from_the_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from poetgen.prosody import tunes

    found = {"四句令": tunes.Learned(TUNE, 20, 1.0)}
    (tmp_path / "forms.json").write_text(tunes.to_json(found), encoding="utf-8")
    path = tmp_path / "poems.jsonl"
    body = "更上一层楼，黄河入海流。白日目，千山木。"
    poems = [{"rhythmic": tune, "content": body} for tune in ("四句令", "自度曲")]
    path.write_text("".join(json.dumps(poem) + "\n" for poem in poems), encoding="utf-8")
    code, out, err = run([str(path), "--checkpoint", str(tmp_path), "--json"], capsys)
    one, other = (json.loads(line) for line in out.splitlines())
    assert code == 0 and one["tune"] == "四句令" and one["holds"] == {"form": True, "rhyme": True, "meter": True}
    assert other["tune"] == "自度曲" and other["holds"] == {"form": None, "rhyme": None, "meter": None}
    assert err.count("\n") == 1 and "1 poem to 1 tune that" in err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"", "no poem in it could be read"),
        (bytes(range(256)) * 40, "not text in UTF-8"),
        ("春□秋冬风，花雪月山水。\n".encode(), "1 lost characters"),
        (b'{"content": "\xe6\x98\xa5"}\n{"content": \n', "line 2: broken JSON"),
    ],
)
def test_bad_input_gives_one_line(
    content: bytes | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "poems.txt"
    if content is not None:
        path.write_bytes(content)
    code, out, err = run([str(path)], capsys)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert says in err and str(path) in err


def test_what_is_left_out_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "poems.jsonl"
    poems: list[dict[str, Any]] = [{"content": text} for text in (COUPLETS, "□□□□□，□□□□□。", "Roses are red.")]
    path.write_text("".join(json.dumps(poem) + "\n" for poem in poems), encoding="utf-8")
    code, out, err = run([str(path), "--json"], capsys)
    assert code == 0 and len(out.splitlines()) == 1
    assert "left out 2 of 3 poems: 1 lost characters, 1 without Chinese verse" in err


def test_the_command_as_people_run_it_loads_no_torch(poem_file: Path) -> None:
    code = (
        "import sys\nfrom poetgen import cli\n"
        "try: cli.main(['check', '-', '--json'])\n"
        "finally: print([name for name in ('torch', 'rich', 'opencc') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=poem_file.read_bytes(),
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert done.stderr == b"[]\n"
    assert [json.loads(line)["title"] for line in done.stdout.decode().splitlines()] == ["登鹳雀楼", "静夜思"]


def test_the_example_of_the_help_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "poetgen", "check"]
    helped = subprocess.run([*command, "--help"], capture_output=True, check=True, cwd=ROOT).stdout.decode()
    assert helped.strip().splitlines()[-1].strip() == "Example: poetgen check corpora/starter.jsonl"
    done = subprocess.run([*command, "corpora/starter.jsonl"], capture_output=True, check=True, cwd=ROOT)
    poems = len((ROOT / "corpora" / "starter.jsonl").read_bytes().splitlines())
    out = done.stdout.decode()
    assert out.count("form holds, rhyme holds") == poems and out.endswith("poems with faults: none\n")


def test_clauses_are_the_lines_that_are_explained() -> None:
    poem = poem_of(DENG_GUANQUE_LOU)
    assert [line.text for line in explain_poem(poem).lines] == clauses(poem.body)
