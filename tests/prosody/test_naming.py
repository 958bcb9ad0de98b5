"""What verse is called: old style beside regulated, schemes of two rhymes, shapes and tails; and schools that differ.

Poems are of the Tang and Song, or made to show one thing.
"""

from pathlib import Path

import pytest

from poetgen.corpus import Poem
from poetgen.errors import UsageError
from poetgen.judging.checking import explain_poem
from poetgen.prosody.explain import explain, explain_as_styled
from poetgen.prosody.explanation import FAULT, LICENCE, REMARK, Explanation
from poetgen.prosody.forms import form_of, recognise
from poetgen.prosody.readings import Reader
from poetgen.prosody.schools import ALLOWED, STRICT, School
from poetgen.text import clauses

CHUN_XIAO = "春眠不觉晓 处处闻啼鸟 夜来风雨声 花落知多少"
JIANG_XUE = "千山鸟飞绝 万径人踪灭 孤舟蓑笠翁 独钓寒江雪"
LU_ZHAI = "空山不见人 但闻人语响 返景入深林 复照青苔上"
WANG_YUE = "岱宗夫如何 齐鲁青未了 造化钟神秀 阴阳割昏晓 荡胸生层云 决眦入归鸟 会当凌绝顶 一览众山小"
JING_YE_SI = "床前明月光 疑是地上霜 举头望明月 低头思故乡"
TENG_WANG_GE = (
    "滕王高阁临江渚 佩玉鸣鸾罢歌舞 画栋朝飞南浦云 珠帘暮卷西山雨 "
    "闲云潭影日悠悠 物换星移几度秋 阁中帝子今何在 槛外长江空自流"
)
SONG_TANG_JIE = (
    "孤忠自许众不与 独立敢言人所难 去国一身轻似叶 高名千古重于山 "
    "并游英俊颜何厚 未死奸谀骨已寒 天为吾君扶社稷 肯教夫子不生还"
)
#: Regulated, on 一东 and 二冬, which are neighbours.
QIU_MING = "空山新雨后 天气晚来{} 明月松间照 清泉石上{} 竹喧归浣女 莲动下渔{} 随意春芳歇 王孙自可{}"
WEI_CHENG = "渭城朝雨浥轻尘 客舍青青柳色新 劝君更尽一杯酒 西出阳关无故人"
DENG_GUANQUE_LOU = "白日依山尽 黄河入海流 欲穷千里目 更上一层楼"


def styled(poem: str, school: School | None = None) -> Explanation:
    return explain_as_styled(poem.split(), recognise(poem.split()), school=school)


def names(found: Explanation, kind: str) -> set[tuple[str, int]]:
    return {(note.name, note.line) for note in found.notes if note.kind == kind and note.name != "重字"}


# Old style -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("poem", "name", "rhyme"),
    [
        (CHUN_XIAO, "古绝", "十七筱"),
        (JIANG_XUE, "古绝", "九屑"),
        (LU_ZHAI, "古绝", "二十二养"),
        (JING_YE_SI, "古绝", "七阳"),
        (WANG_YUE, "古体", "十七筱"),
    ],
)
def test_old_style_verse_is_no_broken_regulated_verse(poem: str, name: str, rhyme: str) -> None:
    found = styled(poem)
    assert (found.form, found.faults, found.meter_holds, found.rhyme_holds) == ("古体", (), None, True)
    assert name in {note for note, _ in names(found, REMARK)} and rhyme in dict(found.category).values()
    assert found.verdict is not None  # figures are counted by the shape


def test_a_rhyme_that_turns_makes_old_style() -> None:
    found = styled(TENG_WANG_GE)
    assert (found.form, found.faults) == ("古体", ()) and ("换韵", 6) in names(found, REMARK)


def test_a_level_rhyme_that_turns_to_its_own_group_in_another_tone_turns() -> None:
    lines = (
        "春风骀荡吹人衣 残丝罥花曳空飞 闲愁十丈断不得 雄蜂雌蝶相因依 "
        "高楼夹路凌云起 琐窗鸾柱弹流水 莺声啼老杨柳烟 香梦蒙蒙隔千里"
    )
    assert styled(lines).form == "古体" and ("换韵", 6) in names(styled(lines), REMARK)


def test_oblique_feet_of_neighbouring_rhymes_are_old_style_too() -> None:
    found = styled("解衣日炙背 戴笠汗濡首 敢辞冒炎蒸 但欲去莨莠 壶浆与箪食 亭午来饷妇 要儿知稼穑 岂曰事携幼")
    assert found.form == "古体" and found.rhyme_holds


def test_feet_of_one_rhyme_go_on_whatever_their_groups() -> None:
    lines = (
        "山寺鸣钟昼已昏 渔梁渡头争渡喧 人随沙岸向江村 余亦乘舟归鹿门 "
        "鹿门月照开烟树 忽到庞公栖隐处 岩扉松径长寂寥 惟有幽人自来去"
    )
    assert styled(lines).form == "古体" and ("换韵", 6) in names(styled(lines), REMARK)


def test_long_verse_in_regulated_tones_without_parallel_couplets_is_old_style() -> None:
    body = "镜湖三百里，菡萏发荷花。五月西施采，人看隘若耶。回舟不待月，归去越王家。"
    assert explain_poem(Poem(body, form=form_of(body))).form == "古体"


def test_what_breaks_beside_its_neighbours_alone_stays_regulated() -> None:
    found = styled("怀君属秋夜 散步咏凉天 空山松子落 幽人应未眠")
    assert found.form == "五绝" and ("失粘", 3) in names(found, FAULT)


def test_doggerel_without_rhyme_is_not_excused_as_old_style() -> None:
    found = styled("床前明月光 疑是地上雪 举头望明月 低头思故人")
    assert found.form == "五绝" and found.faults


def test_regulated_quatrains_may_rhyme_oblique() -> None:
    found = styled("月落江天白 云开山色碧 长亭送客归 古道无行迹")
    assert (found.form, found.faults, found.pattern) == ("五绝", (), "仄起首句入韵")
    assert ("仄韵律绝", 0) in names(found, REMARK) and dict(found.category) == {0: "十一陌"}


def test_every_line_rhymes_in_verse_of_the_cypress_beams() -> None:
    lines = "秋风萧瑟天气凉 草木摇落露为霜 群燕辞归鹄南翔 念君客游思断肠 慊慊思归恋故乡 君何淹留寄他方".split()
    assert ("柏梁体", 0) in names(explain(lines, "古体"), REMARK)


# Rhymes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("poem", "scheme"),
    [
        (SONG_TANG_JIE, "进退格"),
        (QIU_MING.format("风", "松", "翁", "钟"), "进退格"),
        (QIU_MING.format("风", "中", "松", "钟"), "辘轳格"),
        (QIU_MING.format("风", "中", "翁", "松"), "孤雁入群"),
    ],
)
def test_schemes_of_two_neighbouring_rhymes_have_names(poem: str, scheme: str) -> None:
    found = styled(poem)
    assert found.rhyme_holds and (scheme, 0) in names(found, LICENCE)
    assert len(set(dict(found.category).values())) == 2
    strict = styled(poem, School(frozenset({"邻韵"})))
    assert not strict.rhyme_holds and "出韵" in {name for name, _ in names(strict, FAULT)}


def test_two_rhymes_that_are_no_neighbours_make_no_scheme() -> None:
    found = styled(QIU_MING.format("风", "花", "翁", "家"))
    assert not found.rhyme_holds and not names(found, LICENCE) & {("进退格", 0)}


def test_six_feet_go_as_a_gourd() -> None:
    long = QIU_MING.format("风", "中", "松", "钟") + " 欲穷千里目 更上一层峰 白日依山尽 黄河入海龙"
    assert ("葫芦格", 0) in names(explain(long.split(), "五排"), LICENCE)


def test_a_line_that_sounds_like_the_rhyme_is_told() -> None:
    found = styled("白日依山后 黄河入海流 欲穷千里目 更上一层楼")  # 后: 二十五有, of the sound of 十一尤
    assert found.faults == () and ("撞韵", 1) in names(found, REMARK)
    assert ("撞韵", 1) in names(styled("白日依山后 黄河入海流 欲穷千里目 更上一层楼", School.parse("撞韵")), FAULT)


# Tones -----------------------------------------------------------------------------------------------------------


def test_a_quatrain_that_turns_at_its_waist_has_a_name() -> None:
    assert ("折腰体", 3) in names(styled(WEI_CHENG), REMARK)


@pytest.mark.parametrize(
    ("line", "number", "kind", "name"),
    [
        ("入河饮马流", 2, FAULT, "孤平"),
        ("更上高层楼", 4, FAULT, "三平尾"),
        ("更登高层楼", 4, FAULT, "三平尾"),  # four of them
        ("欲穷万里目", 3, LICENCE, "三仄尾"),
        ("谁穷万山目", 3, LICENCE, "拗救"),
        ("欲穷万山目", 3, LICENCE, "拗救"),  # its first is oblique too
    ],
)
def test_tails_have_names(line: str, number: int, kind: str, name: str) -> None:
    lines = DENG_GUANQUE_LOU.split()
    lines[number - 1] = line
    found = explain(lines, "五绝")
    assert names(found, kind) == {(name, number)}
    assert not names(found, FAULT if kind == LICENCE else LICENCE)


def test_a_lone_level_tone_in_seven_characters() -> None:
    lines = "姑苏城外寒山寺 百岁老翁不种田 月落乌啼霜满路 江枫渔火对愁眠".split()
    assert ("孤平", 2) in names(explain(lines, "七绝", reader=Reader(usual=True)), FAULT)


# Schools ---------------------------------------------------------------------------------------------------------


def test_schools_differ() -> None:
    lines = "白日依山尽 入河东海流 欲穷万里目 更上一层楼".split()
    assert explain(lines, "五绝").faults == ()
    strict = explain(lines, "五绝", school=School.parse("all"))
    assert names(strict, FAULT) == {("出律", 2), ("三仄尾", 3), ("孤平", 3)} and not strict.meter_holds
    lone = "白日依山尽 入河饮马流 欲穷千里目 更上一层楼".split()
    forgiven = explain(lone, "五绝", school=School.parse(allow="孤平"))
    assert forgiven.meter_holds and names(forgiven, LICENCE) == {("孤平", 2)}


def test_names_of_schools_are_checked() -> None:
    assert School.parse("拗救，邻韵").strict == {"拗救", "邻韵"}
    assert School.parse("all", "all") == School(frozenset(STRICT), frozenset(ALLOWED))
    with pytest.raises(UsageError, match="--strict 平仄: choose some of 拗救"):
        School.parse("平仄")


# Famous poems ----------------------------------------------------------------------------------------------------

SHI = Path(__file__).parents[3] / "shared" / "prosody" / "shi.tsv"
#: What the labels of the table are called here.
TERMS = {"仄韵古绝": "古绝", "折腰": "折腰体", "五古": "古体", "七古": "古体", "失律": "出律"}


def agrees(label: str, found: Explanation) -> bool:
    """Whether an explanation shows what a label says: OK, or a name."""
    told = {note.name for note in found.notes} | {found.form}
    first, *rest = label.split()
    if first.startswith("OK"):
        return not found.faults and found.form != "古体" and (rest[:1] != ["孤雁出群"] or "孤雁出群" in told)
    wanted = TERMS.get(first, first)
    return wanted in told or wanted[:2] in told


@pytest.mark.skipif(not SHI.exists(), reason="needs ../shared")
def test_famous_poems_are_told_as_teachers_tell_them() -> None:
    missed = []
    rows = [line.split("\t") for line in SHI.read_text(encoding="utf-8").splitlines()]
    for title, _, label, body in rows:
        assert clauses(body)
        found = explain_poem(Poem(body, title=title, form=form_of(body)), reader=Reader("", usual=True))
        if not agrees(label, found):
            missed.append((title, label, found.form, [(note.name, note.line) for note in found.notes]))
    assert len(missed) <= 0.05 * len(rows), missed
