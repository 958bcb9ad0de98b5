"""What is no plain text: pages of the web, office files and books give their text, other files are refused by name."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetgen.corpus.clean import Cleaner
from poetgen.corpus.contents import text_of
from poetgen.corpus.markup import page_text, remove_markup
from poetgen.corpus.poem import Record
from poetgen.corpus.readers import read
from poetgen.corpus.sources import documents
from poetgen.errors import SourceError

LINES = ["床前明月光，", "疑是地上霜。"]
WORD = "<w:document><w:body>{}</w:body></w:document>"
ODT = "application/vnd.oasis.opendocument.text"
OPF = """<package><manifest>
<item id="nav" href="nav.xhtml" properties="nav"/><item id="b" href="text/b%20b.xhtml"/><item id="a" href="a.xhtml"/>
</manifest><spine><itemref idref="nav"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""


def write_zip(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def text_in(path: Path) -> str:
    (document,) = documents([path])
    return text_of(document.read(), document.name)


# ---- pages


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>床前明月光，</p>\n<p>疑是地上霜。</p>", "床前明月光，\n疑是地上霜。\n"),
        ("<p>床前明月光，<br>疑是地上霜。</p><p>举头</p>", "床前明月光，\n疑是地上霜。\n\n举头\n"),
        ("<div><div>床前</div><div>明月</div></div><div>光</div>", "床前\n明月\n\n光\n"),
        ("<head><title>x</title><style>p{}</style></head><body>床<script>a<b</script>前</body>", "床前\n"),
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字", "漢字\n"),
        ("<ul><li>a &amp; b&nbsp;c<li>d</ul>", "a & b c\nd\n"),
        ("<pre>a\n  b</pre>", "a\nb\n"),
        ("<p>a <!-- no --> b", "a b\n"),
        ("<?xml version='1.0'?><a><![CDATA[春 & <秋>]]></a>", "春 & <秋>\n"),
        ("<p>a<![if !IE]>b<![endif]><![]c", "ab\n"),
    ],
)
def test_the_text_of_a_page(page: str, text: str) -> None:
    assert page_text(page) == text


PIECES = st.sampled_from([*"<p>/![]-&#x1;春\n'= ", "script", "br", "CDATA[", "DOCTYPE"])


@given(st.lists(PIECES, max_size=14).map("".join))
def test_any_page_gives_a_text(page: str) -> None:
    assert page_text(f"<p>{page}").endswith("\n")
    remove_markup(page)


def test_a_page_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes("<!doctype html><html><body><p>床前明月光，<br>疑是地上霜。</p></body></html>".encode("gbk"))
    assert text_in(path) == "\n".join(LINES) + "\n"


def test_pages_nested_deeply_are_read_in_time() -> None:
    assert page_text("<div>a" * 20_000 + "</div>" * 20_000).count("a") == 20_000


# ---- verse with tags left over


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (("<p>床前明月光，<br />疑是地上霜。</p>",), "床前明月光，疑是地上霜。"),
        (("床前明月光，&nbsp;疑是地上霜。",), "床前明月光，疑是地上霜。"),
        (("床前&#26126;月光，&lt;br&gt;疑是&lt;地上&gt;霜。",), "床前明月光，疑是地上霜。"),
        (("<span class='x'>床前明月光</span>，", '<a href="#">疑</a>是地上霜。'), "床前明月光，疑是地上霜。"),
        (("床前<ruby>明<rt>míng</rt></ruby>月光，疑是地上霜。",), "床前明月光，疑是地上霜。"),
        (("The gull &amp; the tide<br/>come home &lt;3.",), "The gull & the tide\ncome home <3."),
    ],
)
def test_tags_and_entities_never_become_verse(lines: tuple[str, ...], body: str) -> None:
    cleaner = Cleaner("keep", min_chars=1)
    poem = cleaner.clean(Record("here", lines, title="<b>静夜思</b>&nbsp;", author="李白&nbsp;"))
    assert poem and (poem.body, poem.title, poem.author) == (body, "静夜思", "李白")
    assert cleaner.counts.rules["tags and entities"].poems == 1


def test_a_character_that_is_described_is_no_tag() -> None:
    assert remove_markup("迤<辶里>，List<int>, a<b") == "迤<辶里>，List<int>, a<b"


def test_lines_of_text_with_tags(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("静夜思:床前明月光，疑是地上霜。<br>\n登高:白日依山尽，&nbsp;黄河入海流。<br>\n", encoding="utf-8")
    (document,) = documents([path])
    assert [record.title for record in read(document)] == ["静夜思", "登高"]


# ---- office files and books


def test_a_word_file(tmp_path: Path) -> None:
    body = (
        "<w:p><w:r><w:t>床前明月光，</w:t><w:br/><w:t>疑是</w:t></w:r><w:r><w:instrText>PAGE</w:instrText>"
        "<w:t>地上霜。</w:t></w:r></w:p><w:p><w:r><w:t>a &amp; b</w:t></w:r></w:p>"
    )
    members = {"[Content_Types].xml": "<Types/>", "word/document.xml": WORD.format(body), "word/styles.xml": "<x/>"}
    path = write_zip(tmp_path / "poems.zip", members)  # whatever its name is
    assert text_in(path) == "床前明月光，\n疑是地上霜。\n\na & b\n"
    counts: Counter[str] = Counter()
    (tmp_path / "a.txt").write_text("春", encoding="utf-8")
    assert len(documents([tmp_path], passed_over=counts)) == 1 and counts == {"Word file": 1}


def test_an_opendocument_file(tmp_path: Path) -> None:
    text = "<text:h>静夜思</text:h><text:p>床前明月光，<text:note>注</text:note><text:line-break/>疑是地上霜。</text:p>"
    content = f"<office:document-content><office:text>{text}</office:text></office:document-content>"
    path = write_zip(tmp_path / "a.odt", {"mimetype": ODT, "content.xml": content})
    assert text_in(path) == "静夜思\n床前明月光，\n疑是地上霜。\n"


def test_a_book_is_read_in_its_order(tmp_path: Path) -> None:
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfile full-path="OEBPS/content.opf"/></container>',
        "OEBPS/content.opf": OPF,
        "OEBPS/nav.xhtml": "<p>目录</p>",
        "OEBPS/text/b b.xhtml": "<html><body><p>疑是地上霜。</p></body></html>",
        "OEBPS/a.xhtml": "<html><head><title>x</title></head><body><h1>静夜思</h1><p>床前明月光，</p></body></html>",
    }
    assert text_in(write_zip(tmp_path / "a.epub", members)) == "静夜思\n床前明月光，\n\n疑是地上霜。\n"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"xl/workbook.xml": "<x/>"}, "this is an Excel file. Save the sheet as CSV"),
        ({"ppt/presentation.xml": "<x/>"}, "this is a PowerPoint file"),
        ({"a.npy": "x"}, "this is a NumPy archive"),
        ({"m/data.pkl": "x", "m/version": "3"}, "this is a checkpoint of PyTorch. Give the poems"),
        ({"META-INF/container.xml": "<x/>"}, "damaged"),
    ],
)
def test_other_archives_are_refused_by_name(tmp_path: Path, members: dict[str, str], words: str) -> None:
    with pytest.raises(SourceError, match=words):
        text_in(write_zip(tmp_path / "a", members))


def test_a_word_file_that_grows_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.docx", {"word/document.xml": " " * (65 << 20)})
    with pytest.raises(SourceError, match=r"a.docx: its text would be 65 MB"):
        text_in(path)


# ---- what is no text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7\n", "a PDF. Save its text as .txt"),
        (b"7z\xbc\xaf\x27\x1c", "a .7z archive. Unpack"),
        (b"Rar!\x1a\x07\x01", "a .rar archive"),
        (b"SQLite format 3\x00", "an SQLite database. Export the table as CSV"),
        (b"\x93NUMPY\x01", "a NumPy array"),
        (b"\x80\x04\x95", "a pickle"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file"),
        (b"{\\rtf1", "an RTF file"),
        (b"PAR1", "a Parquet table"),
        (b"\xff\xd8\xff\xe0", "an image"),
    ],
)
def test_files_without_text_are_refused_with_the_way_out(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "poems.txt"
    path.write_bytes(data + bytes(1000))
    with pytest.raises(SourceError, match=words) as caught:
        text_in(path)
    assert str(caught.value).startswith(f"{path}: this is ") and "\n" not in str(caught.value)
