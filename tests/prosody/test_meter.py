import json
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from poetgen.prosody import (
    CHECKED,
    FORMS,
    SHAPES,
    categories,
    characters,
    check,
    is_level,
    level_rhymes,
    line_pattern,
    patterns,
    recognise,
    rescued,
    rhymes,
    shared_rhyme,
    tones,
)
from poetgen.text import is_han

CCPC = Path(__file__).parents[3] / "shared" / "bench" / "ccpc_valid.jsonl"

DENG_GUANQUE_LOU = "白日依山尽 黄河入海流 欲穷千里目 更上一层楼".split()
JING_YE_SI = "床前明月光 疑是地上霜 举头望明月 低头思故乡".split()
ZAO_FA_BAIDI_CHENG = "朝辞白帝彩云间 千里江陵一日还 两岸猿声啼不住 轻舟已过万重山".split()
CHUN_WANG = "国破山河在 城春草木深 感时花溅泪 恨别鸟惊心 烽火连三月 家书抵万金 白头搔更短 浑欲不胜簪".split()
DENG_GAO = (
    "风急天高猿啸哀 渚清沙白鸟飞回 无边落木萧萧下 不尽长江滚滚来 "
    "万里悲秋常作客 百年多病独登台 艰难苦恨繁霜鬓 潦倒新停浊酒杯"
).split()


def test_the_book_has_its_106_rhymes_in_five_parts() -> None:
    parts = Counter(categories().values())
    assert parts == {"上平": 15, "下平": 15, "上": 29, "去": 30, "入": 17}


def test_the_table_is_clean() -> None:
    for name in categories():
        chars = characters(name)
        assert len(set(chars)) == len(chars), name
        assert all(is_han(char) for char in chars), name
        assert unicodedata.is_normalized("NFC", chars), name


@pytest.mark.parametrize("name", categories())
def test_a_rhyme_holds_the_character_it_is_named_after(name: str) -> None:
    assert name[-1] in characters(name)


@pytest.mark.parametrize(
    ("char", "expected"),
    [
        ("衡", "八庚"),
        ("昂", "七阳"),
        ("回", "十灰 十一队"),
        ("华", "六麻 二十二祃"),
        ("论", "十一真 十三元 十四愿"),
        ("望", "七阳 二十三漾"),
        ("重", "二冬 二肿 二宋"),
        ("教", "三肴 十九效"),
        ("烛", "二沃"),
        ("钟", "二冬"),
        ("笛", "十二锡"),
        ("竹", "一屋"),
        ("雪", "九屑"),
        ("叶", "十六叶"),
    ],
)
def test_readings(char: str, expected: str) -> None:
    assert rhymes(char) == set(expected.split())


def test_entering_tone_is_oblique_whatever_mandarin_says() -> None:
    for char in "白国竹笛独读石食十节别绝急职敌觉发一七八":
        assert tones(char) == {"仄"}, char


@pytest.mark.parametrize("pair", ["東东", "風风", "雲云", "聲声", "無无", "還还", "樓楼", "歲岁", "獨独"])
def test_traditional_and_simplified_agree(pair: str) -> None:
    assert rhymes(pair[0])
    assert rhymes(pair[0]) <= rhymes(pair[1])


def test_a_simplified_character_has_the_readings_of_all_it_merges() -> None:
    assert rhymes("后") >= rhymes("後") | {"二十五有"}
    assert rhymes("征") >= {"八庚", "十蒸"}
    assert "一先" not in rhymes("干")


def test_unknown_characters_have_no_reading() -> None:
    assert rhymes("，") == level_rhymes("a") == tones("") == frozenset()


def test_level_rhymes_are_the_level_part_of_the_rhymes() -> None:
    assert level_rhymes("看") == {"十四寒"}
    assert [name for name in categories() if is_level(name)] == list(categories())[:30]


@pytest.mark.parametrize(
    ("lines", "form"),
    [
        (DENG_GUANQUE_LOU, "五绝"),
        (ZAO_FA_BAIDI_CHENG, "七绝"),
        (CHUN_WANG, "五律"),
        (DENG_GAO, "七律"),
        (["关关雎鸠", "在河之洲", "窈窕淑女", "君子好逑"], "古体"),
        (["大漠孤烟直", "长河落日圆"], "古体"),
        (["某水某山某"] * 6, "古体"),
        (["君不见", "黄河之水天上来", "奔流到海不复回"], "杂言"),
        (["噫吁嚱", "危乎高哉", "蜀道之难", "难于上青天"], "杂言"),
        (["予独爱莲之出淤泥而不染", "濯清涟而不妖", "中通外直", "可远观而不可亵玩焉"], "散文"),
        (["庆历四年春", "滕子京谪守巴陵郡越明年政通人和"], "散文"),
        (["春眠不觉晓"], "散文"),
        (["某"] * 4, "散文"),
        ([], "散文"),
    ],
)
def test_recognise(lines: list[str], form: str) -> None:
    assert recognise(lines) == form
    assert form in FORMS


def test_patterns_follow_opposition_and_adhesion() -> None:
    for form, (count, length) in SHAPES.items():
        assert len(set(patterns(form))) == 4
        for pattern in patterns(form):
            assert [len(line) for line in pattern] == [length] * count
            second = [line[1] for line in pattern]
            assert all(second[i] != second[i + 1] for i in range(0, count, 2))
            assert all(second[i] == second[i + 1] for i in range(1, count - 1, 2))
            assert all(line[-1] == "平" for line in pattern[1::2])
            assert all(line[-1] == "仄" for line in pattern[2::2])
            assert not any(line.endswith(("平平平", "仄仄仄")) for line in pattern)


def test_a_seven_character_line_is_a_five_character_line_with_the_opposite_pair_before_it() -> None:
    for second in "平仄":
        for last in "平仄":
            five = line_pattern(5, second, last)
            opposite = "仄" if second == "平" else "平"
            assert line_pattern(7, opposite, last) == opposite * 2 + five


@pytest.mark.parametrize(
    ("lines", "form", "category"),
    [
        (DENG_GUANQUE_LOU, "五绝", "十一尤"),
        (ZAO_FA_BAIDI_CHENG, "七绝", "十五删"),
        (CHUN_WANG, "五律", "十二侵"),
        (DENG_GAO, "七律", "十灰"),
    ],
)
def test_masters_keep_the_rules(lines: list[str], form: str, category: str) -> None:
    verdict = check(lines, form)
    assert verdict.ok
    assert verdict.category == category
    assert [line.text for line in verdict.lines] == lines
    assert all(line.breaks == () for line in verdict.lines)


def test_an_old_style_quatrain_rhymes_but_has_no_meter() -> None:
    verdict = check(JING_YE_SI, "五绝")
    assert (verdict.form, verdict.rhyme, verdict.meter, verdict.ok) == (True, True, False, False)
    assert verdict.category == "七阳"


@pytest.mark.parametrize("place", CHECKED[5])
@pytest.mark.parametrize("number", range(4))
def test_one_wrong_tone_is_found_where_it_stands(number: int, place: int) -> None:
    line = DENG_GUANQUE_LOU[number]
    wrong = "春" if tones(line[place - 1]) == {"仄"} else "月"
    broken = [*DENG_GUANQUE_LOU]
    broken[number] = line[: place - 1] + wrong + line[place:]
    verdict = check(broken, "五绝")
    if (number, place) == (0, 5):  # the first line may end in 平
        assert verdict.meter
    elif (number, place) == (2, 4):  # 平平仄平仄 stands for 平平平仄仄
        assert verdict.meter
        assert verdict.lines[2].pattern == "平平仄平仄"
    else:
        assert not verdict.meter
        assert [line.breaks for line in verdict.lines] == [(place,) if i == number else () for i in range(4)]


def test_unchecked_positions_are_free() -> None:
    for number, line in enumerate(ZAO_FA_BAIDI_CHENG):
        for place in {1, 3, 5}:
            for char in "春月":
                freed = [*ZAO_FA_BAIDI_CHENG]
                freed[number] = line[: place - 1] + char + line[place:]
                assert check(freed, "七绝").meter


def test_the_licence_is_for_one_line_type_only() -> None:
    assert rescued("平平平仄仄") == "平平仄平仄"
    assert rescued("仄仄平平平仄仄") == "仄仄平平仄平仄"
    others = ["仄仄平平仄", "平平仄仄平", "仄仄仄平平", "平平仄仄平平仄"]
    assert [rescued(line) for line in others] == [None] * 4
    # 正是江南好风景 and 无为在歧路 are the textbook's examples.
    jiangnan = "岐王宅里寻常见 崔九堂前几度闻 正是江南好风景 落花时节又逢君".split()
    assert check(jiangnan, "七绝").ok
    assert check(jiangnan, "七绝").lines[2].pattern == "仄仄平平仄平仄"
    assert not check([*jiangnan[:3], "落花时节又月君"], "七绝").meter


def test_lines_that_do_not_adhere_are_no_regulated_verse() -> None:
    second_couplet_first = DENG_GUANQUE_LOU[2:] + DENG_GUANQUE_LOU[:2]
    assert check(second_couplet_first, "五绝").meter
    same_couplet_twice = DENG_GUANQUE_LOU[:2] * 2
    assert not check(same_couplet_twice, "五绝").meter


def test_readings_and_unknown_characters_fit_either_tone() -> None:
    unknown = "𰻝"
    assert tones(unknown) == frozenset()
    for char in unknown + "看":
        for place in (2, 4):
            assert check([*DENG_GUANQUE_LOU[:3], "更上一层楼"[: place - 1] + char + "更上一层楼"[place:]], "五绝").meter


def test_an_unknown_character_does_not_rhyme() -> None:
    verdict = check([*DENG_GUANQUE_LOU[:3], "更上一层𰻝"], "五绝")
    assert (verdict.rhyme, verdict.category, verdict.meter) == (False, None, True)


def test_rhyme_needs_one_level_category_of_all_even_lines() -> None:
    assert shared_rhyme(["一", "东", "二", "同"]) == "一东"
    assert shared_rhyme(["一", "东", "二", "冬"]) is None
    assert shared_rhyme(["一", "月", "二", "发"]) is None  # they rhyme, but in the entering tone
    assert shared_rhyme(["一", "看", "二", "难"]) == "十四寒"  # both have an oblique reading too
    assert shared_rhyme(["东"]) is None
    assert shared_rhyme([]) is None


@pytest.mark.parametrize("lines", [[], DENG_GUANQUE_LOU[:3], [*DENG_GUANQUE_LOU[:3], "更上层楼"], ZAO_FA_BAIDI_CHENG])
def test_a_poem_of_another_shape_has_no_meter(lines: list[str]) -> None:
    verdict = check(lines, "五绝")
    assert not verdict.form
    assert not verdict.meter
    assert [line.text for line in verdict.lines] == lines


@pytest.mark.parametrize("form", ["古体", "词", "sonnet"])
def test_only_regulated_forms_have_rules(form: str) -> None:
    with pytest.raises(ValueError, match=form):
        check(DENG_GUANQUE_LOU, form)


@pytest.mark.slow
@pytest.mark.skipif(not CCPC.exists(), reason="the THU-CCPC validation set is not part of the project")
def test_human_quatrains_measure_as_documented() -> None:
    poems, rhyming, metrical, known, total = Counter(), Counter(), Counter(), 0, 0  # type: ignore[var-annotated]
    for record in CCPC.read_text(encoding="utf-8").splitlines():
        lines = json.loads(record)["content"].split("|")
        form = recognise(lines)
        verdict = check(lines, form)
        poems[form] += 1
        rhyming[form] += verdict.rhyme
        metrical[form] += verdict.meter
        known += sum(bool(rhymes(char)) for line in lines for char in line)
        total += sum(map(len, lines))
    assert known / total > 0.999
    # Documented for the test set, by a smaller table of readings; this is the validation set.
    assert rhyming["七绝"] / poems["七绝"] == pytest.approx(0.937, abs=0.02)
    assert metrical["七绝"] / poems["七绝"] == pytest.approx(0.912, abs=0.015)
    assert rhyming["五绝"] / poems["五绝"] == pytest.approx(0.661, abs=0.015)
    assert metrical["五绝"] / poems["五绝"] == pytest.approx(0.538, abs=0.015)
