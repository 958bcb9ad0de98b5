"""Readers: every format, every encoding, every collection of the chinese-poetry archive, and what is broken."""

from __future__ import annotations

import codecs
import csv
import io
import json
import time
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetgen.corpus.dynasties import DYNASTIES, dynasty, dynasty_of_place
from poetgen.corpus.encoding import decode
from poetgen.corpus.poem import Record
from poetgen.corpus.readers import read
from poetgen.corpus.sources import Document, documents
from poetgen.errors import SourceError

QUIET_NIGHT = ("床前明月光，疑是地上霜。", "举头望明月，低头思故乡。")


def records(tmp_path: Path, text: str | bytes, name: str = "poems.txt", format: str = "auto") -> list[Record]:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    (document,) = documents([path])
    return list(read(document, format))


def in_archive(tmp_path: Path, member: str, value: Any) -> tuple[list[Record], Counter[str]]:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr(member, json.dumps(value, ensure_ascii=False))
    counts: Counter[str] = Counter()
    (document,) = documents([tmp_path / "archive.zip"])
    return list(read(document, passed_over=counts)), counts


# ---- the collections of chinese-poetry


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        pytest.param(
            "全唐诗/poet.tang.0.json",
            {"author": "李白", "paragraphs": [*QUIET_NIGHT], "title": "靜夜思", "id": "1", "tags": ["a"]},
            {"title": "靜夜思", "author": "李白", "dynasty": "唐"},
            id="tang",
        ),
        pytest.param(
            "全唐诗/poet.song.0.json",
            {"author": "陸游", "paragraphs": [*QUIET_NIGHT], "title": "長相思·其一"},
            {"title": "長相思·其一", "author": "陸游", "dynasty": "宋"},
            id="song, whose titles name no tunes",
        ),
        pytest.param(
            "宋词/ci.song.0.json",
            {"author": "和岘", "paragraphs": [*QUIET_NIGHT], "rhythmic": "导引"},
            {"title": "导引", "author": "和岘", "dynasty": "宋", "tune": "导引"},
            id="ci",
        ),
        pytest.param(
            "宋词/ci.song.1000.json",
            {"author": "张先", "paragraphs": [*QUIET_NIGHT], "rhythmic": "醉桃源・阮郎归"},
            {"title": "醉桃源", "author": "张先", "dynasty": "宋", "tune": "阮郎归"},
            id="ci with two names",
        ),
        pytest.param(
            "五代诗词/huajianji/huajianji-1-juan.json",
            {
                "title": "菩萨蛮 其一",
                "paragraphs": [*QUIET_NIGHT],
                "author": "温庭筠",
                "rhythmic": "菩萨蛮",
                "notes": ["x"],
            },
            {"title": "菩萨蛮 其一", "author": "温庭筠", "dynasty": "五代", "tune": "菩萨蛮"},
            id="huajianji",
        ),
        pytest.param(
            "元曲/yuanqu.json",
            {"dynasty": "yuan", "author": "关汉卿", "paragraphs": [*QUIET_NIGHT], "title": "诈妮子・仙吕/点绛唇"},
            {"title": "诈妮子・仙吕/点绛唇", "author": "关汉卿", "dynasty": "元"},
            id="yuanqu, whose tunes are not of ci",
        ),
        pytest.param(
            "纳兰性德/纳兰性德诗集.json",
            {"title": "长相思·山一程", "para": [*QUIET_NIGHT], "author": "纳兰性德"},
            {"title": "长相思·山一程", "author": "纳兰性德", "dynasty": "清", "tune": "长相思"},
            id="nalan",
        ),
        pytest.param(
            "纳兰性德/纳兰性德诗集.json",
            {"title": "高楼望月·一", "para": [*QUIET_NIGHT], "author": "纳兰性德"},
            {"title": "高楼望月·一", "author": "纳兰性德", "dynasty": "清"},
            id="nalan, not a tune",
        ),
        pytest.param(
            "楚辞/chuci.json",
            {"title": "离骚", "section": "离骚", "author": "屈原", "content": [*QUIET_NIGHT]},
            {"title": "离骚", "author": "屈原", "dynasty": "先秦"},
            id="chuci",
        ),
        pytest.param(
            "诗经/shijing.json",
            {"title": "关雎", "chapter": "国风", "section": "周南", "content": [*QUIET_NIGHT]},
            {"title": "关雎", "dynasty": "先秦"},
            id="shijing",
        ),
        pytest.param(
            "曹操诗集/caocao.json",
            {"title": "度关山", "paragraphs": [*QUIET_NIGHT]},
            {"title": "度关山", "author": "曹操", "dynasty": "汉"},
            id="caocao",
        ),
    ],
)
def test_collections_of_the_archive(tmp_path: Path, member: str, value: Any, expected: dict[str, str]) -> None:
    member = f"chinese-poetry-master/{member}"
    (record,), counts = in_archive(tmp_path, member, [value])
    assert record == Record(f"archive.zip:{member}, record 1", QUIET_NIGHT, **expected)
    assert not counts


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([{"name": "李璟", "desc": "南唐元宗。"}], "biography"),
        ([{"description": "苏轼", "name": "苏轼", "short_description": "x"}], "biography"),
        ({"title": "南唐二主词", "desc": ["系南唐中主李璟、后主李煜撰。"]}, "introduction"),
        (
            [
                {
                    "rhythmic": "花间集",
                    "notes": [],
                    "paragraphs": ["镂玉雕琼[2]，"],
                    "author": "欧阳炯",
                    "title": "花间集",
                }
            ],
            "preface",
        ),
        ({"compilerOptions": {"strict": True}}, "JSON without poems"),
        ([], "JSON without poems"),
    ],
)
def test_what_is_no_poem_is_counted(tmp_path: Path, value: Any, kind: str) -> None:
    assert in_archive(tmp_path, "a/authors.json", value) == ([], Counter({kind: 1}))


def test_a_collection_speaks_for_its_poems(tmp_path: Path) -> None:
    value = {
        "title": "千家诗",
        "author": "谢枋得",
        "dynasty": "宋",
        "content": [
            {"type": "五绝", "content": [{"chapter": "静夜思", "author": "李白", "paragraphs": [*QUIET_NIGHT]}]}
        ],
    }
    read_back = records(tmp_path, json.dumps(value), "qianjiashi.json")
    assert [(r.title, r.author, r.dynasty, r.paragraphs) for r in read_back] == [("静夜思", "李白", "宋", QUIET_NIGHT)]


# ---- formats


def test_json_lines(tmp_path: Path) -> None:
    lines = [
        {"title": "一", "author": "李白", "dynasty": "Tang", "content": "床前明月光|疑是地上霜"},
        {"title": "二", "author": "李白", "dynasty": "唐代", "paragraphs": ["床前明月光", "疑是地上霜"]},
        {"title": "三", "content": "床前明月光\n疑是地上霜", "keywords": "明月"},
    ]
    text = "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n"
    read_back = records(tmp_path, text, "poems.txt")
    assert [r.paragraphs for r in read_back] == [("床前明月光", "疑是地上霜")] * 3
    assert [r.dynasty for r in read_back] == ["唐", "唐", ""]
    assert [r.title for r in read_back] == ["一", "二", "三"]
    assert [r.origin.rsplit(", ")[-1] for r in read_back] == ["line 1", "line 3", "line 5"]


def test_an_object_with_a_record_a_line_is_json(tmp_path: Path) -> None:
    first, second = records(tmp_path, '{"content": [\n{"content": "春"},\n{"content": "秋"}\n]}\n', "poems.json")
    assert (first.paragraphs, second.paragraphs) == (("春",), ("秋",))
    with pytest.raises(SourceError, match="line 1: broken JSON"):
        records(tmp_path, '{"content": "春\n{"content": "秋"}\n', "cut.jsonl")


def test_one_line_of_json_lines_is_a_poem_too(tmp_path: Path) -> None:
    (record,) = records(tmp_path, '{"title": "春", "content": "春眠不觉晓"}')
    assert (record.title, record.paragraphs) == ("春", ("春眠不觉晓",))


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("header", [["title", "author", "dynasty", "content"], ["题目", "作者", "朝代", "内容"]])
def test_csv(tmp_path: Path, delimiter: str, header: list[str]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([header, ["静夜思", "李白", "唐", "\n".join(QUIET_NIGHT)], [], ['a"b;,\t', "", "", "x|y"]])
    first, second = records(tmp_path, out.getvalue(), "poems.tsv")
    assert (first.title, first.author, first.dynasty, first.paragraphs) == ("静夜思", "李白", "唐", QUIET_NIGHT)
    assert (second.title, second.paragraphs) == ('a"b;,', ("x", "y"))


def test_csv_with_rows_too_short_and_too_long(tmp_path: Path) -> None:
    read_back = records(tmp_path, "  \n\ntitle,content\na\nb,c,\n", "a.csv")
    assert [(r.title, r.paragraphs) for r in read_back] == [("a", ("",)), ("b", ("c",))]
    with pytest.raises(SourceError, match="line 2: 3 cells, where the header has 2. Put quotes around"):
        records(tmp_path, "title,content\nb,c,d\n", "b.csv")
    with pytest.raises(SourceError, match="broken CSV"):
        records(tmp_path, 'title,content\na,"春\nb,秋\nc,冬\n', "c.csv")


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_that_python_will_not_read(tmp_path: Path, name: str) -> None:
    for text in ('{"n": ' + "1" * 5000 + ', "content": "春"}\n' * 2, '{"a":' * 200_000):
        with pytest.raises(SourceError, match=name):
            records(tmp_path, text, name)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("静夜思:床前明月光，疑是地上霜。", ("静夜思", "", ("床前明月光，疑是地上霜。",))),
        ("静夜思：床前明月光，疑是地上霜。", ("静夜思", "", ("床前明月光，疑是地上霜。",))),
        ("静夜思::李白::床前明月光|疑是地上霜", ("静夜思", "李白", ("床前明月光", "疑是地上霜"))),
        ("静夜思：：李白：：床前明月光", ("静夜思", "李白", ("床前明月光",))),
        ("歌：曰：天耶地耶", ("歌", "", ("曰：天耶地耶",))),
    ],
)
def test_one_poem_a_line(tmp_path: Path, line: str, expected: tuple[str, str, tuple[str, ...]]) -> None:
    read_back = records(tmp_path, f"\n{line}\n{line}\n")
    assert [(r.title, r.author, r.paragraphs) for r in read_back] == [expected] * 2
    assert [r.origin.rsplit(", ")[-1] for r in read_back] == ["line 2", "line 3"]
    assert all(r.verse for r in read_back)


def test_lines_without_a_title_when_asked_for(tmp_path: Path) -> None:
    (record,) = records(tmp_path, "床前明月光，疑是地上霜。", format="lines")
    assert (record.title, record.paragraphs) == ("", ("床前明月光，疑是地上霜。",))


def test_plain_text_is_cut_into_passages_that_give_the_text_back(tmp_path: Path) -> None:
    paragraph = "却说那日天色已晚，众人各自散去。" * 20
    text = "\n\n".join(f"{number}{paragraph}\n{paragraph}" for number in range(30))
    read_back = records(tmp_path, text)
    assert len(read_back) > 5 and "".join("\n".join(r.paragraphs) for r in read_back) == text
    assert not any(r.verse for r in read_back)
    assert all(len("\n".join(r.paragraphs)) <= 2000 for r in read_back)


@settings(max_examples=60)
@given(st.text(alphabet="山水。 \nab", max_size=9000))
def test_no_passage_loses_text(text: str) -> None:
    from poetgen.corpus.text_reader import passage_records

    read_back = list(passage_records(text, "a"))
    kept = "".join("\n".join(r.paragraphs) for r in read_back)
    assert kept.replace(" ", "").replace("\n", "") == "".join(text.split()), "only blank passages are left out"
    assert all(len("\n".join(r.paragraphs)) <= 2000 for r in read_back)


def test_a_dialogue_is_plain_text(tmp_path: Path) -> None:
    text = "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n"
    (record,) = records(tmp_path, text)
    assert not record.verse and "\n".join(record.paragraphs) == text.strip()


def test_a_format_can_be_forced_and_must_be_known(tmp_path: Path) -> None:
    assert [r.verse for r in records(tmp_path, "春:眠", format="text")] == [False]
    with pytest.raises(ValueError, match="auto, json"):
        records(tmp_path, "春:眠", format="xml")


awkward = st.text(
    alphabet=st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="|\ufeff\u2028\u2029\x85"), max_size=30
)
nonblank = awkward.map(str.strip).filter(bool)


@settings(max_examples=100)
@given(poems=st.lists(st.tuples(awkward.map(str.strip), awkward.map(str.strip), nonblank), min_size=1, max_size=5))
@pytest.mark.parametrize("format", ["json", "jsonl", "csv"])
def test_what_was_written_is_read_back(tmp_path: Path, format: str, poems: list[tuple[str, str, str]]) -> None:
    rows = [dict(zip(("title", "author", "content"), poem, strict=True)) for poem in poems]
    if format == "json":
        text = json.dumps(rows, ensure_ascii=False)
    elif format == "jsonl":
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    else:
        out = io.StringIO()
        writer = csv.DictWriter(out, ["title", "author", "content"])
        writer.writeheader()
        writer.writerows(rows)
        text = out.getvalue()
    read_back = records(tmp_path, text, format=format)
    assert [(r.title, r.author, "\n".join(r.paragraphs)) for r in read_back] == poems


# ---- encodings

SIMPLIFIED = "春:春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。\n"
TRADITIONAL = "春:春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。\n"


@pytest.mark.parametrize("length", [1, 400])
@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", SIMPLIFIED),
        ("utf-8-sig", SIMPLIFIED),
        ("utf-16", SIMPLIFIED),
        ("utf-16-le", SIMPLIFIED),
        ("utf-16-be", TRADITIONAL),
        ("gb18030", SIMPLIFIED),
        ("gb18030", TRADITIONAL),
        ("gb18030", "石:镕扆𠮷野家中春水碧于天\n"),
        ("big5", TRADITIONAL),
    ],
)
def test_encodings_are_told_apart(tmp_path: Path, encoding: str, text: str, length: int) -> None:
    read_back = records(tmp_path, (text * length).encode(encoding))
    assert [(r.title, r.paragraphs[0]) for r in read_back] == [tuple(text.strip().split(":"))] * length


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "gb18030", "big5"])
@pytest.mark.parametrize("text", ["處處聞啼鳥", "白日依山盡黃河入海流", "千山鳥飛絕，萬徑人蹤滅。"])
def test_a_few_words_suffice_without_ascii_or_line_end(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding), "a") == text


def test_big_endian_mark_and_line_ends(tmp_path: Path) -> None:
    data = codecs.BOM_UTF16_BE + "春:眠\r\n秋:风\r冬:雪\n".encode("utf-16-be")
    assert [r.title for r in records(tmp_path, data)] == ["春", "秋", "冬"]


def test_mixed_encodings_in_one_folder(tmp_path: Path) -> None:
    for name, encoding, text in [("a", "utf-8", SIMPLIFIED), ("b", "gb18030", SIMPLIFIED), ("c", "big5", TRADITIONAL)]:
        (tmp_path / f"{name}.txt").write_bytes(text.encode(encoding))
    read_back = [record for document in documents([tmp_path]) for record in read(document)]
    assert [r.paragraphs[0] for r in read_back] == [t.strip()[2:] for t in (SIMPLIFIED, SIMPLIFIED, TRADITIONAL)]


def test_a_slip_in_a_long_file_costs_one_character(tmp_path: Path) -> None:
    data = (SIMPLIFIED * 50).encode()
    at = data.index("鸟".encode(), 700)
    (*_,) = read_back = records(tmp_path, data[:at] + b"\xff" + data[at + 3 :])
    assert len(read_back) == 50
    assert "".join(r.paragraphs[0] for r in read_back).count("\ufffd") == 1


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff"), max_size=200))
def test_utf8_always_comes_back(text: str) -> None:
    assert decode(text.encode(), "a") == text


# ---- bad input


@pytest.mark.parametrize(
    "data",
    [b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, bytes(1000), b"\x7fELF\x02\x01\x01" + b"\0\x01\x02\x03" * 500],
)
def test_a_binary_file(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SourceError, match=r"data\.bin: this is (not text|an image|a program)"):
        records(tmp_path, data, "data.bin")
    # In a folder it is a bystander.
    (tmp_path / "data.bin").rename(tmp_path / "data")
    counts: Counter[str] = Counter()
    (document,) = documents([tmp_path])
    assert list(read(document, passed_over=counts)) == []
    assert counts == {"not text": 1}


def test_broken_json_in_file_200_of_300_is_named_with_its_line(tmp_path: Path) -> None:
    for number in range(300):
        poem = {"title": "春", "paragraphs": ["春眠不觉晓，处处闻啼鸟。"]}
        text = json.dumps([poem] * 3, ensure_ascii=False, indent=1)
        if number == 200:
            text = text.replace('"title"', "title", 2).replace("title", '"title"', 1)
        (tmp_path / f"poet.{number:03}.json").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=r"poet\.200\.json, line 9: broken JSON .*Mend") as caught:
        for document in documents([tmp_path]):
            list(read(document))
    assert "\n" not in str(caught.value)


def test_json_cut_short(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"poems\.txt, line 3: broken JSON"):
        records(tmp_path, '[{"title": "春",\n"paragraphs":\n["春眠不觉')


def test_a_broken_line_of_json_lines(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"poems\.txt, line 3: broken JSON"):
        records(tmp_path, '{"content": "春"}\n\n{"content": "秋"\n')
    with pytest.raises(SourceError, match=r"poems\.txt, line 1: broken JSON"):
        records(tmp_path, '{"content": "春"\n{"content": "秋"}\n')


#: Around the bounds of poetgen, of the recursion limit and of the parsers of C in Python 3.11 to 3.13.
DEPTHS = [*range(1, 70), *range(900, 1100, 5), 2_000, 5_000, 10_000, 50_000, 100_000, 200_000]


@pytest.mark.parametrize(
    ("before", "within", "after"),
    [
        ("[", "", "]"),
        ('{"content":', '"春眠不觉晓"', "}"),
        ('[{"a":', "1", "}]"),
        ('{"content":[', '"春"', "]}"),
        ("[", "", ""),
    ],
    ids=["lists", "objects", "both", "collections", "cut short"],
)
@pytest.mark.parametrize("lines", [1, 2])
def test_json_of_any_depth_is_read_or_refused_in_one_line(
    tmp_path: Path, before: str, within: str, after: str, lines: int
) -> None:
    path = tmp_path / "deep.json"
    refused = set()
    for depth in DEPTHS:
        path.write_text((before * depth + within + after * depth + "\n") * lines, encoding="utf-8")
        for format in ("auto", "json", "jsonl"):
            try:
                list(read(Document("deep.json", path, 0, asked=True), format))
            except SourceError as error:
                assert str(error).startswith("deep.json") and "\n" not in str(error)
                refused.add(depth)
    assert refused >= {depth for depth in DEPTHS if depth > 64}


def test_a_poem_thirty_collections_deep_is_found(tmp_path: Path) -> None:
    (record,) = records(tmp_path, '{"author": "李白", "content": [' * 30 + '{"content": "春"}' + "]}" * 30)
    assert (record.author, record.paragraphs) == ("李白", ("春",))


def test_csv_without_a_column_of_poems(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r'a\.csv: which column .*: 1 "a", 2 "b"\. Give --columns body='):
        records(tmp_path, "a,b\n1,2\n", "a.csv", format="csv")


def _one_line_json() -> str:
    return json.dumps({"title": "长", "content": "春眠不觉晓，处处闻啼鸟。" * 400_000}, ensure_ascii=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        lambda: "春眠不觉晓，处处闻啼鸟。" * 1_400_000,
        lambda: "春" * 17_000_000,
        lambda: "春:" + "眠" * 17_000_000,
        lambda: " " * 50_000_000,
        _one_line_json,
    ],
    ids=["sentences", "no mark at all", "title and body", "blanks", "json"],
)
def test_one_line_of_50_megabytes(tmp_path: Path, text: Callable[[], str]) -> None:
    path = tmp_path / "long.txt"
    path.write_text(text(), encoding="utf-8")
    size = path.stat().st_size
    document = Document("long.txt", path, size)
    begin = time.process_time()
    for _ in read(document):
        pass
    assert time.process_time() - begin < 10
    tracemalloc.start()
    try:
        for _ in read(document):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 * size


# ---- dynasties


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, name) for name in DYNASTIES),
        ("Tang", "唐"),
        ("SONG", "宋"),
        ("yuan", "元"),
        ("Southern and Northern Dynasties", "南北朝"),
        ("Qing dynasty", "清"),
        ("北宋", "宋"),
        ("宋代", "宋"),
        ("唐朝", "唐"),
        ("〔唐代〕", "唐"),
        ("漢", "汉"),
        ("東晉", "魏晋"),
        ("三国", "魏晋"),
        ("唐末宋初", "唐"),
        ("隋末唐初", "隋"),
        ("宋末金初", "宋"),
        ("末初", ""),
        ("南唐", "五代"),
        ("遼", "辽"),
        ("民国", "近现代"),
        ("当代", "近现代"),
        ("", ""),
        ("Roman", ""),
        ("x" * 1000, ""),
    ],
)
def test_dynasties(name: str, expected: str) -> None:
    assert dynasty(name) == expected


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("a.zip:chinese-poetry-master/全唐诗/poet.song.1000.json", "宋"),
        ("a.zip:chinese-poetry-master/全唐诗/poet.tang.1000.json", "唐"),
        ("a.zip:chinese-poetry-master/全唐诗/唐诗三百首.json", "唐"),
        ("宋词/ci.song.0.json", "宋"),
        ("五代诗词/nantang/poetrys.json", "五代"),
        ("poems.txt", ""),
    ],
)
def test_dynasties_of_places(place: str, expected: str) -> None:
    assert dynasty_of_place(place) == expected


def test_a_line_of_json_that_holds_no_poem_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    lines = ['{"title": "春", "content": "春眠不觉晓"}', '{"title": 5, "paragraphs": [1, 2]}', '{"a": 1}']
    path.write_text("\n".join(lines), encoding="utf-8")
    passed_over: Counter[str] = Counter()
    (document,) = documents([path])
    assert [record.title for record in read(document, passed_over=passed_over)] == ["春"]
    assert passed_over == {"line without a poem": 2}


@pytest.mark.parametrize("author", ["（唐）孟浩然", "[唐]孟浩然", "唐代：孟浩然", "【唐】 孟浩然"])
def test_author_and_dynasty_are_told_apart(tmp_path: Path, author: str) -> None:
    (record,) = records(tmp_path, json.dumps([{"author": author, "paragraphs": [*QUIET_NIGHT]}]), "poems.json")
    assert (record.author, record.dynasty) == ("孟浩然", "唐")


def test_a_title_that_begins_with_a_tune_names_it_where_the_lines_fit(tmp_path: Path) -> None:
    lines = "昨夜雨疏风骤，浓睡不消残酒。试问卷帘人，却道海棠依旧。知否，知否，应是绿肥红瘦。"
    poems = [{"title": title, "content": lines} for title in ("如梦令", "如梦令 其一", "如夢令（春晚）", "春晚")]
    poems.append({"title": "如梦令", "content": "".join(QUIET_NIGHT)})
    read_back = records(tmp_path, json.dumps(poems, ensure_ascii=False), "poems.json")
    assert [record.tune for record in read_back] == ["如梦令", "如梦令", "如梦令", "", ""]
