"""Encodings: each is told apart from the others by a few words, a slip costs one character, and the rest is refused."""

from __future__ import annotations

import json
import random

import pytest

from poetgen.corpus.encoding import decode, encoding_of
from poetgen.errors import SourceError

SIMPLIFIED = ["床前明月光，疑是地上霜。", "白日依山尽\n黄河入海流\n", "静夜思", "轻轻的我走了，正如我轻轻的来"]
TRADITIONAL = ["舉頭望明月，低頭思故鄉。", "黃河入海流\n欲窮千里目", "處處聞啼鳥", "獨釣寒江雪"]
SPANISH = ["no pidiés más que esto", "¿Qué es poesía?, dices mientras clavas", "El niño soñó", "mañana"]
FRENCH = ["Demain, dès l’aube, à l’heure où", "Blessent mon cœur", "Ô temps, suspends ton vol!", "été"]
ENGLISH = ["It is the tide’s own clock", "“Hope” is the thing with feathers —", "a song,the café – closed"]
CZECH = ["Byl pozdní večer – první máj", "Ile cię trzeba cenić, ten tylko się dowie"]
RUSSIAN = ["Я помню чудное мгновенье:\nПередо мной явилась ты", "Ночь, улица, фонарь, аптека", "зима"]
JAPANESE = ["古池や蛙飛びこむ水の音", "雨ニモマケズ\n風ニモマケズ", "鞭声粛粛夜過河，暁見千兵擁大牙。"]
KOREAN = ["죽는 날까지 하늘을 우러러\n한 점 부끄럼이 없기를", "진달래꽃"]

TEXTS = [
    (encoding, text)
    for encodings, texts in [
        ("gb18030", SIMPLIFIED + TRADITIONAL[:2] + ENGLISH[:2] + RUSSIAN),
        ("big5", TRADITIONAL),
        ("cp1252", SPANISH + FRENCH + ENGLISH),
        ("latin-1", SPANISH),
        ("cp1250", CZECH),
        ("cp1251 koi8-r", RUSSIAN),
        ("shift_jis euc_jp iso2022_jp", JAPANESE),
        ("euc_kr", KOREAN),
        ("utf-8 utf-8-sig utf-16 utf-32", SIMPLIFIED + TRADITIONAL + SPANISH + RUSSIAN + JAPANESE + KOREAN),
        ("utf-16-le utf-16-be utf-32-le utf-32-be", [f"{text} 2\n" for text in SIMPLIFIED + SPANISH + JAPANESE]),
    ]
    for encoding in encodings.split()
    for text in texts
]


@pytest.mark.parametrize("times", [1, 2000])
@pytest.mark.parametrize(("encoding", "text"), TEXTS)
def test_a_few_words_and_many_are_read_as_they_were_written(encoding: str, text: str, times: int) -> None:
    text = text if times == 1 else f"{text}\n" * times
    assert decode(text.encode(encoding), "a") == text


@pytest.mark.parametrize(("encoding", "cell"), [("gb18030", SIMPLIFIED[0]), ("big5", TRADITIONAL[0])])
@pytest.mark.parametrize("rows", [1, 3000])
def test_a_table_with_long_cells_of_ascii(encoding: str, cell: str, rows: int) -> None:
    ascii_rows = "".join(f"{i},https://example.org/poems/{i}/index.html,a note in plain letters\n" for i in range(rows))
    text = f"id,url,content\n{ascii_rows}9,https://example.org,{cell}\n"
    assert decode(text.encode(encoding), "a.csv") == text


def test_line_ends_that_are_escaped_are_no_letters() -> None:
    text = json.dumps({"content": "\n".join("春夏秋冬")}, ensure_ascii=False)
    assert decode(text.encode("gb18030"), "a.json") == text


@pytest.mark.parametrize("text", [text for _, text in TEXTS if sum(not char.isascii() for char in text) > 2])
def test_a_slip_costs_one_character_of_short_utf8_too(text: str) -> None:
    data = text.encode()
    starts = [at for at, byte in enumerate(data) if byte >= 0xC0]
    for at in {starts[len(starts) // 2], starts[-1]}:
        broken = data[:at] + data[at + 1 :]  # the first byte of a character is gone
        assert decode(broken, "a") == broken.decode("utf-8", "replace")


def test_a_text_that_ends_within_a_character() -> None:
    assert decode(SIMPLIFIED[0].encode()[:-1], "a") == f"{SIMPLIFIED[0][:-1]}\ufffd"


@pytest.mark.parametrize("size", [100, 3000, 100_000])
def test_what_makes_no_sense_is_refused(size: int) -> None:
    source = random.Random(size)
    for _ in range(20):
        with pytest.raises(SourceError, match="noise: this is not text in UTF-8, .*KOI8-R. Give text"):
            encoding_of(source.randbytes(size), "noise")
    with pytest.raises(SourceError):
        encoding_of(bytes(size), "zeros")
