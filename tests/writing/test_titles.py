"""Files of titles: what is read, in which encodings, and what is said of lines that cannot be."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from poetgen.errors import SourceError
from poetgen.writing.request import split_keywords
from poetgen.writing.titles import LONGEST_LINE, BrokenLine, TitleLine, read_titles


def lines(path: Path) -> list[TitleLine | BrokenLine]:
    return list(read_titles(path).lines)


def test_one_title_a_line(tmp_path: Path) -> None:
    path = tmp_path / "titles.txt"
    path.write_bytes("\n春\r\n \n秋 夜\r冬".encode("utf-8-sig"))
    found = read_titles(path)
    assert found.size == 4, "counted by line feeds, before anything is read"
    assert list(found.lines) == [TitleLine(2, "春", {}), TitleLine(4, "秋 夜", {}), TitleLine(5, "冬", {})]
    assert found.place(4) == f"{path}:4"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "big5hkscs"])
def test_encodings_are_told_apart(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "titles.txt"
    path.write_bytes("春夜喜雨\n山中答人\n明月何時有\n".encode(encoding))
    assert [line.title for line in lines(path) if isinstance(line, TitleLine)] == ["春夜喜雨", "山中答人", "明月何時有"]


def test_a_large_file_is_decoded_as_it_is_read(tmp_path: Path) -> None:
    """A character on the edge of every block, and blocks cut in its middle."""
    path = tmp_path / "titles.txt"
    titles = [f"{'春' * (number % 7 + 10)}{number}" for number in range(40_000)]
    for encoding in ("utf-8", "gb18030", "utf-16"):
        path.write_bytes("\n".join(titles).encode(encoding))
        assert [line.title for line in lines(path) if isinstance(line, TitleLine)] == titles


def test_what_holds_no_titles(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "empty").write_text("\n \n")
    (tmp_path / "folder").mkdir()
    for name, reason in (("binary", "not text"), ("empty", "no titles in it"), ("folder", "cannot be read")):
        with pytest.raises(SourceError, match=f"{name}: .*{reason}"):
            read_titles(tmp_path / name)
    with pytest.raises(SourceError, match="missing.txt: cannot be read"):
        read_titles(tmp_path / "missing.txt")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"title": "春"', "Expecting ',' delimiter"),
        ('["春"]', "give a JSON object on each line"),
        ('{"title": 3}', "title must be text, not 3"),
        ('{"top_k": 2.5}', "top_k must be a whole number, not 2.5"),
        ('{"seed": true}', "seed must be a whole number, not true"),
        ('{"keywords": [1]}', "keywords must be a list of words"),
        ('{"options": {"top_p": "all"}}', 'top_p must be a number, not "all"'),
        ('{"lines": 2.5}', "lines must be a whole number, not 2.5"),
        ("[" * 60_000, "nested too deeply"),
        ('{"seed": ' + "9" * 5000 + "}", "4300 digits"),
        ('{"title": "' + "春" * LONGEST_LINE + '"}', "more than 65,536 characters in one line"),
        (" " * 200_000 + "{}", "more than 65,536 characters in one line"),
    ],
    ids=lambda text: text[:20],
)
def test_a_broken_line_is_told_and_the_rest_is_read(line: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(f'{{"title": "春"}}\n\n{line}\n{{"title": "秋"}}\n', encoding="utf-8")
    first, broken, last = lines(path)
    assert (first, last) == (TitleLine(1, "春", {}), TitleLine(4, "秋", {}))
    assert isinstance(broken, BrokenLine) and broken.number == 3 and reason in broken.reason


def test_a_broken_first_line_does_not_make_titles_of_records(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text('title": "春"}\n{"title": "秋"}\n', encoding="utf-8")
    broken, line = lines(path)
    assert isinstance(broken, BrokenLine) and line == TitleLine(2, "秋", {})


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "titles.txt"
    good = "春夜喜雨\n" * 50
    path.write_bytes(good.encode() + b"\xb4\xba\xd2\xb9\n" + "秋\n".encode())
    *_, broken, last = lines(path)
    assert isinstance(broken, BrokenLine) and broken.number == 51 and "save the file as UTF-8" in broken.reason
    assert last == TitleLine(52, "秋", {})


def test_fields_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    asked = [
        {"title": "春", "lines": 16, "keywords": "明月、酒", "author": None, "id": 1, "Titel": "x"},
        {"title": "秋", "options": {"lines": 12, "top_k": 3}, "seed": 5, "text": "。", "lines": ["。"], "line": 9},
    ]
    path.write_text("\n".join(map(json.dumps, asked)), encoding="utf-8")
    assert lines(path) == [
        TitleLine(1, "春", {"lines": 16, "keywords": ["明月", "酒"]}, ("Titel", "id")),
        TitleLine(2, "秋", {"lines": 12, "top_k": 3, "seed": 5}),
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_read_as_it_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = threading.Event()

    def fill() -> None:
        with path.open("w", encoding="utf-8") as pipe:
            print("春夜喜雨", file=pipe, flush=True)
            assert read.wait(60), "the first title comes before the pipe ends"
            print("秋", file=pipe)

    writer = threading.Thread(target=fill)
    writer.start()
    found = read_titles(path)
    assert found.size is None
    assert next(found.lines) == TitleLine(1, "春夜喜雨", {})
    read.set()
    assert next(found.lines) == TitleLine(2, "秋", {})
    assert next(found.lines, None) is None
    writer.join()


def test_keywords_are_words() -> None:
    assert split_keywords(" 明月,故乡，酒、 剑 ") == ["明月", "故乡", "酒", "剑"]
    assert split_keywords("") == []


# Arrays and tables -----------------------------------------------------------------------------------------------


ASKED = [TitleLine(1, "静夜思", {"form": "五绝"}), TitleLine(2, "春夜喜雨", {"top_k": 3, "temperature": 0.5})]


@pytest.mark.parametrize("name", ["titles.json", "titles.txt"])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_json_array_of_objects_and_of_titles(name: str, indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / name
    asked = [{"title": "静夜思", "form": "五绝"}, {"title": "春夜喜雨", "top_k": 3, "temperature": 0.5}, "Spring", 5]
    path.write_text("\ufeff\n" + json.dumps(asked, ensure_ascii=False, indent=indent), encoding="utf-8")
    found = read_titles(path)
    assert found.size == 4
    *good, broken = found.lines
    assert good == [*ASKED, TitleLine(3, "Spring", {})]
    assert isinstance(broken, BrokenLine) and broken.number == 4


def test_a_long_json_array_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "titles.json"
    titles = [f"春夜{number}" for number in range(20_000)]
    path.write_text(json.dumps(titles), encoding="utf-8")
    assert [line.title for line in lines(path) if isinstance(line, TitleLine)] == titles


def test_json_that_is_an_object(tmp_path: Path) -> None:
    path = tmp_path / "titles.json"
    path.write_text('{\n "titles": ["春", "秋"]\n}', encoding="utf-8")
    assert lines(path) == [TitleLine(1, "春", {}), TitleLine(2, "秋", {})]
    path.write_text('{\n "title": "春",\n "form": "五绝"\n}', encoding="utf-8")
    assert lines(path) == [TitleLine(1, "春", {"form": "五绝"})]
    path.write_text('{"title": "春"}\n{"题目": "秋"}\n', encoding="utf-8")
    assert lines(path) == [TitleLine(1, "春", {}), TitleLine(2, "秋", {})], "JSON Lines under another name"


def test_broken_json_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "titles.json"
    path.write_text('[\n "春",\n "秋\n]', encoding="utf-8")
    with pytest.raises(SourceError, match=r"titles\.json, line 3: broken JSON"):
        read_titles(path)


def test_a_title_in_brackets_is_a_title(tmp_path: Path) -> None:
    path = tmp_path / "titles.txt"
    path.write_text("[双调]寿阳曲\n春\n", encoding="utf-8")
    assert lines(path) == [TitleLine(1, "[双调]寿阳曲", {}), TitleLine(2, "春", {})]


@pytest.mark.parametrize("header", ["title,form,top_k,temperature", "\ufeff题目,体裁,top-k,Temperature"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("name", ["titles.csv", "titles.txt"])
def test_a_table_with_a_header(header: str, delimiter: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    text = f"{header}\n静夜思,五绝,,\n\n春夜喜雨,,3,0.5\n秋,,many,\n".replace(",", delimiter)
    path.write_text(text, encoding="utf-8")
    first, second, broken = lines(path)
    assert isinstance(first, TitleLine) and (first.number, first.title, first.options) == (
        2,
        "静夜思",
        {"form": "五绝"},
    )
    assert second == TitleLine(4, "春夜喜雨", {"top_k": 3, "temperature": 0.5})
    assert isinstance(broken, BrokenLine) and 'top_k must be a whole number, not "many"' in broken.reason


def test_columns_and_cells_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "titles.csv"
    path.write_text('price,title\n5,"春,夜"\n6,秋,夜\n7,冬\n', encoding="utf-8")
    first, broken, last = lines(path)
    assert first == TitleLine(2, "春,夜", {}, ("price",)) and last == TitleLine(4, "冬", {}, ("price",))
    assert isinstance(broken, BrokenLine) and "3 cells, where the header has 2" in broken.reason
    path.write_text("静夜思,五绝\n春,五绝\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"titles\.csv, line 1: no header .* title,form"):
        read_titles(path)
    path.write_text("静夜思\n春\n", encoding="utf-8")
    assert lines(path) == [TitleLine(1, "静夜思", {}), TitleLine(2, "春", {})]


@pytest.mark.parametrize("name", ["tl.json", "tl.csv"])
def test_the_cases(name: str) -> None:
    path = Path(__file__).parents[2].parent / "shared" / "cases" / "poems" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    found = [line for line in lines(path) if isinstance(line, TitleLine)]
    assert [(line.title, line.options) for line in found] == [
        ("静夜思", {"form": "五绝"}),
        ("春夜喜雨", {"form": "五绝"}),
    ]
