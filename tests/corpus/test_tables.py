"""Tables and JSON of other people: what their columns and fields hold, by their names or by what stands in them."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from poetgen.corpus.clean import Cleaner
from poetgen.corpus.couplets import paired
from poetgen.corpus.fields import ColumnChoice
from poetgen.corpus.poem import Record
from poetgen.corpus.poems import read_poems
from poetgen.corpus.readers import read
from poetgen.corpus.sources import documents
from poetgen.errors import SourceError, UsageError

QUIET = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
TOWER = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
DAWN = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
POEMS = [("静夜思", "李白", "唐", QUIET), ("登鹳雀楼", "王之涣", "唐", TOWER), ("春晓", "孟浩然", "唐", DAWN)]
BODIES = [QUIET, TOWER, DAWN]
TITLES = ["静夜思", "登鹳雀楼", "春晓"]
AUTHORS = ["李白", "王之涣", "孟浩然"]
UPPER = ["晚风摇树树还挺", "愿景天成无墨迹", "丹枫江冷人初去"]
LOWER = ["晨露润花花更红", "万方乐奏有于阗", "绿柳堤新燕复来"]


class Found:
    """What was read of a source, and what was said."""

    def __init__(self, source: Path, columns: str = "") -> None:
        self.said: list[str] = []
        self.passed_over: Counter[str] = Counter()
        choice = ColumnChoice.parse(columns)
        self.records: list[Record] = [
            record
            for document in paired(documents([source]))
            for record in read(document, passed_over=self.passed_over, columns=choice, say=self.said.append)
        ]

    def column(self, name: str) -> list[str]:
        return [getattr(record, name) for record in self.records]

    @property
    def bodies(self) -> list[str]:
        return ["".join(record.paragraphs) for record in self.records]


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def table(path: Path, rows: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return written(path, out.getvalue())


def value(path: Path, poems: Any) -> Path:
    return written(path, json.dumps(poems, ensure_ascii=False))


# ---- columns


@pytest.mark.parametrize(
    "header",
    [
        ("name", "poet", "dynasty", "verse"),
        ("Poem Name", " Poet ", "Dynasty", "Poem"),
        ("\ufeffTITLE", "Author_Name", "era", "full-text"),
        ("诗名", "诗人", "朝代", "诗句"),
        ("篇名", "作者姓名", "年代", "詩"),
        ("タイトル", "作者名", "時代", "漢詩本文"),
        ("제목", "작가", "시대", "본문"),
        ("Título", "autor", "época", "versos"),
        ("titre", "poète", "dynastie", "poème"),
        ("aa", "bb", "cc", "dd"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_columns_of_any_name(header: tuple[str, ...], delimiter: str, tmp_path: Path) -> None:
    found = Found(table(tmp_path / "poems.txt", [header, *POEMS], delimiter))
    assert (found.column("title"), found.column("author"), found.bodies) == (TITLES, AUTHORS, BODIES)
    assert found.column("dynasty") == ["唐"] * 3
    assert len(found.said) == 1 and f'verse from "{header[3]}"' in found.said[0]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (2, 0, 1, 3)])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_a_table_without_a_header(order: tuple[int, ...], delimiter: str, tmp_path: Path) -> None:
    found = Found(table(tmp_path / "poems.txt", [[poem[i] for i in order] for poem in POEMS], delimiter))
    assert (found.column("title"), found.column("author"), found.bodies) == (TITLES, AUTHORS, BODIES)
    assert found.said[0].endswith(
        f"authors from column {order.index(1) + 1}, dynasties from column {order.index(2) + 1}"
    )


def test_nothing_is_said_of_a_plain_header(tmp_path: Path) -> None:
    assert Found(table(tmp_path / "a.csv", [("题目", "作者", "朝代", "内容"), *POEMS])).said == []


def test_numbers_labels_and_translations_are_never_taken(tmp_path: Path) -> None:
    told = "这是一首写月亮和故乡的诗，写得非常好，大家都喜欢读它并且背诵它很多遍，永远不忘。"
    for header in (["label", "verse", "url"], ["情感", "原文", "现代文"], ["id", "本文", "和訳"]):
        found = Found(table(tmp_path / "a.csv", [header, *([n % 2, poem[3], told] for n, poem in enumerate(POEMS))]))
        assert found.bodies == BODIES and set(found.column("title")) == {""}
    found = Found(table(tmp_path / "b.csv", [[number, body] for number, body in enumerate(BODIES)]))
    assert found.bodies == BODIES and set(found.column("title") + found.column("author")) == {""}


def test_a_column_that_is_called_verse_and_is_none(tmp_path: Path) -> None:
    rows = [["poem", "poet", "lines", "verse"], *([title, who, 4, body] for title, who, _, body in POEMS)]
    found = Found(table(tmp_path / "a.csv", rows))
    assert (found.column("title"), found.column("author"), found.bodies) == (TITLES, AUTHORS, BODIES)


def test_verse_in_letters(tmp_path: Path) -> None:
    poem = "The gull goes out, the gull comes home,\nand nothing in the harbour moves."
    rows = [("Tide", "Ada Stone", poem), ("Rain", "Ben North", poem + "\nNothing."), ("Home", "Ada Stone", poem)]
    found = Found(table(tmp_path / "a.csv", rows))
    assert (found.column("title"), found.column("author")) == (["Tide", "Rain", "Home"], [row[1] for row in rows])
    assert ["\n".join(record.paragraphs) for record in found.records] == [row[2] for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        "白日依山尽,黄河入海流\n欲穷千里目,更上一层楼\n",
        "The gull goes out, the gull comes home\nThe rain is here, the rain is gone\nA stone is hard, a stone is old\n",
        "床前明月光|疑是地上霜\n举头望明月|低头思故乡\n",
    ],
)
def test_text_with_marks_is_no_table(text: str, tmp_path: Path) -> None:
    assert [
        line for record in Found(written(tmp_path / "a.txt", text)).records for line in record.paragraphs if line
    ] == [line for line in text.split("\n") if line]


@pytest.mark.parametrize(
    ("rows", "listed"),
    [
        ([["a", "b"], [1, 2]], '1 "a", 2 "b"'),
        ([["jian", "fan"], *([body, body] for body in BODIES)], '1 "jian", 2 "fan"'),
        ([["name", "note"], ["x", "y"]], '1 "name", 2 "note"'),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_columns(rows: list[list[object]], listed: str, tmp_path: Path) -> None:
    path = table(tmp_path / "poems.csv", rows)
    with pytest.raises(SourceError, match=r"poems\.csv: .* cannot be told: .*Give --columns body=") as caught:
        Found(path)
    assert listed in str(caught.value)
    # In a folder it is a bystander.
    table(tmp_path / "good.csv", [("title", "content"), ("静夜思", QUIET)])
    found = Found(tmp_path)
    assert found.bodies == [QUIET] and found.passed_over == {"table whose verse cannot be told": 1}


def test_a_column_that_is_chosen_by_its_name_has_one(tmp_path: Path) -> None:
    """A header of names that nothing tells from what lies below it is one where the user says so."""
    path = tmp_path / "table.csv"
    path.write_text("静,夜\n" + "".join(f"{title},{body}\n" for title, body in zip(TITLES, UPPER, strict=True)))
    found = Found(path, "body=夜")
    assert [record.paragraphs for record in found.records] == [(line,) for line in UPPER]


def test_columns_are_chosen_by_name_and_number(tmp_path: Path) -> None:
    path = table(
        tmp_path / "two.csv", [["jian", "fan", "t"], *([body, body[::-1], title] for title, _, _, body in POEMS)]
    )
    found = Found(path, "body=2")
    assert (found.bodies, found.column("title")) == ([body[::-1] for body in BODIES], TITLES)
    assert Found(path, "body=Jian, title=t").column("title") == TITLES
    assert Found(path, "body=jian,title=").column("title") == [""] * 3
    with pytest.raises(SourceError, match=r'two\.csv: no column is verse; there are 1 "jian", 2 "fan", 3 "t"'):
        Found(path, "body=verse")
    for wrong in ("verse=1", "body", "body:1"):
        with pytest.raises(UsageError, match=r"--columns .*: give body=…, title=…"):
            ColumnChoice.parse(wrong)
    path = value(tmp_path / "two.json", [{"jian": body, "text": "x"} for body in BODIES])
    assert Found(path, "body=jian").bodies == BODIES


def test_a_chosen_column_reaches_every_command(tmp_path: Path) -> None:
    path = table(tmp_path / "two.csv", [["jian", "fan"], *([body, body] for body in BODIES)])
    poems, _ = read_poems(path, columns=ColumnChoice.parse("body=1"))
    assert [poem.body for poem in poems] == BODIES


def test_quotes_as_marks_in_a_table_with_tabs(tmp_path: Path) -> None:
    found = Found(written(tmp_path / "a.tsv", f'题目\t内容\n静"夜思\t{QUIET}\n春晓\t{DAWN}\n'))
    assert (found.column("title"), found.bodies) == (['静"夜思', "春晓"], [QUIET, DAWN])


def test_a_table_of_a_spreadsheet(tmp_path: Path) -> None:
    found = Found(written(tmp_path / "a.csv", f'sep=;\n"title"; "content"\n"静夜思"; "{QUIET[:12]};{QUIET[12:]}"\n'))
    assert (found.column("title"), found.bodies) == (["静夜思"], [f"{QUIET[:12]};{QUIET[12:]}"])


@pytest.mark.parametrize("between", ["\\n", "\\r\\n", "/", " / ", "|", "\n"])
def test_lines_in_a_cell(between: str, tmp_path: Path) -> None:
    lines = ("床前明月光", "疑是地上霜", "举头望明月", "低头思故乡")
    (record,) = Found(table(tmp_path / "a.csv", [("title", "content"), ("静夜思", between.join(lines))])).records
    assert record.paragraphs == lines


def test_a_list_in_a_cell(tmp_path: Path) -> None:
    rows = [["title", "paragraphs"], ["静夜思", str([QUIET[:12], QUIET[12:]])]]
    assert Found(table(tmp_path / "a.csv", rows)).records[0].paragraphs == (QUIET[:12], QUIET[12:])


# ---- JSON


LINES = [[body[:12], body[12:]] for body in BODIES]


@pytest.mark.parametrize(
    ("poems", "titles", "authors"),
    [
        pytest.param(dict(zip(TITLES, BODIES, strict=True)), TITLES, None, id="by title"),
        pytest.param(dict(zip(TITLES, LINES, strict=True)), TITLES, None, id="lines by title"),
        pytest.param({"李白": BODIES[:1], "王之涣": BODIES[1:2], "孟浩然": BODIES[2:]}, None, AUTHORS, id="by author"),
        pytest.param({w: {t: b} for t, w, _, b in POEMS}, TITLES, AUTHORS, id="by author and title"),
        pytest.param(
            {w: [{"title": t, "content": b}] for t, w, _, b in POEMS}, TITLES, AUTHORS, id="records by author"
        ),
        pytest.param(BODIES, None, None, id="poems"),
        pytest.param(LINES, None, None, id="lists of lines"),
        pytest.param([list(poem) for poem in POEMS], TITLES, AUTHORS, id="rows"),
        pytest.param([["题", "人", "朝", "文"], *map(list, POEMS)], TITLES, AUTHORS, id="rows with a header"),
        pytest.param([[t, lines] for t, lines in zip(TITLES, LINES, strict=True)], TITLES, None, id="rows with lists"),
        pytest.param({"title": TITLES, "content": BODIES}, TITLES, None, id="columns"),
        pytest.param(
            {"title": dict(enumerate(TITLES)), "content": dict(enumerate(BODIES))}, TITLES, None, id="columns by index"
        ),
        pytest.param([{"t": t, "a": w, "x": b} for t, w, _, b in POEMS], TITLES, AUTHORS, id="names that say nothing"),
        pytest.param(
            {"code": 0, "data": [{"poem_title": t, "verse": b} for t, _, _, b in POEMS]}, TITLES, None, id="API"
        ),
        pytest.param(
            [{"instruction": "写诗", "input": t, "output": b} for t, _, _, b in POEMS], TITLES, None, id="input"
        ),
        pytest.param(
            [{"prompt": f"以《{t}》为题写一首诗", "completion": b} for t, _, _, b in POEMS], TITLES, None, id="prompt"
        ),
        pytest.param(
            [
                {"messages": [{"role": "user", "content": f"题目：{t}"}, {"role": "assistant", "content": b}]}
                for t, _, _, b in POEMS
            ],
            TITLES,
            None,
            id="conversation",
        ),
        pytest.param(
            [[{"from": "human", "value": "写诗"}, {"from": "gpt", "value": f"《{t}》\n{b}"}] for t, _, _, b in POEMS],
            TITLES,
            None,
            id="conversation with a heading",
        ),
    ],
)
def test_json_of_other_shapes(poems: Any, titles: list[str] | None, authors: list[str] | None, tmp_path: Path) -> None:
    found = Found(value(tmp_path / "poems.json", poems))
    assert found.bodies == BODIES
    assert found.column("title") == (titles or [""] * 3)
    assert found.column("author") == (authors or [""] * 3)
    if isinstance(poems, list):
        lines = "\n".join(json.dumps(poem, ensure_ascii=False) for poem in poems)
        by_line = Found(written(tmp_path / "poems.jsonl", lines))
        assert (by_line.bodies, by_line.column("title")) == (BODIES, found.column("title"))


def test_a_list_of_lines_is_one_poem(tmp_path: Path) -> None:
    assert Found(value(tmp_path / "a.json", LINES[0])).records[0].paragraphs == tuple(LINES[0])
    stanzas = [{"title": "登鹳雀楼", "content": [["白日依山尽", "黄河入海流"], ["欲穷千里目", "更上一层楼"]]}]
    (record,) = Found(value(tmp_path / "b.json", stanzas)).records
    assert record.paragraphs == ("白日依山尽", "黄河入海流", "", "欲穷千里目", "更上一层楼")
    lines = [{"title": "静夜思", "content": [{"line": line, "verse": line, "pinyin": "x"} for line in LINES[0]]}]
    assert Found(value(tmp_path / "c.json", lines)).records[0].paragraphs == tuple(LINES[0])


@pytest.mark.parametrize(
    "settings",
    [
        {"compilerOptions": {"strict": True, "lib": ["dom", "es2020"]}},
        {"version": 3, "words": ["明月", "故乡", "床前", "地上霜"], "on": {"a": ["x", "y"]}},
    ],
)
def test_json_without_poems_has_none(settings: Any, tmp_path: Path) -> None:
    found = Found(value(tmp_path / "a.json", settings))
    assert (found.records, found.passed_over) == ([], {"JSON without poems": 1})


# ---- couplets and spaces


COUPLETS = [f"{upper}，{lower}。" for upper, lower in zip(UPPER, LOWER, strict=True)]


@pytest.mark.parametrize(
    ("upper", "lower"), [("in.txt", "out.txt"), ("train.src", "train.tgt"), ("上联.txt", "下联.txt")]
)
@pytest.mark.parametrize("space", ["", " "])
def test_couplets_in_two_files(upper: str, lower: str, space: str, tmp_path: Path) -> None:
    written(tmp_path / upper, "\n".join(map(space.join, UPPER)) + "\n")
    written(tmp_path / lower, "\n".join(map(space.join, LOWER)) + "\n")
    written(tmp_path / "vocabs", "<s>\n</s>\n风\n")
    found = Found(tmp_path)
    assert found.bodies == COUPLETS
    assert found.said == [f"{tmp_path.name}/{upper}: couplets, with {tmp_path.name}/{lower} for the lower lines"]
    named = paired(documents([tmp_path / upper, tmp_path / lower]))
    assert ["".join(record.paragraphs) for document in named for record in read(document)] == COUPLETS


def test_files_of_couplets_that_are_not_parallel(tmp_path: Path) -> None:
    written(tmp_path / "in.txt", "\n".join(UPPER))
    written(tmp_path / "out.txt", "\n".join(LOWER[:2]))
    with pytest.raises(SourceError, match=r"in\.txt, line 3: .*out\.txt has not the same lines \(3 and 2\)"):
        Found(tmp_path)


def test_titles_and_poems_in_two_files(tmp_path: Path) -> None:
    written(tmp_path / "input.txt", "\n".join(TITLES))
    written(tmp_path / "output.txt", "\n".join(BODIES))
    found = Found(tmp_path)
    assert (found.column("title"), found.bodies) == (TITLES, BODIES)


def test_couplets_in_two_columns(tmp_path: Path) -> None:
    pairs = list(zip(UPPER, LOWER, strict=True))
    assert Found(table(tmp_path / "a.tsv", pairs, "\t")).bodies == COUPLETS
    assert Found(table(tmp_path / "b.csv", [("上联", "下联"), *pairs])).bodies == COUPLETS
    asked = [{"instruction": "对下联", "input": upper, "output": lower} for upper, lower in pairs]
    assert Found(value(tmp_path / "c.json", asked)).bodies == COUPLETS


def test_characters_set_apart_by_spaces(tmp_path: Path) -> None:
    path = written(tmp_path / "spaced.txt", "\n".join(" ".join(body) for body in BODIES) + "\n")
    poems, _ = read_poems(path)
    assert [(poem.body, poem.form) for poem in poems] == [(body, "五绝") for body in BODIES]


# ---- two languages


def test_of_two_languages_that_of_the_verse_is_taken(tmp_path: Path) -> None:
    rows = ["title,titleCh,categoryEn,categoryCh,poetEn,poetCh,ch,en"]
    rows += [
        f"{english},{title},Five-Character Quatrain,五言絕句,LI Bai,{author},{body},The moon is bright tonight."
        for english, title, author, body in zip(("Night", "Tower", "Dawn"), TITLES, AUTHORS, BODIES, strict=True)
    ]
    found = Found(written(tmp_path / "poems.csv", "\n".join(rows)))
    assert (found.column("title"), found.column("author"), found.bodies) == (TITLES, AUTHORS, BODIES)
    assert found.said == [f'{tmp_path / "poems.csv"}: verse from "ch", titles from "titleCh", authors from "poetCh"']


def test_transliterations_and_translations_are_no_titles(tmp_path: Path) -> None:
    text = """Poem,Romaji,My translation,俳人,Poet,Dates,Season,Kigo,Original source
古池や蛙飛びこむ水の音,furuike ya,The old pond,芭蕉,Bashō,1644-1694,Spring,frog,Haru no hi
朝顔に釣瓶とられて貰ひ水,asagao ni,Morning glory,千代女,Chiyo-ni,1703-1775,Autumn,asagao,Chiyo-ni kushū
雨に声鬼一口か郭公,,,貞徳,Teitoku,1571-1654,Summer,,Puppy
"""
    found = Found(written(tmp_path / "haiku.csv", text))
    assert found.column("author") == ["芭蕉", "千代女", "貞徳"] and not any(found.column("title"))
    cleaner = Cleaner("keep")
    assert all(map(cleaner.clean, found.records)), "one has nine characters"


def test_authors_with_a_name_and_several(tmp_path: Path) -> None:
    records = [
        {"n": 1, "text": ["秋の田の", "かりほの庵の"], "author": {"name": "天智天皇", "ruby": "てんじてんのう"}},
        {"n": 2, "text": ["春過ぎて", "夏来にけらし"], "author": ["A. Poet", "B. Poet"]},
        {"n": 3, "text": ["白妙の", "衣ほすてふ"], "author": {"id": 3}},
    ]
    found = Found(written(tmp_path / "waka.json", json.dumps(records, ensure_ascii=False)))
    assert found.column("author") == ["天智天皇", "A. Poet, B. Poet", ""]


def test_lists_of_lines_with_escapes(tmp_path: Path) -> None:
    lines = [
        "\r\n     TAKE, O take those lips away, ",
        "\xa0That so sweetly were 'forsworn'; ",
        'And "those" eyes, \\ the',
    ]
    path = tmp_path / "poems.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["Poem", "Author"], [repr(lines), "Shakespeare"], [repr(lines[::-1]), "Brodsky"]])
    found = Found(path)
    first = [line.strip() for line in found.records[0].paragraphs if line.strip()]
    assert first == [line.strip() for line in lines]
    assert found.column("author") == ["Shakespeare", "Brodsky"]


def test_the_number_of_a_row_counts_empty_ones(tmp_path: Path) -> None:
    text = f"title,content\n静夜思,{QUIET}\n,\n,\n登鹳雀楼,{TOWER}\n"
    found = Found(written(tmp_path / "poems.csv", text))
    assert [origin.rpartition(", ")[2] for origin in found.column("origin")] == ["row 1", "row 4"]


def test_tunes_of_the_book_are_known_by_their_length(tmp_path: Path) -> None:
    """归国谣 is not in the corpus that tells how long tunes are, and 浣溪纱 is a way to write 浣溪沙."""
    song = "林樾人家急莫砧。夕阳人影入江深。倚阑疏快北风襟。雨自北山明处黑，云从白鸟去边阴。几多秋思乱乡心。"
    rows = [
        {"title": "浣溪纱 梦中作", "dynasty": "金", "content": song},
        {"title": "行路难", "dynasty": "唐", "content": "君不见，黄河之水天上来。奔流到海不复回，君不见。"},
    ]
    found = Found(written(tmp_path / "poems.json", json.dumps(rows, ensure_ascii=False)))
    assert found.column("tune") == ["浣溪纱", ""]
