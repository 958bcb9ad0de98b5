"""Cleaning: each rule on what the archive holds, the counts, and what must hold for any text."""

from __future__ import annotations

import json
import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetgen.corpus.apparatus import cut_sources, remove_latin, remove_notes, remove_roles, resolve_editorial
from poetgen.corpus.characters import expand_iterations, fold
from poetgen.corpus.clean import Cleaner
from poetgen.corpus.counts import Counts, Dropped
from poetgen.corpus.poem import Poem, Record
from poetgen.corpus.punctuation import join_lines, unify_punctuation
from poetgen.corpus.titles import clean_author, clean_title
from poetgen.text import PUNCTUATION

LINES = ("床前明月光，疑是地上霜。", "举头望明月，低头思故乡。")


def clean(*lines: str, script: str = "keep", **fields: str) -> Poem | None:
    return Cleaner(script).clean(Record("here", lines, **fields))  # type: ignore[arg-type]


def body(*lines: str, **fields: str) -> str:
    poem = clean(*lines, **fields)
    assert poem is not None
    return poem.body


def reason(*lines: str, **fields: str) -> str:
    cleaner = Cleaner("keep")
    assert cleaner.clean(Record("here", lines, **fields)) is None  # type: ignore[arg-type]
    ((why, count),) = cleaner.counts.dropped.items()
    assert count.poems == 1 and cleaner.counts.kept == 0 and cleaner.counts.read == 1
    return why


def test_a_clean_poem_stays_as_it_is() -> None:
    poem = clean(*LINES, title="静夜思", author="李白", dynasty="唐", tune="")
    assert poem == Poem("床前明月光，疑是地上霜。举头望明月，低头思故乡。", "静夜思", "李白", "唐")


# ---- notes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("月寒巖障(一作「帳」)曉，", "月寒巖障曉，"),
        ("香(「香」一作「秀」(見《集》))發〔注文〕桂【二】枝〖3〗。", "香發桂枝。"),
        ("冰姿，清凉〔态〕。", "冰姿，清凉态。"),
        ("魚吞釣。\n(見卷八。\n第二句缺。\n)", "魚吞釣。\n"),
        ("夢醒客去初。\n(以上(見《志》卷六。\n。", "夢醒客去初。\n"),
        ("甲(乙〔丙)丁〕戊", "甲戊"),
    ],
)
def test_notes_in_brackets_never_become_verse(text: str, expected: str) -> None:
    assert remove_notes(text) == expected


def test_full_width_brackets_and_notes_over_several_paragraphs() -> None:
    lines = (
        "路上忽逢深處水，（路上者，李字也。",
        "唐高祖姓李名淵也）等閑見虎又逢猪。",
        "（寅也）小小牛兒雖有角，清溪龍出。",
    )
    assert body(*lines) == "路上忽逢深處水，等閑見虎又逢猪。小小牛兒雖有角，清溪龍出。"


def test_a_bracket_that_closes_nothing_drops_the_poem() -> None:
    assert reason("樓上嗚嗚角，橋邊點點燈。", "居人笑老子，醉髮亂鬅鬙）。") == "a bracket that closes nothing"


@given(st.text(alphabet="春山水，。()〔〕【】〖〗\n", max_size=40))
def test_no_bracket_survives_and_nothing_within_one(text: str) -> None:
    try:
        left = remove_notes(text)
    except Dropped:
        return
    assert not set(left) & set("()〔〕【】〖〗")


# ---- editorial marks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("詎肯挂秦[金]。", "詎肯挂秦金。"),
        ("時[見白龍行]。", "時見白龍行。"),
        ("首旬發定鼎[一]，新[三○]月[12]。", "首旬發定鼎，新月。"),
        ("山翠[參差。", "山翠參差。"),
        ("無方", "無方"),
    ],
)
def test_editorial_brackets_keep_verse_and_lose_numbers(text: str, expected: str) -> None:
    assert resolve_editorial(text) == expected


@pytest.mark.parametrize("mark", ["{口顔}", "{⻊兀}", "<走山>", "[A12N]", "⿰口顔"])
def test_described_characters_drop_the_poem(mark: str) -> None:
    assert reason(f"彼詬徒{mark}，吾心本皎皎。", *LINES) in ("a character that is only described", "lost characters")


@pytest.mark.parametrize("mark", ["□", "○", "●", "囗", "◯"])
def test_lost_characters_drop_the_poem(mark: str) -> None:
    assert reason(*LINES, f"空{mark}度可憐宵。") == "lost characters"


def test_a_hole_within_a_note_is_no_hole() -> None:
    assert body(*LINES, "空（一作□）度可憐宵。").endswith("空度可憐宵。")


@pytest.mark.parametrize("mark", ["\ufffd", "\ue815", "\U000f0001"])
def test_unreadable_characters_drop_the_poem(mark: str) -> None:
    assert reason(*LINES, f"好看{mark}棬。") == "characters that cannot be read"


@pytest.mark.parametrize("letter", ["コ", "ぢ", "ㄎ", "Н", "Θ"])
def test_foreign_letters_in_place_of_characters_drop_the_poem(letter: str) -> None:
    assert reason(*LINES, f"开遍荼{letter}。") == "foreign letters for lost characters"


def test_characters_beyond_the_bmp_survive() -> None:
    assert body("簷聲挾霶𩃱，谷口應𠮷谺。") == "簷聲挾霶𩃱，谷口應𠮷谺。"


def test_stray_digits_and_latin() -> None:
    assert remove_latin("千尺絲輪0直下垂，九②ff，a b風") == "千尺絲輪直下垂，九，風"
    assert body("千尺絲輪０直下垂，Ａ一波才動萬波隨。") == "千尺絲輪直下垂，一波才動萬波隨。"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("年々歳々花相似", "年年歳歳花相似"),
        ("可憐々々", "可憐可憐"),
        ("悠々々々", "悠悠悠悠"),
        ("错，々，々。", "错，错，错。"),
        ("行〻重行〻", "行行重行行"),
        ("々春", "々春"),
        ("春" + "々" * 9, "春" * 10),
    ],
)
def test_iteration_marks_are_written_out(text: str, expected: str) -> None:
    assert expand_iterations(text) == expected


def test_no_iteration_mark_is_left_in_chinese_verse() -> None:
    """They would be neither counted as characters nor ever written by a network."""
    assert body(*LINES, "年々歳々花相似，歳々年年人不同。").endswith("年年歳歳花相似，歳歳年年人不同。")
    assert body(*LINES, "秦[金]々。").endswith("秦金金。"), "after an editor's brackets too"
    poem = clean(*LINES, title="行々重行々", author="佐々木")
    assert poem is not None and (poem.title, poem.author) == ("行行重行行", "佐佐木")
    assert reason("々春眠不觉晓，处处闻啼鸟。") == "foreign letters for lost characters"
    assert body("人々は花をみるらむ", "山々の春") == "人々は花をみるらむ\n山々の春", "Japanese is written so"


# ---- editors and plays


@pytest.mark.parametrize(
    "line",
    [
        "附注：據宋司馬光《傳家集》卷八。",
        "按：《全唐詩》卷八一○收此首。",
        "元陳世隆《宋詩拾遺》卷七。",
        "《癸辛雜識》續集卷上ff。",
        "ff。",
    ],
)
def test_lines_that_name_the_source_end_the_poem(line: str) -> None:
    assert body(*LINES, line) == "".join(LINES)


@pytest.mark.parametrize(
    "text",
    [
        "首句：偉人謀議不求多出處：《七集續集》卷二。",
        "詩題：龍巖寺首句：直上龍巖第一層。",
        "二「臺」，甲卷作「樓」，此後己本。",
        "張司馬，名不詳，乾元中任劍州司馬。\n詩二首。",
        "徐源字太初，高平人。\n詩一首。",
    ],
)
def test_an_editors_words_drop_the_poem(text: str) -> None:
    assert reason(*text.split("\n")) == "an editor's words, not verse"


@pytest.mark.parametrize(
    "verse", ["新诗一首题红叶，掩卷三叹读《离骚》。", "奴仆葵花，且把《离骚》读。", "歌曰：天耶地耶，万物耶。"]
)
def test_verse_that_speaks_of_books_is_kept(verse: str) -> None:
    assert body(*LINES, verse) == "".join(LINES) + verse.replace("《", "").replace("》", "")


def test_scenes_of_plays() -> None:
    speech = ("(正末唱)我按不住风流胆，(旦云)你去。", "连理枝头谁了砍？")
    assert reason(*speech, dynasty="元") == "a scene of a play, with speech"
    assert (
        body("［生上］乐守清贫，恭承严训。", "(合)十年灯火相亲。", dynasty="元") == "乐守清贫，恭承严训。十年灯火相亲。"
    )
    assert body(*LINES, "高卧（李白）南山。", dynasty="唐").endswith("高卧南山。")
    assert remove_roles("(正末唱)休说(下)") == "休说"


def test_songs_whose_titles_hold_their_first_lines() -> None:
    title = "普天乐・意绯徊，心忧虑。知他在科场应举，翰院迁除？峥嵘在画阁中，"
    assert reason("显耀在兰堂处。闪的人冷冷清清捱朝暮，", title=title, dynasty="元") == "verse torn off into the title"
    assert clean(*LINES, title="雨，晴", dynasty="宋") is not None


def test_cut_sources_leaves_plain_text_alone() -> None:
    assert cut_sources("曉月猶臨千里梓，春風又卷五雲圖。") == "曉月猶臨千里梓，春風又卷五雲圖。"


# ---- punctuation and lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("白日依山尽,黄河入海流.", "白日依山尽，黄河入海流。"),
        ("何处?远!近;", "何处？远！近；"),
        ("渔父曰:“何故.”", "渔父曰：何故。"),
        ("唱彻《阳关》,『春』﹁风﹂", "唱彻阳关，春风"),
        ("今宵……送别——人", "今宵，送别，人"),
        ("老只老呵，老不-下。\n-家冤障，满饮-杯。", "老不一下。\n一家冤障，满饮一杯。"),
        ("惟是有、一波", "惟是有、一波"),
        ("床前明月光/疑是地上霜|举头", "床前明月光\n疑是地上霜\n举头"),
        ("白日依山尽 黄河入海流", "白日依山尽\n黄河入海流"),
        ("白 日 依 山 尽， 黄 河", "白日依山尽，黄河"),
        ("莫回首、 斜阳下。", "莫回首、斜阳下。"),
        ("花*开#落~", "花开落"),
    ],
)
def test_punctuation_is_brought_to_one_set(text: str, expected: str) -> None:
    assert unify_punctuation(text).endswith(expected)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["甲乙", "丙丁", "戊己", "庚辛"], "甲乙，丙丁。戊己，庚辛。"),
        (["甲乙", "丙丁", "戊己"], "甲乙，丙丁。戊己。"),
        (["甲乙", "丙丁。"], "甲乙，丙丁。"),
        (["甲，乙", "丙，丁"], "甲，乙。丙，丁。"),
        (["甲，乙。", "丙，丁"], "甲，乙。丙，丁。"),
        (["甲，乙。", "丙", "丁。"], "甲，乙。丙，丁。"),
        (["甲，乙。", "", "。"], "甲，乙。"),
        (["，甲，，乙。。", "！？丙，。丁、，"], "甲，乙？丙。丁。"),
        (["甲？。", "乙，"], "甲？乙。"),
        (["甲"], "甲。"),
        (["。"], ""),
        ([], ""),
    ],
)
def test_lines_become_one_body(lines: list[str], expected: str) -> None:
    assert join_lines("\n".join(lines)) == expected


def test_lines_of_ccpc_and_of_the_supplement() -> None:
    assert (
        body("林高日气薄", "竹色净如水", "寂历断人声", "时有鸣禽起")
        == "林高日气薄，竹色净如水。寂历断人声，时有鸣禽起。"
    )
    assert (
        body("住在绿池边，朝朝学采莲", "水深偏责就，莲尽更移舡") == "住在绿池边，朝朝学采莲。水深偏责就，莲尽更移舡。"
    )


# ---- characters


def test_compatibility_forms() -> None:
    # Half-width, full-width and vertical forms, a compatibility ideograph, a radical, a decomposed letter; but 﨑 is
    # a character of its own, and ㈱ or ½ are not taken apart.
    assert fold("Ａｂ１［］（）︽\uf9dc⼭e\u0301﨑㈱½") == "Ab1[]()《隆山é﨑㈱½"
    assert fold("春\u200b\ufeff眠\U000e0100") == "春眠"
    assert fold("，。？！；：、") == "，。？！；：、"
    assert body("白日依山尽､黄河,入海流｡") == "白日依山尽、黄河，入海流。"


def test_compatibility_ideographs_become_usual_ones_even_where_all_else_is_clean() -> None:
    assert body("\uf9dc山千尺雪，\U0002f800月一江秋。", *LINES).startswith("隆山千尺雪，丽月一江秋。")
    poem = clean(*LINES, title="\uf9dc中", author="\uf9dc山", tune="")
    assert poem is not None and (poem.title, poem.author) == ("隆中", "隆山")


def test_script() -> None:
    record = Record("here", ("乾坤有萬里，頭髮後皇后。",), title="遊雲", author="陸游", tune="憶江南")
    poem = Cleaner("simplified").clean(record)
    assert poem == Poem("乾坤有万里，头发后皇后。", title="游云", author="陆游", tune="忆江南")
    poem = Cleaner("traditional").clean(Record("here", ("头发后来白，万里云。", "举头望明月。"), title="游云"))
    assert poem is not None and poem.body.startswith("頭髮後來白，萬里雲。") and poem.title == "遊雲"
    assert body("頭髮三千万里，举头望明月。") == "頭髮三千万里，举头望明月。"


# ---- titles and authors


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("句  其一○", "句 其一〇"),
        ("證道歌  其一○五", "證道歌 其一〇五"),
        ("首尾吟  其一○○", "首尾吟 其一〇〇"),
        ("兵要望江南 占斗第十四（京本作「占斗第四」○十六首） 二", "兵要望江南 占斗第十四 二"),
        ("郊廟歌辭○夕月樂章", "郊廟歌辭·夕月樂章"),
        ("诈妮子调风月・仙吕/点绛唇", "诈妮子调风月·仙吕·点绛唇"),
        (" 河渎神·凉月转雕阑 ", "河渎神·凉月转雕阑"),
        ("讀《離騷》「一」", "讀離騷一"),
        ("Untitled", ""),
        ("失題", ""),
        ("句", "句"),
        ("开遍荼コ", "开遍荼"),
        ("Op. 5", "Op. 5"),
        ("雨,晴", "雨，晴"),
        ("(" * 300_000 + ")" * 300_000, ""),
        ("Ode to the West Wind", "Ode to the West Wind"),
        ("夏，雨。", "夏，雨"),
        ("春" * 41, "春" * 40),
        ("春" * 20 + "，" + "夏" * 30, "春" * 20),
        ("", ""),
    ],
)
def test_titles(title: str, expected: str) -> None:
    assert clean_title(title) == expected


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("李白", "李白"),
        ("王炎2", "王炎"),
        ("敦煌人作品[一]", "敦煌人作品"),
        ("耿[湋]", "耿湋"),
        ("高明《蔡伯喈琵琶记》", "高明"),
        ("尹鹗 六首", "尹鹗"),
        ("无名氏", ""),
        ("無名氏《张协状元》", ""),
        ("佚名", ""),
        ("Anonymous", ""),
        ("□韞", ""),
        ("赵必\ufffd\ufffd", ""),
        ("曹菘〖1〗", "曹菘"),
        ("Percy Bysshe Shelley", "Percy Bysshe Shelley"),
        ("", ""),
    ],
)
def test_authors(author: str, expected: str) -> None:
    assert clean_author(author) == expected


def test_a_tune_that_is_lost_is_none() -> None:
    poem = clean(*LINES, title="失调名", tune="失调名")
    assert poem is not None and (poem.title, poem.tune) == ("", "")


# ---- bounds, other languages, passages


def test_empty_short_and_long() -> None:
    assert reason() == "empty"
    assert reason("", " ") == "empty"
    assert reason("（只有注）。") == "empty"
    assert reason("。") == "empty"
    assert reason("一二三四五，六七八九。") == "too short"
    assert body("一二三四五，六七八九十。")
    assert reason("春" * 5001) == "too long"
    assert body("春" * 4999)
    assert reason("gull " * 4001) == "too long"
    assert body("gull " * 3999)
    assert Cleaner("keep", min_chars=2, max_chars=4).clean(Record("here", ("春山",))) == Poem("春山。")


def test_verse_of_other_languages_keeps_its_letters_and_lines() -> None:
    lines = (
        "O wild West Wind,  thou breath of Autumn's being,",
        "",
        "Thou, from whose [unseen] presence (1820) — “dead”",
    )
    assert body(*lines) == (
        "O wild West Wind, thou breath of Autumn's being,\n\nThou, from whose [unseen] presence (1820) — “dead”"
    )
    assert body("古池や蛙飛びこむ水の音", "閑さや岩にしみ入る蝉の声").startswith("古池や蛙飛びこむ水の音\n")


def test_passages_keep_their_lines_and_have_no_bounds() -> None:
    cleaner = Cleaner("simplified")
    lines = ("話說（注）Chapter 1：「好」……", "", "  ok")
    poem = cleaner.clean(Record("here", lines, verse=False))
    assert poem == Poem("话说（注）Chapter 1：「好」……\n\n  ok")
    assert cleaner.clean(Record("here", ("短",), verse=False)) == Poem("短")
    assert cleaner.clean(Record("here", ("長" * 2000,), verse=False)) == Poem("长" * 2000)
    assert cleaner.clean(Record("here", (" ",), verse=False)) is None


def test_a_lost_character_costs_the_sentence_of_a_passage_and_is_counted() -> None:
    cleaner = Cleaner("keep")
    poem = cleaner.clean(Record("here", ("One. Tw\ufffd, three.", "Fo\ufffdr", "Five"), verse=False))
    assert poem == Poem("One.\n\nFive")
    assert cleaner.counts.rules["sentences with lost characters"].characters == len(" Tw\ufffd, three.Fo\ufffdr")
    assert cleaner.clean(Record("here", ("Si\ufffd",), verse=False)) is None
    assert cleaner.counts.dropped["characters that cannot be read"].poems == 1


# ---- counts

RAW = [
    Record("a, record 1", LINES, title="静夜思"),
    Record("a, record 2", (*LINES, "空（一作虛）度可憐宵。"), title="句  其一"),
    Record("a, record 3", ("□□。",)),
    Record("a, record 4", (*LINES, "江（注）水流春去欲盡，（注二）。")),
    Record("a, record 5", ("短。",)),
]


def counted(records: list[Record]) -> Counts:
    cleaner = Cleaner("keep")
    for record in records:
        cleaner.clean(record)
    return cleaner.counts


def test_counts() -> None:
    counts = counted(RAW)
    assert (counts.read, counts.kept) == (5, 3)
    notes = counts.rules["notes in brackets"]
    assert (notes.poems, notes.characters) == (2, 5 + 3 + 4)
    assert [example.origin for example in notes.examples] == ["a, record 2", "a, record 4"]
    assert "一作虛" in notes.examples[0].before and "一作虛" not in notes.examples[0].after
    assert {name: count.poems for name, count in counts.dropped.items()} == {"lost characters": 1, "too short": 1}
    assert counts.rules["titles"].poems == 1
    assert "punctuation" not in counts.rules


def test_counts_of_parts_add_up() -> None:
    whole = counted(RAW * 3)
    parts = Counts()
    for start in range(0, 15, 4):
        parts += pickle.loads(pickle.dumps(counted((RAW * 3)[start : start + 4])))
    assert parts == whole
    assert len(whole.rules["notes in brackets"].examples) == 3
    assert json.loads(json.dumps(whole.as_dict(), ensure_ascii=False))["kept"] == 9


def test_the_report_gives_rules_in_their_order_and_reasons_by_number() -> None:
    counts = counted([*RAW, Record("b", ("短！",)), Record("b", ("千尺,絲輪0直下垂,一波動.",))])
    report = counts.as_dict()
    assert list(report["rules"]) == [  # type: ignore[call-overload]
        "compatibility forms",
        "notes in brackets",
        "stray digits and Latin",
        "punctuation",
        "ends of lines",
        "titles",
    ]
    assert list(report["dropped"]) == ["too short", "lost characters"]  # type: ignore[call-overload]


# ---- for any text

ANYTHING = st.text(
    alphabet=st.one_of(
        st.sampled_from("春山水月一二，。？！、；：,.?!;:()（）[]［］{}「」《》〔〕-—…·・/| \n\u3000○□0aÀ𠮷"),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=60,
)


@settings(max_examples=400)
@given(text=ANYTHING, title=ANYTHING, author=ANYTHING, dynasty=st.sampled_from(["", "元", "唐"]))
def test_cleaning_never_fails_and_cleaning_twice_changes_nothing(
    text: str, title: str, author: str, dynasty: str
) -> None:
    cleaner = Cleaner("keep", min_chars=1)
    poem = cleaner.clean(Record("here", tuple(text.split("\n")), title=title, author=author, dynasty=dynasty))
    if poem is None:
        return
    again = cleaner.clean(
        Record("here", tuple(poem.body.split("\n")), title=poem.title, author=poem.author, dynasty=dynasty)
    )
    assert again == poem
    assert len(poem.title) <= 40 and "  " not in poem.title


@settings(max_examples=300)
@given(st.lists(st.text(alphabet="春山水月风花雪，。？！、；：,.()「」—… ", min_size=1), max_size=8))
def test_chinese_verse_is_characters_and_single_marks(lines: list[str]) -> None:
    poem = Cleaner("keep", min_chars=1).clean(Record("here", tuple(lines)))
    if poem is not None:
        assert re.fullmatch(f"(?:[一-龥]+[{PUNCTUATION}])+", poem.body)
        assert poem.body[-1] in "。？！"


@pytest.mark.parametrize(
    "text",
    ["(" * 200_000, "()" * 200_000, "[一]" * 100_000, "《" * 200_000, "-" * 200_000, " 春" * 200_000, "々春" * 100_000],
)
def test_cost_grows_with_length_alone(text: str) -> None:
    import time

    begin = time.process_time()
    Cleaner("keep").clean(Record("here", ("春" + text + "山",), dynasty="元"))
    assert time.process_time() - begin < 5


def test_half_a_surrogate_pair_is_no_text() -> None:
    cleaner = Cleaner()
    lines = ("春眠不觉晓，处处闻啼鸟。", "夜来风雨声，花落知多少。")
    poem = cleaner.clean(Record("here", lines, title="春\ud800晓", author="孟\udc00", tune="\ud800"))
    assert poem is not None and (poem.title, poem.author, poem.tune) == ("春晓", "", "")
    assert cleaner.clean(Record("here", ("春眠不觉晓，处处闻\ud800鸟。", *lines))) is None
    json.dumps(cleaner.counts.as_dict(), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "text",
    [
        "床前明月光，疑是地上霜。举头望?月，低头思故乡。",
        "红豆生南国，春来发几枝。愿君多采*，此物最相思。",
        "春眠不觉晓，处处闻X鸟。夜来风雨声，花落知多少。",
        "空山不见人，但闻人语响。返景入深林，复照青苔_。",
        "独坐幽篁里，弹琴复长啸。深林人不知，明月来相…",
        "醽醁勝蘭生，翠濤過玉z1。千日醉不醒，十年味不敗。",
        "知否，知否，应是绿q肥红瘦。试问卷帘人，却道海棠依旧。",
    ],
)
def test_a_sign_for_a_lost_character_drops_the_poem(text: str) -> None:
    cleaner = Cleaner("keep")
    assert cleaner.clean(Record("a", (text,))) is None
    assert list(cleaner.counts.dropped) == ["lost characters"]


@pytest.mark.parametrize(
    "text",
    [
        "春眠不觉晓?处处闻啼鸟.夜来风雨声,花落知多少?",
        "千尺絲輪0直下垂，千尺絲輪直下垂。千尺絲輪直下垂，千尺絲輪直下垂。",
        "床前明月光……疑是地上霜。举头望明月，低头思故乡。",
    ],
)
def test_a_mark_or_a_stray_sign_drops_none(text: str) -> None:
    assert Cleaner("keep").clean(Record("a", (text,))) is not None


def test_a_comma_in_a_title_of_yuan_is_no_torn_verse() -> None:
    line = "白日依山尽|黄河入海流|欲穷千里目|更上一层楼"
    assert Cleaner("keep").clean(Record("a.jsonl", (line,), title="雪夜，访友人不遇", dynasty="元")) is not None
    assert Cleaner("keep").clean(Record("元曲/yuanqu.json", (line,), title="普天乐・意，心忧", dynasty="元")) is None
