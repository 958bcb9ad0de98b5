"""`poetgen check`: how poems are read, which form is held against each, and how the outcome is shown."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from poetgen import cli
from poetgen.cli.explanation_text import explanation_text, summary_table
from poetgen.cli.terminal import BOLD, DIM, PLAIN, RED, YELLOW, columns
from poetgen.corpus import Poem
from poetgen.corpus.poems import read_poems
from poetgen.corpus.text_reader import text_records
from poetgen.errors import SourceError
from poetgen.judging.checking import Summary, explain_poem, explanation_record
from poetgen.prosody import SHAPES
from poetgen.prosody.explain import explain
from poetgen.prosody.explanation import FAULT, Explanation
from poetgen.prosody.rhyme_schemes import SCHEMES
from poetgen.prosody.rhymes import CILIN
from poetgen.prosody.template import Template, TemplateLine
from poetgen.prosody.tune_book import TuneShape
from poetgen.text import clauses

ROOT = Path(__file__).parents[2]

DENG_GUANQUE_LOU = "白日依山尽 黄河入海流 欲穷千里目 更上一层楼"
JING_YE_SI = "床前明月光 疑是地上霜 举头望明月 低头思故乡"
QIU_MING = "空山新雨后 天气晚来秋 明月松间照 清泉石上流 竹喧归浣女 莲动下渔舟 随意春芳歇 王孙自可留"
HUANG_HE_LOU = (
    "昔人已乘黄鹤去 此地空余黄鹤楼 黄鹤一去不复返 白云千载空悠悠 "
    "晴川历历汉阳树 芳草萋萋鹦鹉洲 日暮乡关何处是 烟波江上使人愁"
)
JIANG_XUE = "千山鸟飞绝 万径人踪灭 孤舟蓑笠翁 独钓寒江雪"
JIANG_NAN_CHUN = "千里莺啼绿映红 水村山郭酒旗风 南朝四百八十寺 多少楼台烟雨中"


def told(poem: str, form: str = "", template: Template | None = None) -> Explanation:
    lines = poem.split()
    return explain(lines, form or {shape: form for form, shape in SHAPES.items()}[len(lines), len(lines[0])], template)


def holds(found: Explanation) -> tuple[bool | None, bool | None, bool | None]:
    return found.form_holds, found.rhyme_holds, found.meter_holds


def names(found: Explanation, kind: str) -> list[tuple[str, int]]:
    return [(note.name, note.line) for note in found.notes if note.kind == kind]


def test_the_starter_corpus_is_faultless() -> None:
    poems, counts = read_poems(ROOT / "corpora" / "starter.jsonl")
    assert counts.kept == len(poems) >= 200
    for poem in poems:
        found = explain_poem(poem)
        assert found.form == poem.form
        assert found.faults == (), (poem.title, found.faults)


# Long and old-style verse, tunes ---------------------------------------------------------------------------------


def poem_of(text: str, **fields: str) -> Poem:
    lines = text.split()
    return Poem("".join(line + "，。"[number % 2] for number, line in enumerate(lines)), **fields)


def test_long_regulated_verse_is_told_from_old_style_by_its_tones() -> None:
    long = QIU_MING + " 欲穷千里目 更上一层楼 白日依山尽 黄河入海鸥"
    found = explain_poem(poem_of(long))
    assert (found.form, found.pattern) == ("五排", "平起首句不入韵")
    assert names(found, FAULT) == [("对仗", 8)]  # the last couplet of a shorter poem stands in the middle here
    old = explain_poem(poem_of(" ".join([JING_YE_SI] * 3)))
    assert old.form == "古体" and old.meter_holds is None and old.rhyme_holds


#: Two lines that rhyme level, then two that rhyme oblique, in the manner of 菩萨蛮.
TUNE = Template(
    "四句令",
    (
        (
            TemplateLine(("中仄仄平平",), 0),
            TemplateLine(("中平中仄平",), 0),
            TemplateLine(("中仄仄",), 1),
            TemplateLine(("平平仄",), 1),
        ),
    ),
    CILIN,
)


def tunes(name: str) -> list[TuneShape]:
    return [TuneShape(TUNE, 0, name, 0)] if name == "四句令" else []


def test_a_tune_is_held_against_its_template() -> None:
    found = explain_poem(poem_of("更上一层楼 黄河入海流 白日目 千山木", tune="四句令"), tunes=tunes)
    assert (found.form, found.tune, found.book, found.faults) == ("词", "四句令", CILIN, ())
    assert found.category == ((0, "第十二部"), (1, "第十五部")) and found.verdict is None
    broken = explain_poem(poem_of("更上一层楼 黄河入海花 白日目 千山木", tune="四句令"), tunes=tunes)
    assert [note.name for note in broken.faults] == ["出韵"]
    wrong = explain_poem(poem_of("更上一层楼 河河入海流 白山目 千山木", tune="四句令"), tunes=tunes)
    assert [(note.name, note.line, note.places) for note in wrong.faults] == [("出律", 3, (2,))]


def test_characters_too_few_are_told_where_they_lack_and_the_rest_is_measured() -> None:
    found = explain_poem(poem_of("更上一层楼 黄河入海流 白目 千山木", tune="四句令"), tunes=tunes)
    assert names(found, FAULT) == [("字数", 3)] and holds(found) == (False, True, None)
    far = explain_poem(poem_of("更上一层楼 黄河入海流", tune="四句令"), tunes=tunes)
    assert names(far, FAULT) == [("句数", 0)] and "10 characters, where 四句令 has 16" in far.faults[0].text
    assert holds(far) == (False, None, None)
    elsewhere = explain_poem(poem_of("更上一层 楼黄河入海 流白日目千 山木", tune="四句令"), tunes=tunes)
    assert names(elsewhere, FAULT) == [("句数", 0)] and "end elsewhere" in elsewhere.faults[0].text


def test_a_tune_that_nobody_knows_is_shown_without_rules() -> None:
    found = explain_poem(poem_of("更上一层楼 黄河入海流", tune="自度曲"), tunes=tunes)
    assert (found.form, found.ruled, holds(found)) == ("词", False, (None, None, None))
    assert found.lines[0].feet and found.lines[0].tones == "通仄仄平平"


RU_MENG_LING = "昨夜雨疏风骤 浓睡不消残酒 试问卷帘人 却道海棠依旧 知否 知否 应是绿肥红瘦"


def test_a_title_names_a_tune_where_the_poem_is_as_long() -> None:
    fits = explain_poem(poem_of(RU_MENG_LING, title="如梦令"))
    assert (fits.tune, fits.shape, fits.faults) == ("如梦令", 1, ())
    differs = explain_poem(poem_of(RU_MENG_LING + " 春风", title="如梦令"))
    assert differs.tune == "" and differs.form == "杂言"
    quatrain = "荷叶罗裙一色裁 芙蓉向脸两边开 乱入池中看不见 闻歌始觉有人来"
    assert explain_poem(poem_of(quatrain, title="采莲曲")).form == "七绝"


# Reading ---------------------------------------------------------------------------------------------------------

QIU_MING_TEXT = "空山新雨后，天气晚来秋。明月松间照，清泉石上流。竹喧归浣女，莲动下渔舟。随意春芳歇，王孙自可留。"
COUPLETS = "白日依山尽，黄河入海流。\n欲穷千里目，更上一层楼。"
OTHERS = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (COUPLETS, [("", "", 4)]),
        (f"登鹳雀楼\n{COUPLETS}\n", [("登鹳雀楼", "", 4)]),
        (
            f"登鹳雀楼\n王之涣\n\n\n{COUPLETS}\n\n静夜思\n李白\n\n{OTHERS}",
            [("登鹳雀楼", "王之涣", 4), ("静夜思", "李白", 4)],
        ),
        (f"{COUPLETS}\n\n{OTHERS}\n", [("", "", 4), ("", "", 4)]),
        (f"山居秋暝\n{COUPLETS}\n\n{OTHERS}\n", [("山居秋暝", "", 8)]),
        (DENG_GUANQUE_LOU.replace(" ", "\n"), [("", "", 4)]),
        (DENG_GUANQUE_LOU, [("", "", 4)]),
        ("登鹳雀楼啊\n" + DENG_GUANQUE_LOU.replace(" ", "\n"), [("登鹳雀楼啊", "", 4)]),
        ("登楼\n王之涣\n\n" + DENG_GUANQUE_LOU.replace(" ", "\n"), [("登楼", "王之涣", 4)]),
        (COUPLETS.replace("\n", "") + "\n" + OTHERS.replace("\n", "") + "\n", [("", "", 4), ("", "", 4)]),
        ("  \n", []),
    ],
)
def test_plain_text_is_read_as_people_write_poems_down(text: str, expected: list[tuple[str, str, int]]) -> None:
    found = [
        (poem.title, poem.author, len(re.findall(r"\w{5}", " ".join(poem.paragraphs))))
        for poem in text_records(text, "", Counter())
    ]
    assert found == expected


def test_a_text_and_json_of_the_same_poem_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"登鹳雀楼\n王之涣\n{COUPLETS}\n", encoding="gb18030")
    (tmp_path / "a.json").write_text(
        json.dumps([{"title": "登鹳雀楼", "author": "王之涣", "paragraphs": COUPLETS.split("\n")}]), encoding="utf-8"
    )
    text, js = (read_poems(tmp_path / name)[0] for name in ("a.txt", "a.json"))
    assert text == js == [Poem(COUPLETS.replace("\n", ""), title="登鹳雀楼", author="王之涣", form="五绝")]


def test_passages_are_what_preprocess_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("To be, or not to be.\n", encoding="utf-8")
    (poem,), _ = read_poems(path, passages=True)
    assert poem.form == "" and poem.body.startswith("To be")
    with pytest.raises(SourceError, match="1 without Chinese verse"):
        read_poems(path)


# As JSON, and counted --------------------------------------------------------------------------------------------


def documented(heading: str) -> list[str]:
    """The keys in the first column of the table below a heading of the guide."""
    page = (ROOT / "docs" / "checking.md").read_text(encoding="utf-8")
    section = page.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_a_record_holds_the_keys_of_the_guide_and_comes_back_from_json() -> None:
    for text in (HUANG_HE_LOU, JIANG_NAN_CHUN, JIANG_XUE):
        poem = poem_of(text, title="诗", author="人")
        written = explanation_record(poem, explain_poem(poem))
        assert json.loads(json.dumps(written, ensure_ascii=False)) == written
        assert list(written) == documented("### A poem")
        assert all(list(line) == documented("### A line") for line in written["lines"])
        assert all(list(note) == documented("### A note") for note in written["notes"])
        assert [line["text"] for line in written["lines"]] == text.split()
        for line in written["lines"]:
            assert len(line["tones"]) == len(line["asked"]) == len(line["text"])


def test_the_example_of_the_guide_prints_what_it_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "checking.md").read_text(encoding="utf-8")
    given, shown, *_ = re.findall(r"^```text\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    path = tmp_path / "poems.txt"
    path.write_text(given, encoding="utf-8")
    assert run([str(path)], capsys) == (0, shown, "")


def test_every_name_of_a_note_is_in_the_guide() -> None:
    page = (ROOT / "docs" / "checking.md").read_text(encoding="utf-8")
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "poetgen" / "prosody").glob("*.py"))
    used = set(re.findall(r'(?:FAULT|LICENCE|REMARK|same_foot),\s+"(\w+)"', source)) | set(SCHEMES)
    assert len(used) >= 20
    assert set(re.findall(r"^\| (\w+) \| (?:fault|licence|remark)", page, re.MULTILINE)) == used


def test_the_summary_counts_each_poem_under_what_is_asked_of_it() -> None:
    summary = Summary()
    for text, form in ((DENG_GUANQUE_LOU, ""), (JING_YE_SI, ""), (JIANG_NAN_CHUN, ""), (JIANG_XUE, "古体")):
        summary.add(told(text, form))
    assert summary.forms["五绝"] == {
        "poems": 2, "form": 2, "form asked": 2, "rhyme": 2, "rhyme asked": 2,
        "meter": 1, "meter asked": 2, "faultless": 1, "faultless asked": 2,
    }  # fmt: skip
    assert "meter asked" not in summary.forms["古体"]
    assert summary.figures == {"poems": 3, "form": 3, "rhyme": 3, "meter": 1}
    rows = {line.split()[0]: line.split()[1:] for line in summary_table(summary).splitlines()[1:]}
    assert rows["五绝"] == ["2", "100.0%", "100.0%", "50.0%", "50.0%"]
    assert rows["古体"] == ["1", "100.0%", "100.0%", "-", "100.0%"]
    assert rows["all"] == ["4", "100.0%", "100.0%", "66.7%", "75.0%"]
    assert rows["as"][-4:] == ["3", "100.0%", "100.0%", "33.3%"]


# On the screen ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("poem", "differs"),
    [
        ("白日依山尽 黄河入海流 谁穷万山目 更上一层楼", False),
        ("白日依山尽 入河东海流 欲穷千里目 更上一层楼", False),
        (JIANG_NAN_CHUN, True),  # figures do not know this licence
    ],
)
def test_where_figures_are_stricter_the_verdict_says_so(poem: str, differs: bool) -> None:
    text = explanation_text("", told(poem))
    assert "拗救" in text
    assert ("as figures are counted, meter breaks" in text) == differs


def test_tones_stand_under_their_characters_in_colour_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, painted = (explanation_text("静夜思", told(JING_YE_SI), terminal) for terminal in (False, True))
    marks = BOLD + RED + YELLOW + DIM + PLAIN
    assert not set(marks) & set(plain) and RED in painted
    assert re.sub(f"[{marks}]", "", painted) == plain
    rows = plain.splitlines()
    at = next(number for number, row in enumerate(rows) if "疑是地上霜" in row)
    place = rows[at].index("上")
    assert rows[at + 1][place] == "仄" and rows[at + 2][place] == "＾"
    widths = {columns(rows[at + below][: place + 1]) for below in range(3)}
    assert len(widths) == 1
    monkeypatch.setenv("NO_COLOR", "1")
    assert explanation_text("静夜思", told(JING_YE_SI), True) == plain


def run(args: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        cli.main(["check", *args])
    out, err = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, out, err


@pytest.fixture
def poem_file(tmp_path: Path) -> Path:
    path = tmp_path / "poems.txt"
    path.write_text(f"登鹳雀楼\n{COUPLETS}\n\n静夜思\n{OTHERS}\n", encoding="utf-8")
    return path


def test_the_command_prints_poems_and_a_summary(poem_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run([str(poem_file)], capsys)
    assert (code, err) == (0, "")  # faults are no failure
    assert out.startswith("登鹳雀楼  五绝 仄起首句不入韵\n  白日依山尽  十一轸\n  仄仄平平仄\n")
    assert "静夜思  古体\n" in out and "remark 古绝: lines 2, 3 break the tones of 五绝" in out
    assert out.endswith("poems with faults: none\n")
    code, out, _ = run([str(poem_file), "--form", "五绝"], capsys)
    assert code == 0 and "fault 出律 line 2: 上 (character 4)" in out
    assert out.endswith("poems with faults: 出律 1\n")


def test_the_form_can_be_said(poem_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run([str(poem_file), "--form", "五古", "--json"], capsys)
    assert code == 0
    found = [json.loads(line) for line in out.splitlines()]
    assert [poem["form"] for poem in found] == ["古体"] * 2
    assert [poem["holds"] for poem in found] == [{"form": True, "rhyme": True, "meter": None}] * 2


def test_a_form_that_does_not_exist_is_wrong_usage(
    poem_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run([str(poem_file), "--form", "八股", "--checkpoint", str(tmp_path)], capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--form 八股" in err and "五绝" in err
    code, _, err = run([str(poem_file), "--form", "八股", "--checkpoint", str(tmp_path / "nowhere")], capsys)
    assert code == 1 and "no such checkpoint folder" in err


def test_tunes_come_from_the_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from poetgen.prosody import tunes

    found = {"四句令": tunes.LearnedTune(TUNE, 20, 1.0)}
    (tmp_path / "forms.json").write_text(tunes.tunes_json(found), encoding="utf-8")
    path = tmp_path / "poems.jsonl"
    body = "更上一层楼，黄河入海流。白日目，千山木。"
    poems = [{"rhythmic": tune, "content": body} for tune in ("四句令", "自度曲")]
    path.write_text("".join(json.dumps(poem) + "\n" for poem in poems), encoding="utf-8")
    code, out, err = run([str(path), "--checkpoint", str(tmp_path), "--json"], capsys)
    one, other = (json.loads(line) for line in out.splitlines())
    assert code == 0 and one["tune"] == "四句令" and one["holds"] == {"form": True, "rhyme": True, "meter": True}
    assert other["tune"] == "自度曲" and other["holds"] == {"form": None, "rhyme": None, "meter": None}
    assert err.count("\n") == 1 and "1 poem to 1 tune that" in err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"", "no poem in it could be read"),
        (bytes(range(256)) * 40, "not text in UTF-8"),
        ("春□秋冬风，花雪月山水。\n".encode(), "1 lost characters"),
        (b'{"content": "\xe6\x98\xa5"}\n{"content": \n', "line 2: broken JSON"),
    ],
)
def test_bad_input_gives_one_line(
    content: bytes | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "poems.txt"
    if content is not None:
        path.write_bytes(content)
    code, out, err = run([str(path)], capsys)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert says in err and str(path) in err


def test_all_that_is_said_comes_in_chinese_where_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "poems.jsonl"
    poems: list[dict[str, Any]] = [{"content": text} for text in (COUPLETS, QIU_MING_TEXT, "□□□□□，□□□□□。")]
    path.write_text("".join(json.dumps(poem) + "\n" for poem in poems), encoding="utf-8")
    for args in (["--lang", "zh"], []):
        monkeypatch.setenv("LC_MESSAGES", "zh_CN.UTF-8")
        for show in ("tones", "readings", "table"):
            code, out, err = run([str(path), *args, "--show", show, "--form", "五绝"], capsys)
            assert code == 0 and "有误" in out and (show != "tones" or not re.search("[A-Za-z]{2}", out))
            told = [line for line in err.splitlines() if "%" not in line]  # what is said of the way comes by time
            assert told == [f"{path}：共3首，略去1首：有缺字（1）"]
    code, _, err = run([str(tmp_path / "nowhere"), "--lang", "zh"], capsys)
    assert code == 1 and err.endswith("没有这个文件或文件夹。\n")
    code, _, err = run([str(path), "--lang", "zh", "--strict", "平仄"], capsys)
    assert code == 2 and "请从拗救" in err


def test_what_is_left_out_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "poems.jsonl"
    poems: list[dict[str, Any]] = [{"content": text} for text in (COUPLETS, "□□□□□，□□□□□。", "Roses are red.")]
    path.write_text("".join(json.dumps(poem) + "\n" for poem in poems), encoding="utf-8")
    code, out, err = run([str(path), "--json"], capsys)
    assert code == 0 and len(out.splitlines()) == 1
    assert "left out 2 of 3 poems: 1 lost characters, 1 without Chinese verse" in err


def test_the_command_as_people_run_it_loads_no_torch(poem_file: Path) -> None:
    code = (
        "import sys\nfrom poetgen import cli\n"
        "try: cli.main(['check', '-', '--json'])\n"
        "finally: print([name for name in ('torch', 'rich', 'opencc') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=poem_file.read_bytes(),
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert done.stderr == b"[]\n"
    assert [json.loads(line)["title"] for line in done.stdout.decode().splitlines()] == ["登鹳雀楼", "静夜思"]


def test_a_poem_stands_in_the_place_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poem = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
    code, out, err = run([poem, "--json"], capsys)
    assert code == 0 and [line["text"] for line in json.loads(out)["lines"]] == clauses(poem)
    assert "there is no file of this name; it is read as the poem itself" in err
    assert "没有这个文件，当作诗的原文来读" in run([poem, "--lang", "zh"], capsys)[2]
    code, out, _ = run(["床前明月光,疑是地上霜.\n举头望明月,低头思故乡.\n" * 20, "--json"], capsys)
    assert code == 0 and out, "longer than the name of a file may be, and typed with a Western keyboard"
    file = tmp_path / "诗"
    file.write_text(COUPLETS, encoding="utf-8")
    assert "no file of this name" not in run([str(file)], capsys)[2]


@pytest.mark.parametrize("name", ["唐诗.txt", "诗/李白", "poems.jsonl", "李白，杜甫.csv"])
def test_the_name_of_a_file_that_is_not_there_is_no_poem(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run([name], capsys)
    assert code == 1 and err == f"poetgen: {name}: there is no such file or folder.\n"


def test_words_that_are_neither_a_file_nor_a_poem(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(["诗词"], capsys)
    assert code == 1 and err.startswith("poetgen: 诗词: there is no file of this name, and no poem in these words (")


@pytest.mark.slow
def test_the_example_of_the_help_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "poetgen", "check"]
    helped = subprocess.run([*command, "--help"], capture_output=True, check=True, cwd=ROOT).stdout.decode()
    assert (
        helped.strip().splitlines()[-1].strip()
        == "Example: poetgen check 床前明月光，疑是地上霜。举头望明月，低头思故乡。"
    )
    done = subprocess.run([*command, "corpora/starter.jsonl"], capture_output=True, check=True, cwd=ROOT)
    poems = len((ROOT / "corpora" / "starter.jsonl").read_bytes().splitlines())
    out = done.stdout.decode()
    assert out.count("form holds, rhyme holds") == poems and out.endswith("poems with faults: none\n")


def test_clauses_are_the_lines_that_are_explained() -> None:
    poem = poem_of(DENG_GUANQUE_LOU)
    assert [line.text for line in explain_poem(poem).lines] == clauses(poem.body)


def test_a_record_says_what_form_it_is(tmp_path: Path) -> None:
    path = tmp_path / "poems.jsonl"
    text = "西塞山前白鹭飞，桃花流水鳜鱼肥。青箬笠，绿蓑衣，斜风细雨不须归。"
    rows = [
        {"title": "江上", "form": "渔歌子", "text": text},
        {"title": "夜", "form": "五古", "text": COUPLETS.replace("\n", "")},
        {"title": "夜", "form": "sonnet", "text": COUPLETS.replace("\n", "")},
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    poems, _ = read_poems(path)
    assert [(poem.form, poem.tune) for poem in poems] == [("词", "渔歌子"), ("古体", ""), ("五绝", "")]
    assert explain_poem(poems[0]).faults == ()
