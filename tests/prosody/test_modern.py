import json
import subprocess
import sys
from pathlib import Path

import pytest

from poetgen.files import read_table
from poetgen.prosody import feet
from poetgen.prosody.explain import explain
from poetgen.prosody.modern import modern_group_names, modern_readings, modern_word
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhymes import ANY, CILIN, LEVEL, OBLIQUE, PINGSHUI, TONGYUN, XINYUN
from poetgen.prosody.template import regulated


def test_both_books_have_every_final_once() -> None:
    finals = {reading[:-1] for reading, _ in read_table("prosody", "modern.tsv", 2)}
    for book, count in ((XINYUN, 14), (TONGYUN, 16)):
        assert len(modern_group_names(book)) == count
        rows = [row[2].split() for row in read_table("prosody", "modern_books.tsv", 3) if row[0] == book]
        listed = [final for row in rows for final in row]
        assert len(listed) == len(set(listed)) and set(listed) == finals


@pytest.mark.parametrize(
    ("char", "tone", "xinyun", "tongyun"),
    [
        ("东", LEVEL, "十一庚", "十五雍"),
        ("风", LEVEL, "十一庚", "十四英"),
        ("支", LEVEL, "十三支", "四衣"),
        ("衣", LEVEL, "十二齐", "四衣"),
        ("鱼", LEVEL, "十二齐", "六迂"),
        ("儿", LEVEL, "十二齐", "十六儿"),
        ("歌", LEVEL, "二波", "三鹅"),
        ("多", LEVEL, "二波", "二喔"),
        ("街", LEVEL, "三皆", "三鹅"),
        ("月", OBLIQUE, "三皆", "三鹅"),
        ("白", LEVEL, "四开", "七哀"),
        ("十", LEVEL, "十三支", "四衣"),
        ("律", OBLIQUE, "十二齐", "六迂"),
        ("春", LEVEL, "九文", "十二恩"),
        ("远", OBLIQUE, "八寒", "十一安"),
        ("氧", OBLIQUE, "十唐", "十三昂"),
        ("國", LEVEL, "二波", "二喔"),
    ],
)
def test_groups_go_by_how_characters_are_read_today(char: str, tone: str, xinyun: str, tongyun: str) -> None:
    assert (feet(char, tone, XINYUN), feet(char, tone, TONGYUN)) == ({xinyun}, {tongyun})
    assert not feet(char, OBLIQUE if tone == LEVEL else LEVEL, XINYUN)


def test_a_light_tone_fits_either_and_an_unknown_character_none() -> None:
    assert feet("啵", LEVEL, XINYUN) == feet("啵", OBLIQUE, XINYUN) == {"二波"}
    assert feet("x", ANY, TONGYUN) == modern_readings("") == frozenset()


def test_words_decide_here_too() -> None:
    assert Reader(XINYUN).signs("长大") == "仄仄" and Reader(XINYUN).signs("长江") == "平平"
    assert Reader(XINYUN).feet("今日去银行", LEVEL) == {"十唐"}
    assert Reader(XINYUN).feet("一路慢慢行", LEVEL) == {"十唐", "十一庚"}
    assert Reader(XINYUN, usual=False).feet("今日去银行", LEVEL) == {"十唐", "十一庚"}
    assert modern_word("长x") is None


MODERN = "绿水青山入画图 乡村小院菊花初 金秋十月千家喜 稻谷新香满仓屋".split()


def test_a_poem_may_keep_one_book_and_break_another() -> None:
    poem = ["绿水环村日影斜", "青山隔岸有人家", "小桥流水行人少", "一树桃花映晚霞"]
    assert explain(poem, "七绝", reader=Reader(TONGYUN)).category != explain(poem, "七绝").category
    tongyun = explain(MODERN, "七绝", reader=Reader(TONGYUN))
    assert tongyun.rhyme_holds and dict(tongyun.category) == {0: "五乌"} and tongyun.book == TONGYUN
    assert not explain(MODERN, "七绝").rhyme_holds  # 屋 is of the entering tone
    assert tongyun.verdict is None  # figures are counted by the 平水韵
    assert explain(MODERN, "七绝", reader=Reader(CILIN)).book == CILIN
    assert explain(MODERN, "七绝", reader=Reader(PINGSHUI)) == explain(MODERN, "七绝")


def test_every_book_explains_every_form() -> None:
    lines = {form: ["春" * length for length in regulated(form).lengths] for form in ("五绝", "七绝", "五律", "七律")}
    for book in (PINGSHUI, CILIN, XINYUN, TONGYUN):
        for form, poem in lines.items():
            assert explain(poem, form, reader=Reader(book)).book == book
        assert explain(["春风", "又一年"], "杂言", reader=Reader(book)).lines[0].tones == "平平"
        assert explain(MODERN, "古体", reader=Reader(book)).form == "古体"


@pytest.mark.slow
def test_check_takes_a_book_and_refuses_another(tmp_path: Path) -> None:
    poem = tmp_path / "poem.txt"
    poem.write_text("\n".join(MODERN), encoding="utf-8")
    command = [sys.executable, "-m", "poetgen", "check", str(poem), "--json", "--book"]
    found = json.loads(subprocess.run([*command, "中华通韵"], capture_output=True, check=True).stdout)
    assert (found["book"], found["rhyme"], found["figures"]) == ("中华通韵", {"0": "五乌"}, None)
    refused = subprocess.run([*command, "广韵"], capture_output=True, text=True, encoding="utf-8")
    assert refused.returncode == 2 and "中华新韵" in refused.stderr
