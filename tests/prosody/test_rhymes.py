import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from poetgen.files import read_table
from poetgen.prosody import (
    ANY,
    CILIN,
    LEVEL,
    OBLIQUE,
    PINGSHUI,
    categories,
    characters,
    feet,
    is_level,
    rhymes,
    tones,
)
from poetgen.prosody.cilin import group_names, groups_of
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhymes import rare, usual_tones
from poetgen.text import is_han

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"scripts_{name}", SCRIPTS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def corrections() -> list[list[str]]:
    lines = (SCRIPTS / "pingshui_additions.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


# ---- the 平水韵


def test_every_common_character_of_the_box_has_a_tone() -> None:
    vocab = json.loads((ROOT / "checkpoints" / "tang-song" / "vocab.json").read_text(encoding="utf-8"))["tokens"]
    common = [token for token in vocab if len(token) == 1 and is_han(token)][:5000]
    # 𤩪 stands in the names of two authors and in no poem.
    assert [char for char in common if not tones(char)] == ["𤩪"]


@pytest.mark.parametrize(
    ("char", "expected"),
    [
        ("啼", "八齐"),
        ("迹", "十一陌"),
        ("懒", "十四旱"),
        ("遍", "十七霰"),
        ("炉", "七虞"),
        ("馀", "六鱼"),
        ("扫", "十九皓 二十号"),
        ("沉", "十二侵"),
        ("樽", "十三元"),
        ("龙", "二冬"),
        ("师", "四支"),
        ("儿", "四支 八齐"),
        ("汉", "十五翰"),
        ("番", "五歌 十三元 十四寒 二十一个"),
        ("圯", "四支"),
        ("圮", "四纸"),
        ("猫", "二萧 三肴"),
        ("思", "四支 四寘"),
        ("长", "七阳 二十二养 二十三漾"),
    ],
)
def test_gaps_are_filled_and_misreadings_out(char: str, expected: str) -> None:
    assert rhymes(char) == set(expected.split())


def test_the_table_holds_its_corrections() -> None:
    rows = corrections()
    assert {row[0] for row in rows} == set("+-=")
    for mark, char, other, *_ in rows:
        if mark == "=":
            assert rhymes(other), (char, other)
            assert rhymes(other) <= rhymes(char), (char, other)
        else:
            assert (other in rhymes(char)) == (mark == "+"), (mark, char, other)


def test_no_correction_stands_twice_or_against_another() -> None:
    keys = [(char, other) for mark, char, other, *_ in corrections()]
    assert len(set(keys)) == len(keys)


# ---- the 词林正韵


def test_every_rhyme_is_in_a_group() -> None:
    groups = {name: {group for char in characters(name) for group in groups_of(char, name)} for name in categories()}
    assert set().union(*groups.values()) == set(group_names())
    assert all(len(names) in (1, 2) for names in groups.values())
    divided = "九佳 十灰 十三元 十贿 十三阮 九泰 十卦 十一队 十四愿"
    assert {name for name, names in groups.items() if len(names) == 2} == set(divided.split())


def test_entering_tones_have_the_last_five_groups_to_themselves() -> None:
    for name, part in categories().items():
        for group in groups_of(characters(name)[0], name):
            assert (group_names().index(group) >= 14) == (part == "入"), name


def test_what_a_divided_rhyme_lists_is_of_that_rhyme() -> None:
    for name, most, rest, of_rest, of_both in read_table("prosody", "cilin_divided.tsv", 5):
        listed = of_rest + of_both
        assert {most, rest} < set(group_names()) and most != rest, name
        assert set(listed) <= set(characters(name)), name
        assert len(set(listed)) == len(listed), name


@pytest.mark.parametrize(
    ("rhyme", "group", "chars"),
    [
        ("十灰", "第三部", "灰回梅杯雷堆催"),
        ("十灰", "第五部", "来开台才哀苔埃"),
        ("十三元", "第七部", "元言园原喧轩猿"),
        ("十三元", "第六部", "门魂孙昏村尊痕根"),
        ("九佳", "第十部", "佳涯娃蜗"),
        ("九佳", "第五部", "阶怀街鞋斋淮涯"),
        ("十贿", "第三部", "悔罪每"),
        ("十贿", "第五部", "海改在待"),
        ("十三阮", "第七部", "远晚返苑"),
        ("十三阮", "第六部", "本损稳"),
        ("九泰", "第三部", "会最外"),
        ("九泰", "第五部", "带盖外"),
        ("十卦", "第十部", "画挂话"),
        ("十卦", "第五部", "拜败怪"),
        ("十一队", "第三部", "对内碎"),
        ("十一队", "第五部", "爱代菜"),
        ("十四愿", "第六部", "恨困论"),
        ("十四愿", "第七部", "愿怨劝"),
    ],
)
def test_divided_rhymes_are_told_apart(rhyme: str, group: str, chars: str) -> None:
    for char in chars:
        assert group in groups_of(char, rhyme), char
        assert len(groups_of(char, rhyme)) == (2 if char in "佳涯外话" else 1), char


@pytest.mark.parametrize("pair", "來来 開开 門门 孫孙 園园 會会 畫画 對对 愛爱 論论 階阶".split())
def test_traditional_and_simplified_stand_in_one_group(pair: str) -> None:
    for tone in (LEVEL, OBLIQUE):
        assert feet(pair[0], tone, CILIN) <= feet(pair[1], tone, CILIN)
    assert feet(pair[0], ANY, CILIN)


@pytest.mark.parametrize(
    ("poem", "group"),
    [
        ("凉廊上妨光望", "第二部"),  # 苏轼 西江月, level and oblique
        ("天年寒间眠圆全娟", "第七部"),  # 苏轼 水调歌头
        ("歇烈月切雪灭缺血阙", "第十八部"),  # 岳飞 满江红
        ("觅戚息急识摘黑得滴", "第十七部"),  # 李清照 声声慢
        ("树雨路舞缕去度处", "第四部"),  # 辛弃疾 青玉案
    ],
)
def test_famous_poems_keep_to_one_group(poem: str, group: str) -> None:
    shared = frozenset.intersection(*(feet(char, ANY, CILIN) for char in poem))
    assert shared == {group}


# ---- feet


def test_feet_have_only_the_readings_of_their_tone() -> None:
    for char in "看重教思望论春月":
        for book in (PINGSHUI, CILIN):
            level, oblique = (feet(char, tone, book) for tone in (LEVEL, OBLIQUE))
            assert level | oblique == feet(char, ANY, book)
        assert feet(char, LEVEL, PINGSHUI) == {name for name in rhymes(char) if is_level(name)}
        assert feet(char, OBLIQUE, PINGSHUI) == {name for name in rhymes(char) if not is_level(name)}
        for tone in (LEVEL, OBLIQUE):
            readings = feet(char, tone, PINGSHUI)
            assert feet(char, tone, CILIN) == {group for name in readings for group in groups_of(char, name)}
    assert feet("月", LEVEL, CILIN) == feet("春", OBLIQUE, PINGSHUI) == feet("，", ANY, CILIN) == frozenset()


def test_tones_rhyme_together_in_one_book_only() -> None:
    assert feet("光", LEVEL, CILIN) & feet("上", OBLIQUE, CILIN)
    assert not feet("光", LEVEL, PINGSHUI) & feet("上", OBLIQUE, PINGSHUI)


@pytest.mark.parametrize(("tone", "book"), [("入", PINGSHUI), (LEVEL, "广韵")])
def test_feet_know_their_tones_and_books(tone: str, book: str) -> None:
    with pytest.raises(ValueError, match=tone if book == PINGSHUI else book):
        feet("春", tone, book)


# ---- usual readings


def usual_rows() -> list[list[str]]:
    text = (ROOT / "poetgen" / "prosody" / "usual.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("chars", "expected"),
    [
        ("空深中如吟留三王", "平"),
        ("不与梦句共罢", "仄"),
        ("看教思重望忘为长过论应将传", "平仄"),
    ],
)
def test_the_usual_tones_of_common_characters(chars: str, expected: str) -> None:
    for char in chars:
        assert tones(char) == {LEVEL, OBLIQUE}, char
        assert usual_tones(char) == set(expected), char


def test_every_character_keeps_a_reading_and_rare_ones_are_its_own() -> None:
    book = {char for name in categories() for char in characters(name)}
    with_rare = {char for char in book if rare(char)}
    assert len(with_rare) > 300
    for char in book:
        assert rare(char) < rhymes(char), char
        assert usual_tones(char) <= tones(char) and usual_tones(char), char
        if len(tones(char)) == 1 or char not in with_rare:
            assert usual_tones(char) == tones(char), char
    assert rare("x") == usual_tones("x") == rare("") == usual_tones("") == frozenset()


def test_the_table_of_rare_readings_holds_together() -> None:
    shapes = "".join(row[0] for row in usual_rows())
    assert len(set(shapes)) == len(shapes)
    order = list(categories())
    for chars, names, *_ in usual_rows():
        assert len({rhymes(char) for char in chars}) == 1, chars
        assert names.split() == sorted(names.split(), key=order.index), chars


@pytest.mark.parametrize(
    ("char", "names"),
    [("北", "十一队 八黠"), ("极", "十六叶"), ("意", "十三职"), ("就", "一屋"), ("服", "二十五有"), ("肉", "二十六宥")]
    + [("湾", "十四寒"), ("机", "四支"), ("莹", "九青")],
)
def test_readings_that_no_other_book_and_no_poem_has_are_rare(char: str, names: str) -> None:
    assert set(names.split()) <= rare(char)


def test_a_small_rhyme_is_not_rare_for_being_small() -> None:
    assert "九佳" not in rare("涯") and "十灰" not in rare("衰")


def words_of() -> dict[str, tuple[str, str]]:
    return {row[0]: (row[1], row[2]) for row in read_table("prosody", "words.tsv", 3)}


def test_the_table_of_words_holds_together() -> None:
    table = words_of()
    assert len({char for shapes in table for char in shapes}) == sum(map(len, table))
    for shapes, parts in table.items():
        assert any(len(tones(char)) == 2 for char in shapes), shapes
        level, oblique = (part.split() for part in parts)
        assert not set(level) & set(oblique), shapes
        for word in (*level, *oblique):
            assert len(word) == 2 and set(word) & set(shapes), word


@pytest.mark.parametrize(
    ("word", "expected"),
    [("相思", "平平"), ("思量", "平平"), ("秋思", "平仄"), ("九重", "仄平"), ("珍重", "平仄"), ("生长", "平仄")]
    + [("长安", "平平"), ("长安", "平平"), ("胜利", "仄仄"), ("不胜", "仄平"), ("鼓吹", "仄仄"), ("感应", "仄仄")]
    + [("万乘", "仄仄"), ("乘风", "平平"), ("教育", "仄仄"), ("莫教", "仄平"), ("德行", "仄仄"), ("千骑", "平仄")]
    + [("相看", "平平"), ("重大", "仄仄"), ("分布", "平仄"), ("長安", "平平"), ("萬乘", "仄仄")],
)
def test_words_decide(word: str, expected: str) -> None:
    assert Reader().signs(word) == expected


def test_words_do_not_reach_over_a_pause_and_may_overlap() -> None:
    assert Reader().signs("楼上秋思苦")[3] == "仄" and Reader().signs("草秋思梦苦")[2] == "通"
    assert Reader().signs("不胜游")[1] == "通"  # 不胜 is level, 胜游 oblique
    assert Reader(usual=False).signs("相思") == "通通"


def test_a_word_decides_what_a_foot_rhymes_with() -> None:
    assert Reader().feet("此物最相思", LEVEL) == {"四支"} and Reader().feet("此物最相思", OBLIQUE) == frozenset()
    assert Reader().feet("灯下写秋思", OBLIQUE) == {"四寘"} and Reader().feet("灯下写秋思", LEVEL) == frozenset()
    assert Reader().feet("古人重德行", OBLIQUE)  # rare, but for the word
    assert Reader(CILIN).feet("此物最相思", ANY) == {"第三部"}
    assert Reader().feet("", ANY) == Reader().feet("x", LEVEL) == frozenset()


def test_traditional_shapes_share_the_testimony_unless_the_simplified_one_merges_others() -> None:
    assert usual_tones("間") == usual_tones("间") == {LEVEL}
    assert rare("機") == frozenset() != rare("机")  # 机 has a reading of its own


def test_feet_may_leave_rare_readings_out() -> None:
    assert feet("空", OBLIQUE) and not feet("空", OBLIQUE, usual=True)
    assert feet("空", ANY, usual=True) == feet("空", LEVEL) == {"一东"}
    assert feet("湾", LEVEL, usual=True) == {"十五删"}
    assert feet("蛇", LEVEL) == {"四支", "五歌", "六麻"}
    assert feet("蛇", LEVEL, CILIN, usual=True) == {"第十部"}
    for char in "看月春x":
        for tone in (LEVEL, OBLIQUE, ANY):
            for book in (PINGSHUI, CILIN):
                assert feet(char, tone, book, usual=True) == feet(char, tone, book)


# ---- the scripts


def test_a_source_of_another_kind_is_refused_in_one_line(tmp_path: Path) -> None:
    source, out = tmp_path / "source.json", tmp_path / "out.tsv"
    for text in ("{", '{"ping": {"東": ["東"]}}', '{"ping": 1}'):
        source.write_text(text, encoding="utf-8")
        command = [sys.executable, str(SCRIPTS / "pingshui.py"), str(source), str(source), "--out", str(out)]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
        assert ran.returncode == 1
        assert ran.stderr.startswith(f"pingshui: {source}: ") and ran.stderr.count("\n") == 1
        assert not out.exists()


def test_corrections_shapes_and_simplified_characters_are_worked_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    pingshui = script("pingshui")
    source = tmp_path / "source.json"
    rows = {name: ["龍" if name == "二冬" else "後" if name == "二十六宥" else name[-1]] for name in pingshui.NAMES}
    rows["十四缉"] = ["龍緝"]
    rows["二十五有"] = ["后"]
    source.write_text(json.dumps(rows), encoding="utf-8")
    fixes = tmp_path / "fixes.tsv"
    fixes.write_text("# why\n-\t龍\t十四缉\n+\t蘢\t二冬\tfor one\n=\t竜\t龍\n", encoding="utf-8")
    book = pingshui.read_source(source)
    pingshui.correct(book, fixes, {})
    pingshui.spread(book)
    pingshui.merge(book)
    assert [book.readings(char) for char in "龍龙竜蘢茏"] == [["二冬"]] * 5
    assert book.readings("缉") == ["十四缉"]
    assert book.readings("后") == ["二十五有", "二十六宥"]
    fixes.write_text("+\t蘢\t二东\n", encoding="utf-8")
    with pytest.raises(pingshui.PoetgenError, match="fixes.tsv:1"):
        pingshui.correct(book, fixes, {})


def test_poems_testify_against_a_wrong_tone() -> None:
    evidence = script("rhyme_evidence")
    text = "白日依山尽黄河入海流欲穷千里目更上一层楼"
    chars = sorted(set(text))
    known = np.array([sum(evidence.BITS[tone] for tone in tones(char)) for char in chars], dtype=np.uint8)
    known[chars.index("河")] = evidence.BITS[OBLIQUE]  # a book that is wrong
    poem = np.array([[[chars.index(char) for char in text[at : at + 5]] for at in range(0, 20, 5)]])
    uses = np.zeros((len(chars), 2), dtype=np.int64)
    assert evidence.tone_uses(poem, "五绝", known, uses) == 1
    seen = {char: tuple(uses[index]) for index, char in enumerate(chars) if uses[index].any()}
    assert seen == {"河": (1, 0)}  # the others have a break beside them
    known[chars.index("河")] = evidence.BITS[LEVEL]
    evidence.tone_uses(poem, "五绝", known, uses)
    assert tuple(uses[chars.index("河")]) == (2, 0)
    assert tuple(uses[chars.index("日")]) == (0, 1)
    assert not uses[chars.index("尽")].any()  # a first line may end either way


def test_poems_testify_against_a_wrong_rhyme() -> None:
    evidence = script("rhyme_evidence")
    uses, strange = evidence.foot_uses(iter([("", "东", "同", "冬"), ("冬", "风", "中")]))
    assert uses == {"冬": 1}
    assert strange == {("冬", "一东"): 1}


@pytest.fixture
def usual_readings(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))  # it reads with the parts of its neighbours
    return script("usual_readings")


def numbered(poem: str, chars: list[str]) -> np.ndarray:
    return np.array([[[chars.index(char) for char in line] for line in poem.split()]])


def test_a_poem_of_one_pattern_tells_what_was_asked_of_characters_of_two_tones(usual_readings: ModuleType) -> None:
    poem = "白日依山尽 黄河入海流 欲穷千里目 更上一层楼"
    chars = sorted(set(poem) - {" "})
    known = np.array([sum(usual_readings.BITS[tone] for tone in tones(char)) for char in chars], dtype=np.uint8)
    both = usual_readings.BITS[LEVEL] | usual_readings.BITS[OBLIQUE]

    def seen(*unsure: str) -> dict[str, tuple[int, int]]:
        book = known.copy()
        book[[chars.index(char) for char in unsure]] = both
        uses = np.zeros((len(chars), 2), dtype=np.int64)
        usual_readings.tone_uses(numbered(poem, chars), "五绝", book, uses, usual_readings.PairUses(book))
        return {char: tuple(row) for char, row in zip(chars, uses.tolist(), strict=True) if any(row)}

    asked = {"日": (0, 1), "河": (1, 0), "海": (0, 1), "流": (1, 0), "穷": (1, 0)}
    assert seen() == seen("河", "海") == asked | {"目": (0, 1), "上": (0, 1), "层": (1, 0), "楼": (1, 0)}
    # 山 and 里 stand where a licence leaves the tone free, 尽 where the line may rhyme: they tell nothing.
    assert not {"山", "里", "尽"} & set(seen())
    # Too few characters of one tone are left to tell the openings apart, and one that breaks both silences the poem.
    assert seen("日", "河", "海", "穷") == {}
    known[chars.index("楼")] = usual_readings.BITS[OBLIQUE]
    assert seen() == {}


def test_a_foot_of_several_rhymes_tells_which_the_others_had(usual_readings: ModuleType) -> None:
    chars = list("沙花家涯蛇时知春月")
    bits = {name: 1 << bit for bit, name in enumerate(usual_readings.LEVEL_RHYMES)}
    readings = np.array([sum(bits.get(name, 0) for name in rhymes(char)) for char in chars], dtype=np.uint32)

    def testimony(ends: str) -> dict[str, int]:
        uses = np.zeros((len(chars), len(bits)), dtype=np.int64)
        usual_readings.rhyme_uses(numbered(" ".join(ends), chars), readings, uses)
        row = uses[chars.index("涯")].tolist()
        return {name: count for name, count in zip(usual_readings.LEVEL_RHYMES, row, strict=True) if count}

    assert testimony("沙花月家月涯月花") == testimony("花涯月沙") == {"六麻": 1}
    assert testimony("月时月知月涯月时") == {"四支": 1}
    assert testimony("月涯月沙") == {}  # one other foot alone
    assert testimony("月沙月春月涯月花") == {}  # the others do not rhyme
    assert testimony("蛇涯月蛇") == {}  # they rhyme three ways


def test_pairs_tell_which_tone_a_word_has(usual_readings: ModuleType) -> None:
    poem = "白日依山尽 黄河入海流 欲穷千里目 更上一层楼"
    chars = sorted(set(poem) - {" "})
    known = np.array([sum(usual_readings.BITS[tone] for tone in tones(char)) for char in chars], dtype=np.uint8)
    known[[chars.index(char) for char in "河层"]] = 3
    pairs, uses = usual_readings.PairUses(known), np.zeros((len(chars), 2), dtype=np.int64)
    for _ in range(40):
        usual_readings.tone_uses(numbered(poem, chars), "五绝", known, uses, pairs)
    uses += 40  # elsewhere both tones are as common
    left = usual_readings.decided(pairs, uses)
    found = {(chars[one] + chars[two], side): bit for (one, two, side), (bit, _) in left.items()}
    assert found[("黄河", 0)] == found[("一层", 0)] == found[("层楼", 1)] == usual_readings.BITS[LEVEL]


@pytest.mark.parametrize(
    ("char", "asked", "rhymed", "grouped", "confirmed", "expected"),
    [
        ("空", (97, 3), {}, {}, "一东 一董 一送", ["一董", "一送"]),
        ("空", (92, 8), {}, {}, "一东 一董 一送", []),
        ("空", (29, 0), {}, {}, "一东 一董 一送", []),
        ("空", (0, 0), {}, {}, "一东", ["一董", "一送"]),  # no other book has them, and no poem
        ("空", (90, 10), {}, {}, "一东", []),
        ("卷", (2, 98), {}, {}, "一先 十三阮 十六铣 十七霰", ["一先"]),
        ("涯", (50, 0), {"六麻": 88, "四支": 8, "九佳": 4}, {}, "六麻 四支 九佳", []),  # 九佳 is small
        ("涯", (50, 0), {"六麻": 98, "四支": 2}, {}, "六麻 四支 九佳", ["四支", "九佳"]),
        ("涯", (50, 0), {"六麻": 29}, {}, "六麻 四支 九佳", []),
        ("北", (0, 0), {}, {"第十七部": 50, "第三部": 1}, "十一队 十三职 八黠 二沃", ["十一队", "八黠", "二沃"]),
        ("北", (0, 0), {}, {"第十七部": 9}, "十一队 十三职 八黠 二沃", []),
    ],
)
def test_what_is_rare(
    usual_readings: ModuleType,
    char: str,
    asked: tuple[int, int],
    rhymed: dict[str, int],
    grouped: dict[str, int],
    confirmed: str,
    expected: list[str],
) -> None:
    uses = usual_readings.Uses(asked, rhymed, grouped)
    totals = {"六麻": 9000, "四支": 20000, "九佳": 300, "第十七部": 500, "第三部": 500, "第十八部": 300}
    found = usual_readings.rare_readings(char, uses, totals, frozenset(confirmed.split()))
    assert sorted(found) == sorted(expected)


def test_a_folder_that_is_no_dataset_is_refused_in_one_line(tmp_path: Path) -> None:
    out = tmp_path / "usual.tsv"
    command = [sys.executable, str(SCRIPTS / "usual_readings.py"), str(tmp_path), str(tmp_path), "--out", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    assert ran.returncode == 1
    assert ran.stderr.startswith("usual_readings: ") and ran.stderr.count("\n") == 1
    assert not out.exists()
