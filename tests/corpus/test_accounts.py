"""What is said of files: their encoding, what they were taken for, what is read, kept and dropped, in all commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poetgen.config import PreprocessConfig
from poetgen.corpus.poems import read_poems
from poetgen.data.preprocess import preprocess
from poetgen.errors import SourceError

POEM = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
PROSE = (
    "却说那一日天色已晚，众人商议了半天也没有什么结果，便各自散去了。"
    "第二天清早起来，大家又聚在一处，把昨天没有说完的话从头说了一遍，这才定下了主意。"
)


def notes_of(path: Path) -> list[str]:
    notes: list[str] = []
    read_poems(path, passages=True, say=notes.append)
    report = preprocess(
        [path], path.parent / "out", PreprocessConfig(min_count=1, valid_share=0, jobs=1), overwrite=True
    )
    assert report["taken_for"] == notes
    return notes


@pytest.mark.parametrize(
    ("encoding", "called"),
    [
        ("gbk", "GB18030"),
        ("big5hkscs", "Big5"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-32", "UTF-32"),
    ],
)
def test_an_encoding_other_than_utf_8_is_told(encoding: str, called: str, tmp_path: Path) -> None:
    path = tmp_path / "poems.txt"
    path.write_bytes(f"登鸛雀樓\n{POEM}\n".encode(encoding, "ignore"))
    assert notes_of(path) == [f"{path}: read as {called}"]
    path.write_bytes(f"登鸛雀樓\n{POEM}\n".encode("utf-8-sig"))
    assert notes_of(path) == []


def test_broken_characters_are_told(tmp_path: Path) -> None:
    path = tmp_path / "poems.txt"
    path.write_bytes(f"{POEM}\n{POEM[::-1]}\n{PROSE}".encode() + b"\xe5\xb9\n" + POEM.encode())
    assert any("read as UTF-8, 1 broken character" in note for note in notes_of(path))


def test_chinese_that_is_taken_for_plain_text_is_told_with_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "novel.txt"
    path.write_text(f"\n第一回\n{PROSE * 3}\n{PROSE}\n", encoding="utf-8")
    assert notes_of(path) == [f"{path}: taken for plain text, not for poems; it begins: 第一回"]
    path.write_text(PROSE * 9, encoding="utf-8")
    assert notes_of(path) == [f"{path}: taken for plain text, not for poems; it begins: {PROSE[:30]}…"]
    with pytest.raises(SourceError, match=f"1 plain text, no verse.*it begins: {PROSE[:30]}") as error:
        read_poems(path)
    assert "\n" not in str(error.value)
    path.write_text("The heron waits in the shallow water.\n", encoding="utf-8")
    assert notes_of(path) == []


def test_check_and_preprocess_give_the_same_account(tmp_path: Path) -> None:
    path = tmp_path / "poems.jsonl"
    rows = [
        {"title": "甲", "content": POEM},
        {"title": "乙", "content": POEM.replace("日", "□")},
        {"title": "丙", "content": "春眠不觉晓，处处闻X鸟。夜来风雨声，花落知多少。"},
        {"title": "丁", "content": ""},
        {"name": "李白", "desc": "诗人。"},
        {"title": "戊", "content": "床前明月光，疑是地上霜。举头望明月，低头思故乡。"},
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    poems, counts = read_poems(path)
    report = preprocess([path], tmp_path / "out", PreprocessConfig(min_count=1, valid_share=0, jobs=1))
    assert (
        (counts.read, counts.kept, len(poems))
        == (report["read"], report["kept"], report["train"]["poems"])
        == (5, 2, 2)
    )
    dropped = {reason: tally.poems for reason, tally in counts.dropped.items()}
    assert dropped == {reason: tally["poems"] for reason, tally in report["dropped"].items()}
    assert dropped == {"lost characters": 2, "empty": 1}
    assert counts.passed_over == report["passed_over"] == {"biography": 1}
    assert report["read"] == report["kept"] + sum(dropped.values())
