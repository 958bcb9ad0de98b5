"""对仗 and 对联: sixty couplets marked by hand, the couplets of known poems, and what is named."""

from pathlib import Path

import pytest

from poetgen.prosody.explain import explain
from poetgen.prosody.explanation import FAULT, REMARK, Explanation
from poetgen.prosody.parallel import CoupletJudgement, judge_couplet, likeness, word_class
from poetgen.prosody.schools import School

TABLE = Path(__file__).with_name("couplets.tsv")
MARKED = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]

QIU_MING = "空山新雨后 天气晚来秋 明月松间照 清泉石上流 竹喧归浣女 莲动下渔舟 随意春芳歇 王孙自可留"
PO_SHAN_SI = "清晨入古寺 初日照高林 曲径通幽处 禅房花木深 山光悦鸟性 潭影空人心 万籁此俱寂 但余钟磬音"
TIAN_MO = "凉风起天末 君子意如何 鸿雁几时到 江湖秋水多 文章憎命达 魑魅喜人过 应共冤魂语 投诗赠汨罗"


def said(couplet: CoupletJudgement) -> str:
    if couplet.repeated:
        return "same"
    if couplet.says_twice:
        return "twice"
    return "parallel" if couplet.parallel else "not"


def names(found: Explanation, kind: str) -> set[tuple[str, int]]:
    return {(note.name, note.line) for note in found.notes if note.kind == kind}


def test_couplets_are_judged_as_they_were_marked() -> None:
    """The guide says of how many."""
    wrong = [row[:3] for row in MARKED if said(judge_couplet(row[0], row[1])) != row[2]]
    assert len(MARKED) == 60 and len(wrong) <= 3, wrong


def test_each_mark_has_a_reason() -> None:
    assert all(len(row) == 5 and row[4] and len(row[0]) == len(row[1]) for row in MARKED)


@pytest.mark.parametrize(
    ("char", "kind"),
    [("蝉", "noun"), ("嗅", "verb"), ("遥", "adjective"), ("廿", None), ("常", "adverb"), ("诸", "number")],
)
def test_word_classes_are_learned(char: str, kind: str | None) -> None:
    found = word_class(char)
    assert found == kind or found is None  # rare ones may be unknown, and never wrong


def test_traditional_characters_are_judged_alike() -> None:
    assert likeness("鳥", "魚") == likeness("鸟", "鱼") and likeness("鸟", "鱼")


def test_a_doubling_must_be_answered() -> None:
    answered = judge_couplet("无边落木萧萧下", "不尽长江滚滚来")
    assert answered.sure > judge_couplet("无边落木萧萧下", "不尽长江日夜来").sure


def test_regulated_verse_is_judged_in_its_middle() -> None:
    found = explain(QIU_MING.split(), "五律")
    assert [(number, couplet.parallel) for number, couplet in found.couplets] == [(3, True), (5, True)]
    assert found.faults == ()
    assert explain(QIU_MING.split()[:4], "五绝").couplets == ()


def test_a_couplet_that_is_not_parallel_is_named_with_the_words_that_do_not_answer() -> None:
    lines = QIU_MING.split()
    lines[4:6] = lines[6:8]
    found = explain(lines, "五律")
    (note,) = (note for note in found.faults if note.name == "对仗")
    assert note.line == 6 and "(verb) meets" in note.text and "% sure" in note.text
    assert found.rhyme_holds is not None and "对仗" not in {note.name for note in explain(lines[:4], "五绝").notes}
    assert not any(note.name == "对仗" for note in explain(lines, "五律", school=School.parse(allow="对仗")).faults)


@pytest.mark.parametrize(("poem", "name"), [(PO_SHAN_SI, "偷春格"), (TIAN_MO, "蜂腰格")])
def test_liberties_have_names(poem: str, name: str) -> None:
    found = explain(poem.split(), "五律")
    assert (name, 3) in names(found, REMARK) and "对仗" not in {note for note, _ in names(found, FAULT)}
    assert (name, 3) in names(explain(poem.split(), "五律", school=School.parse("对仗")), FAULT)


def test_irregular_verse_with_parallel_couplets_stays_regulated() -> None:
    from poetgen.prosody.explain import explain_as_styled

    lines = (
        "城尖径仄旌旆愁 独立缥缈之飞楼 峡坼云霾龙虎卧 江清日抱鼋鼍游 "
        "扶桑西枝对断石 弱水东影随长流 杖藜叹世者谁子 泣血迸空回白头"
    ).split()
    found = explain_as_styled(lines, "七律")
    assert found.form == "七律" and ("拗律", 0) in names(found, REMARK)


def test_three_broken_lines_with_parallel_couplets_are_irregular_on_purpose() -> None:
    from poetgen.prosody.explain import explain_as_styled
    from poetgen.prosody.readings import Reader

    lines = (
        "爱汝玉山草堂静 高秋爽气相鲜新 有时自发钟磬响 落日更见渔樵人 "
        "盘剥白鸦谷口栗 饭煮青泥坊底芹 何为西庄王给事 柴门空闭锁松筠"
    ).split()
    assert ("拗律", 0) in names(explain_as_styled(lines, "七律", Reader(usual=True)), REMARK)


# 对联 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "春风大雅能容物 秋水文章不染尘",
        "宠辱不惊 看庭前花开花落 去留无意 望天上云卷云舒",
        "书山有路勤为径 学海无涯苦作舟",
    ],
)
def test_good_couplets_have_no_fault(text: str) -> None:
    found = explain(text.split(), "对联")
    assert (found.form, found.faults, found.form_holds, found.meter_holds) == ("对联", (), True, True)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("秋水文章不染尘 春风大雅能容物", ("尾字", 1)),
        ("春风大雅能容物 秋风文章不染尘", ("同字", 2)),
        ("春风大雅能容物 秋水文风不染尘", ("重字", 0)),
        ("春风大雅能容物 梅花文章不染尘", ("失对", 2)),
        ("春风大雅能容物 秋水文章不染", ("字数", 2)),
        ("春风大雅能容物 秋水文章不染尘 更上一层楼", ("句数", 0)),
        ("千里春风能绿柳 今天我们去公园", ("对仗", 2)),
        ("登山观日出 陟岭望阳升", ("合掌", 2)),
    ],
)
def test_each_fault_of_a_couplet(text: str, fault: tuple[str, int]) -> None:
    assert fault in names(explain(text.split(), "对联"), FAULT)


def test_what_is_doubled_in_both_lines_is_no_fault() -> None:
    found = explain("风声雨声读书声声声入耳 家事国事天下事事事关心".split(), "对联")
    assert "重字" not in {name for name, _ in names(found, FAULT)}
    assert ("重字", 0) in names(explain("风声雨声入耳 家事国情关心".split(), "对联"), FAULT)
