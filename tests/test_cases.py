"""The inputs of ../shared/cases, which were misread once, give what its README says, in all commands alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from poetgen.config import PreprocessConfig
from poetgen.corpus import Poem
from poetgen.corpus.poems import read_poems
from poetgen.data.dataset import Dataset, poems_of
from poetgen.data.preprocess import preprocess
from poetgen.errors import SourceError
from poetgen.judging.checking import explain_poem
from poetgen.text import clauses

CASES = Path(__file__).parents[2] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason="../shared/cases is not here")

JING = "静夜思 | 床前明月光，疑是地上霜。举头望明月，低头思故乡。"
LOU = "登鹳雀楼 | 白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
XIAO = "春晓 | 春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"

#: What each file gives: "title, author, 五绝 or tune | verse", as far as it can be told; or a pattern of its refusal.
GIVEN: dict[str, list[str] | str] = {
    "corpora/alpaca.jsonl": [JING, LOU],
    "corpora/author.json": [
        "春眠, 孟浩然, 唐, 五绝 | 春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。",
        "周鄭交質, 左丘明, 先秦 | 鄭武公、莊公爲平王卿士。王貳於虢，鄭伯怨王。",
    ],
    "corpora/blank.txt": [f"静夜思, 李白, 五绝{JING[3:]}", f"登鹳雀楼, 王之涣, 五绝{LOU[4:]}"],
    "corpora/ci.csv": [
        "李清照, 如梦令, 词 | 昨夜雨疏风骤，浓睡不消残酒。试问卷帘人，却道海棠依旧。知否，知否，应是绿肥红瘦。",
        "晏殊, 浣溪沙, 词 | 一曲新词酒一杯，去年天气旧亭台。夕阳西下几时回。",
        "李清照, 如梦令, 词 | 常记溪亭日暮，沉醉不知归路。兴尽晚回舟，误入藕花深处。争渡，争渡，惊起一滩鸥鹭。",
    ],
    "corpora/cp1252.csv": ["Song | tide’s own clock that strikes,", "Plain | The rain is on the river now,"],
    "corpora/dict.json": [JING, LOU],
    "corpora/digits.jsonl": [
        "夜 | 2008年5月12日的夜里，",
        "夜 | 第3号楼下",
        "夜 | （她说不要走）雨落在1989年的屋顶上。",
    ],
    "corpora/eucjp.txt": [" | 古池や蛙飛びこむ水の音", " | 朝顔に釣瓶とられて貰ひ水"],
    "corpora/gbk_en.csv": ["Song | tide’s own clock that strikes,", "Plain | The rain is on the river now,"],
    "corpora/haiku.csv": [
        "子規 | 柿食へば鐘が鳴るなり法隆寺",
        "芭蕉 | 古池や蛙飛びこむ水の音",
        "千代女 | 朝顔に釣瓶とられて貰ひ水",
    ],
    "corpora/hole.csv": "1 lost characters",
    "corpora/html.jsonl": [f"静夜思, 李白, 五绝{JING[3:]}", f"登鹳雀楼, 王之涣, 五绝{LOU[4:]}"],
    "corpora/jp_header.csv": ["春暁, 孟浩然, 唐, 五绝 | 春眠不覚暁，処処聞啼鳥。夜来風雨声，花落知多少。"],
    "corpora/kanshi_euc.txt": [" | 春眠不覚暁", " | 花落知多少"],
    "corpora/labels.csv": [LOU[4:], JING[3:]],
    "corpora/latin1.txt": [" | no pidió más que esto"],
    "corpora/latinhole.json": "1 lost characters",
    "corpora/list.json": [JING[3:], LOU[4:], XIAO[2:]],
    "corpora/long.csv": [
        "Long | The first gull goes out",
        "Long | the river on the stone",
        "Short | The gull goes out",
    ],
    "corpora/lunyu.json": ["某篇 | 曰思无邪", "某篇 | 如切如磋，如琢如磨"],
    "corpora/nohdr.csv": [
        f"静夜思, 李白, 唐{JING[3:]}",
        f"登鹳雀楼, 王之涣, 唐{LOU[4:]}",
        f"春晓, 孟浩然, 唐{XIAO[2:]}",
    ],
    "corpora/odd.csv": [f"静夜思, 李白{JING[3:]}", f"登鹳雀楼, 王之涣{LOU[4:]}"],
    "corpora/page.html": [" | 床前明月光，疑是地上霜。"],
    "corpora/placeholders.jsonl": "8 lost characters",
    "corpora/plain1.txt": [f"五绝{JING[3:]}", f"五绝{LOU[4:]}", f"五绝{XIAO[2:]}"],
    "corpora/qianzi.json": ["千字文, 周興嗣 | 天地玄黃，宇宙洪荒。"],
    "corpora/spaced.txt": [f"五绝{JING[3:]}", f"五绝{LOU[4:]}"],
    "corpora/stanza.csv": ["Tide | The gull goes out, the gull comes home.\n\nThe river waits upon the stone,"],
    "corpora/strs.jsonl": [JING[3:], LOU[4:]],
    "corpora/tunes-in-titles.csv": [
        "好事近, 词 | 凝碧旧池头，",
        "如梦令, 词 | 昨夜雨疏风骤，",
        "如梦令, 词 | 常记溪亭日暮，",
        "浣溪沙, 词 | 一曲新词酒一杯，",
        "鹧鸪天, 苏轼, 词 | 罗带双垂画不成，",
        "木兰花, 词 | 东城渐觉风光好，",
        "卜算子, 陆游, 词 | 驿外断桥边，",
        "卜算子, 毛泽东, 近现代, 词 | 风雨送春归，",
    ],
    "corpora/verse.docx": [" | 床前明月光，疑是地上霜。"],
    "corpora/yuan.jsonl": [
        "雪夜，访友人不遇, 元, 五绝 | 千山鸟飞绝，万径人踪灭。孤舟蓑笠翁，独钓寒江雪。",
        "雪夜访友人, 元, 五绝 | 白日依山尽，黄河入海流。",
    ],
    "poems/ci-mjh.txt": ["岳飞, 满江红, 词 | 怒发冲冠，凭栏处，潇潇雨歇。"],
    "poems/ci-mjh2.txt": ["岳飞, 满江红, 词 | 怒发冲冠，凭栏处，潇潇雨歇。"],
    "poems/ci-nnj.txt": ["苏轼, 念奴娇, 词 | 大江东去，浪淘尽，"],
    "poems/ci-ylc.txt": ["宋祁, 玉楼春, 词 | 东城渐觉风光好，"],
    "poems/layout-t2.txt": [f"登鹳雀楼, 王之涣, 唐, 五绝{LOU[4:]}", f"春晓, 孟浩然, 五绝{XIAO[2:]}"],
    "poems/layout-t3.txt": [f"登鹳雀楼, 王之涣, 五绝{LOU[4:]}"],
    "poems/layout-t4.txt": [f"登鹳雀楼, 五绝{LOU[4:]}", f"春晓, 五绝{XIAO[2:]}"],
    "poems/layout-t6.txt": [f"登鹳雀楼, 王之涣, 五绝{LOU[4:]}", f"春晓, 孟浩然, 五绝{XIAO[2:]}"],
    "poems/layout-zs.txt": [
        "绝句四首 其一, 杜甫, 七绝 | 堂西长笋别开门，堑北行椒却背村。梅熟许同朱老吃，松高拟对阮生论。",
        "绝句四首 其三, 杜甫, 七绝 | 两个黄鹂鸣翠柳，一行白鹭上青天。窗含西岭千秋雪，门泊东吴万里船。",
    ],
    "poems/layout-zs3.txt": [f"静夜思, 李白, 五绝{JING[3:]}", f"登鹳雀楼, 王之涣, 五绝{LOU[4:]}"],
    "poems/lines-irregular.txt": [
        f"五绝{LOU[4:]}",
        f"五绝{XIAO[2:]}",
        " | 大风起兮云飞扬，威加海内兮归故乡，安得猛士兮守四方。",
    ],
    "poems/rare.txt": [" | 重湖叠𪩘清嘉月，万里江山一𨱏明。"],
    "poems/tl.csv": r'which column holds the verse cannot be told: 1 "title", 2 "form"',
    "poems/tl.json": "1 JSON without poems",
}
#: Files that give another number of poems than GIVEN has lines, for it has several of one poem.
COUNTS = {"digits.jsonl": 1, "eucjp.txt": 1, "kanshi_euc.txt": 1, "long.csv": 2, "lunyu.json": 1}
#: Words that stand in a file and in no verse of it.
NEVER_VERSE = re.compile(
    r"title|content|label|verse|[<>&#*]|nbsp|春の眠り|王之涣|李白|孟浩然|杜甫|岳飞|苏轼|其[一三]|登鹳雀楼|静夜思|绝句|\d\.",
)


def fits(poem: Poem, expected: str) -> bool:
    """Whether a poem has what a line of GIVEN says: each field, and the verse, whole where it begins and ends so."""
    told, _, verse = expected.rpartition("|")
    held = {poem.title, poem.author, poem.dynasty, poem.tune, poem.form}
    return all(not part or part in held for part in map(str.strip, told.split(","))) and verse.strip() in poem.body


def preprocessed(path: Path, out: Path) -> list[Poem]:
    preprocess([path], out, PreprocessConfig(min_count=1, valid_share=0, jobs=1, script="keep"))
    return poems_of(Dataset.load(out).train)


def test_no_case_lacks_its_test() -> None:
    there = {path.relative_to(CASES).as_posix() for path in CASES.glob("*/*")}
    assert set(GIVEN) == there


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("command", ["preprocess", "check"])
def test_a_case_gives_what_it_must(name: str, command: str, tmp_path: Path) -> None:
    path, expected = CASES / name, GIVEN[name]

    def poems() -> list[Poem]:
        return preprocessed(path, tmp_path / "out") if command == "preprocess" else read_poems(path, passages=True)[0]

    if isinstance(expected, str):
        with pytest.raises(SourceError, match=f"{path.name}: .*{expected}") as error:
            poems()
        assert "\n" not in str(error.value)
        return
    found = poems()
    # preprocess drops one of them as a duplicate.
    double = command == "check" and path.name == "tunes-in-titles.csv"
    assert len(found) == COUNTS.get(path.name, len(expected)) + double
    for line in expected:
        assert any(fits(poem, line) for poem in found), line
    assert not any(NEVER_VERSE.search(poem.body) for poem in found)


@pytest.mark.parametrize(
    ("name", "tune"),
    [("ci-mjh", "满江红"), ("ci-mjh2", "满江红"), ("ci-nnj", "念奴娇"), ("ci-ylc", "玉楼春")],
)
def test_famous_songs_are_judged_by_their_tunes(name: str, tune: str) -> None:
    ((poem,), _) = read_poems(CASES / "poems" / f"{name}.txt")
    explanation = explain_poem(poem)
    assert (explanation.form, explanation.tune, explanation.form_holds) == ("词", tune, True)


def test_texts_are_whole() -> None:
    ((thousand,), _), (long, _) = (
        read_poems(CASES / "corpora" / name, passages=True) for name in ("qianzi.json", "long.csv")
    )
    assert sum(map(len, clauses(thousand.body))) == 1000
    assert long[0].body.count("\n") == 21 and long[0].body.endswith(
        "The tenth rain is on the river and the river on the stone"
    )
