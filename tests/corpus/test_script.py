"""Scripts and shapes of characters: what is traditional stays, context decides, variants are one."""

from __future__ import annotations

import unicodedata

import pytest

from poetgen.corpus import Cleaner, Poem, Record
from poetgen.corpus.keywords import cut
from poetgen.corpus.script import Script, fold_variants, tell, to_simplified, to_traditional
from poetgen.files import read_table
from poetgen.prosody import tones

#: Lines of traditional verse with characters that a converter takes for simplified ones.
TRADITIONAL = [
    "萬里長征人未還，",
    "范蠡扁舟去不歸。",
    "詩云皇后在后土，",
    "干戈未定淚痕乾。",
    "斗酒山谷余獨飲，",
    "于今遊子征鴻遠，",
    "台州几案采菊東籬下，",
    "咸陽古道游魚出。",
]


@pytest.mark.parametrize("line", TRADITIONAL)
def test_traditional_verse_is_left_alone(line: str) -> None:
    poem = Cleaner("traditional", min_chars=1).clean(
        Record("here", (line + "獨釣寒江雪。",), title="雲里", author="于鵠")
    )
    assert poem is not None and poem.body == line + "獨釣寒江雪。"
    assert (poem.title, poem.author) == ("雲里", "于鵠")


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        ("万里云间", "萬里雲間"),
        ("故里 邻里 乡里", "故里 鄰里 鄉里"),
        ("梦里 心里", "夢裏 心裏"),
        ("皇后 太后 后妃 后土", "皇后 太后 后妃 后土"),
        ("然后 后来", "然後 後來"),
        ("诗云 云何", "詩云 云何"),
        ("干戈 阑干 干云", "干戈 闌干 干雲"),
        ("未干 树干", "未乾 樹幹"),
        ("北斗 斗酒", "北斗 斗酒"),
        ("战斗 斗鸡", "戰鬥 鬥雞"),
        ("山谷 五谷", "山谷 五穀"),
        ("余亦 余独", "余亦 余獨"),
        ("其余 有余", "其餘 有餘"),
        ("征人 征鸿 征求", "征人 征鴻 徵求"),
        ("头发 白发 发白", "頭髮 白髮 髮白"),
        ("台州 灵台", "台州 靈臺"),
        ("表里 范蠡 洪范", "表裏 范蠡 洪範"),
        ("看着 着鞭", "看著 著鞭"),
    ],
)
def test_words_decide_for_characters_that_are_several_in_traditional_script(simplified: str, traditional: str) -> None:
    assert to_traditional(simplified) == traditional


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [
        ("乾坤 承乾 乾乾", "乾坤 承乾 乾乾"),
        ("未乾 乾葉", "未干 干叶"),
        ("宮商角徵羽 徵兵", "宫商角徵羽 征兵"),
        ("祇應 祇在", "只应 只在"),
        ("神祇 祇園", "神祇 祇园"),
        ("看著 著花", "看着 着花"),
        ("著書 名著", "著书 名著"),
        ("沈沈 浮沈 沈吟", "沉沉 浮沉 沉吟"),
        ("沈郎 沈約", "沈郎 沈约"),
        ("於今 歸於", "于今 归于"),
        ("有餘 千鍾 龍鍾", "有余 千钟 龙钟"),
        ("瞭望 狼藉 覆水", "瞭望 狼藉 覆水"),
        ("拚却 繁夥", "拚却 繁夥"),
    ],
)
def test_words_decide_for_characters_that_are_several_in_simplified_script(traditional: str, simplified: str) -> None:
    assert to_simplified(fold_variants(traditional)) == simplified


def test_a_family_name_stays_in_titles_and_at_the_head_of_an_author() -> None:
    record = Record("here", ("獨釣寒江雪，浮沈自不知。",), title="送沈十九", author="沈約")
    assert Cleaner("simplified").clean(record) == Poem("独钓寒江雪，浮沉自不知。", title="送沈十九", author="沈约")
    for author, expected in [("余靖", "余靖"), ("钟嵘", "鍾嶸"), ("于谦", "于謙"), ("岳飞", "岳飛"), ("姜夔", "姜夔")]:
        record = Record("here", ("独钓寒江雪，处处闻啼鸟。",), author=author)
        poem = Cleaner("traditional").clean(record)
        assert poem is not None and poem.author == expected


def test_each_text_has_its_own_script_and_one_that_does_not_tell_that_of_its_neighbours() -> None:
    mute = Record("c", ("床前明月光，云里故山人。",))
    simplified = Record("a", ("独钓寒江雪，处处闻啼鸟。",), title="白云")
    traditional = Record("b", ("獨釣寒江雪，處處聞啼鳥。",), title="云谁之思")
    cleaner = Cleaner("traditional")
    poems = [poem for _, poem in cleaner.clean_all([simplified, traditional, traditional, mute])]
    assert [poem.body[:5] for poem in poems] == ["獨釣寒江雪", "獨釣寒江雪", "獨釣寒江雪", "床前明月光"]
    assert poems[0].title == "白雲"
    assert poems[3].body == "床前明月光，云里故山人。"
    poems = [poem for _, poem in cleaner.clean_all([simplified, mute])]
    assert poems[1].body.endswith("雲裏故山人。")
    assert cleaner.counts.rules["script"].poems == 3  # what was converted, and no other


def test_scripts_are_told_by_what_only_one_of_them_has() -> None:
    assert tell("舉頭望明月，低頭思故鄉。") > 0 > tell("举头望明月，低头思故乡。")
    assert tell("却黄峰群床乾於著") == 0  # both scripts print these
    assert tell("The heron waits, 古池や.") == 0


@pytest.mark.parametrize("script", ["simplified", "traditional"])
def test_variant_shapes_become_one_word_whatever_the_source(script: Script) -> None:
    cleaner = Cleaner(script)
    poems = [
        cleaner.clean(Record("here", (f"髙臯隠隠{疏}疎影，隣叟一巵{余}，獨見鴈。",)))  # noqa: E501
        for 疏, 余 in (("疏", "餘"), ("踈", "馀"))
    ]
    assert poems[0] is not None and poems[0] == poems[1]
    body = "高皋隐隐疏疏影，邻叟一卮余，独见雁。" if script == "simplified" else "高皋隱隱疏疏影，鄰叟一卮餘，獨見雁。"
    assert poems[0].body == body
    assert cleaner.counts.rules["variant shapes"].poems == 2


def test_what_is_standard_in_traditional_script_is_folded_in_the_other_alone() -> None:
    assert fold_variants("屋簷") == "屋檐" and fold_variants("屋簷", "traditional") == "屋簷"
    assert Cleaner("keep", min_chars=1).clean(Record("here", ("髙臯屋簷。",))) == Poem("髙臯屋簷。")


def test_words_of_their_own_are_no_variants() -> None:
    for char in "挼菑俛撚斲澹凋晖淼昇溪闇乾閒間沈著藉":
        assert fold_variants(char) == char


def test_the_table_of_variants_is_sound() -> None:
    rows = read_table("corpus", "variants.tsv", 3)
    shapes = {shape: char for shape, char, _ in rows}
    assert len(shapes) == len(rows) > 1_500
    assert not {*shapes} & {*shapes.values()}  # one step is enough
    assert all(len(shape) == len(char) == 1 for shape, char in shapes.items())
    assert all(unicodedata.normalize("NFC", char) == char for char in shapes.values())
    # A fold keeps the tones that a line is judged by, but for those that the corrections say are one word.
    apart = {shape for shape, char in shapes.items() if tones(shape) and tones(char) and not tones(shape) & tones(char)}
    assert len(apart) <= 5, apart


def test_conversion_keeps_the_length_of_any_text() -> None:
    texts = ["乾坤\0沈郎\0徵羽", "^沈約\0\0", "", "The heron\n古池や", "千鍾粟一目瞭然"]
    for text in texts:
        assert len(to_simplified(text)) == len(to_traditional(text)) == len(fold_variants(text)) == len(text)


def test_keywords_of_traditional_text_are_cut_as_simplified_and_given_in_its_own_characters() -> None:
    own = cut(["獨釣寒江雪，萬里鳳凰臺。"], "traditional")
    simplified = cut(["独钓寒江雪，万里凤凰台。"])
    assert "鳳凰臺" in own.table or "鳳凰" in own.table
    assert [to_simplified(word) for word in own.table] == simplified.table
    assert all(word in "獨釣寒江雪，萬里鳳凰臺。" for word in own.table)
