"""Verse by its language: classical Chinese, modern Chinese, others; what each keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poetgen.corpus import Cleaner, Counts, Poem, documents, read
from poetgen.corpus.apparatus import remove_notes
from poetgen.corpus.characters import without_invisible
from poetgen.corpus.counts import Dropped
from poetgen.corpus.language import language_of
from poetgen.corpus.poem import Record

CASES = Path(__file__).parents[3] / "shared" / "cases" / "corpora"

ROSE = "我走过的桥还记得你\n桥下的水也记得\n\n可是我们都老了（她说不要紧）\n2008年的雪落在3号楼上"

POND, NARA, SEA = "古池や蛙飛びこむ水の音", "奈良七重七堂伽藍八重桜", "春の海ひねもすのたりのたりかな"


def cleaned(path: Path, script: str = "simplified") -> tuple[list[Poem], Counts]:
    cleaner = Cleaner(script)  # type: ignore[arg-type]
    [document] = documents([path])
    return [poem for _, poem in cleaner.clean_all(read(document))], cleaner.counts


def written(path: Path, poems: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(poem, ensure_ascii=False) + "\n" for poem in poems), encoding="utf-8")
    return path


# ---- which language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("床前明月光，疑是地上霜。举头望明月，低头思故乡。", "classical"),
        ("明月几时有？把酒问青天。不知天上宫阙，今夕是何年。", "classical"),
        (ROSE, "modern"),
        ("某年2008年5月12日，风声落在屋顶。", "modern"),
        ("卷三（1998年刊）白日依山尽，黄河入海流。", "classical"),
        ("The gull goes out, the gull comes home.", "other"),
        ("朝顔に釣瓶とられて貰ひ水", "other"),
        ("이 몸이 죽고 죽어 一百番 고쳐 죽어 白骨이 塵土되어", "other"),
        ("漫山遍野，开遍荼コ。春水初生，春林初盛。", "classical"),
    ],
)
def test_the_language_of_a_poem(text: str, expected: str) -> None:
    assert language_of(text) == expected


def test_verse_of_an_old_dynasty_is_never_modern() -> None:
    assert language_of("你的我的他的，都是那们的。", "元") == "classical"


def test_kana_in_a_document_mean_japanese_in_all_of_it(tmp_path: Path) -> None:
    poems = [
        {"title": "", "content": text} for text in ("古池や蛙飛びこむ水の音", "奈良七重七堂伽藍八重桜", "咲き満ちて鐘")
    ]
    poems += [{"title": "春の夜", "author": "与謝 蕪村", "content": SEA}]
    kept, counts = cleaned(written(tmp_path / "haiku.jsonl", poems))
    assert [poem.body for poem in kept] == [
        "古池や蛙飛びこむ水の音",
        "奈良七重七堂伽藍八重桜",
        "咲き満ちて鐘",
        "春の海ひねもすのたりのたりかな",
    ]
    assert (kept[-1].title, kept[-1].author) == ("春の夜", "与謝 蕪村")
    assert not counts.dropped, "and a short one is as long as it is"


def test_titles_of_other_languages_keep_their_marks_and_their_length(tmp_path: Path) -> None:
    title = "Lines Composed a Few Miles above Tintern Abbey (July 13, 1798) — “Love’s”"
    [poem], _ = cleaned(written(tmp_path / "p.jsonl", [{"title": title, "content": "The gull goes out at dawn"}]))
    assert poem.title == title


# ---- what is kept


def test_modern_verse_keeps_lines_stanzas_digits_and_brackets(tmp_path: Path) -> None:
    [poem], counts = cleaned(written(tmp_path / "p.jsonl", [{"title": "雪", "content": ROSE}]))
    assert poem.body == ROSE and not counts.dropped


def test_modern_verse_loses_footnotes_and_is_dropped_with_a_hole() -> None:
    cleaner = Cleaner("keep")
    record = Record("here", ("我走过的桥[1]还记得你的名字，（注：写于1998年）", "可是我们都老了..."))
    poem = cleaner.clean(record)
    assert poem is not None and poem.body == "我走过的桥还记得你的名字，\n可是我们都老了..."
    assert cleaner.clean(Record("here", ("我走过的□还记得你的名字吗，我们",))) is None
    assert cleaner.counts.dropped["lost characters"].poems == 1


def test_stanzas_are_kept_and_spaces_are_counted() -> None:
    cleaner = Cleaner()
    poem = cleaner.clean(Record("here", ("The gull  goes out,", "", " ", "", "the gull comes home.", "")))
    assert poem is not None and poem.body == "The gull goes out,\n\nthe gull comes home."
    assert cleaner.counts.rules["spaces"].poems == 1


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a non-joiner
        "\u0915\u094d\u200d\u0937",  # Devanagari, with a joiner
        "gull \U0001f468\u200d\U0001f469\u200d\U0001f467\u2764\ufe0f",  # emoji
        "\u05e9\u05dc\u05d5\u05dd\u200f!",  # Hebrew, with a mark of direction
    ],
)
def test_what_a_script_needs_stays_though_it_cannot_be_seen(text: str) -> None:
    assert without_invisible(text) == text
    poem = Cleaner("keep", min_chars=1).clean(Record("here", (text,)))
    assert poem is not None and poem.body == text


def test_joiners_without_use_go() -> None:
    assert without_invisible("白\u200d日\u200b依\u200e山\ufeff尽") == "白日依山尽"


def test_length_has_a_limit_that_is_given() -> None:
    cleaner = Cleaner("keep", max_chars=30)
    assert cleaner.clean(Record("here", ("The gull goes out, the gull comes home.",))) is None
    assert cleaner.counts.dropped["too long"].poems == 1


# ---- brackets in classical verse

MOON = "床前明月光，疑是地上霜。", "举头望明月，低头思故乡。"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{MOON[0]}\n({MOON[1]}", "\n".join(MOON)),
        (f"({MOON[0]}{MOON[1]}", "".join(MOON)),
        (f"{MOON[0]}({MOON[1]})", "".join(MOON)),
        (f"{MOON[0]}(一作月，{MOON[1]}", f"{MOON[0]}，{MOON[1]}"),
        (f"{MOON[0]}{MOON[1]}(《唐詩紀事》二九引", "".join(MOON)),
        (f"{MOON[0]}{MOON[1]}(以下缺", "".join(MOON)),
        ("春花秋月何时了，往事知多少。(小楼昨夜又东风，故国不堪回首月明中。",) * 2,
        (f"{MOON[0]}(二月三日湖上){MOON[1]}", "".join(MOON)),
    ],
)
def test_what_is_verse_stays_and_what_is_a_note_goes(text: str, expected: str) -> None:
    assert remove_notes(text) == expected.replace("(", "")


def test_a_bracket_whose_end_cannot_be_told_drops_the_poem() -> None:
    with pytest.raises(Dropped, match="never closed"):
        remove_notes(f"{MOON[0]}(这是一段很长的话而且没有说完，也不像诗，更没有什么出处可言，只是闲话而已。")


def test_prose_that_quotes_the_classics_is_kept() -> None:
    for lines in (("《诗》云：“如切如磋，如琢如磨。”其斯之谓与？",), ("孟子曰：“《诗》云：忧心悄悄，愠于群小。”",)):
        assert Cleaner("keep").clean(Record("here", lines)) is not None
    assert Cleaner("keep").clean(Record("here", ("《漁隱叢話》云：此詩不知何人所作，又見他本。",))) is None


# ---- the cases


@pytest.mark.skipif(not CASES.exists(), reason="../shared/cases is not here")
@pytest.mark.parametrize(
    ("name", "count", "held"),
    [
        ("digits.jsonl", 1, "某年2008年5月12日的夜里，我们在第3号楼下听见风声（她说不要走）雨落在1989年的屋顶上。"),
        ("haiku.csv", 3, "柿食へば鐘が鳴るなり法隆寺"),
        ("stanza.csv", 1, "comes home.\n\nThe river"),
        ("long.csv", 2, "The twelfth gull"),
        ("qianzi.json", 1, "天地玄黄，宇宙洪荒。"),
        ("lunyu.json", 1, "诗云：如切如磋，如琢如磨。"),
    ],
)
def test_cases(name: str, count: int, held: str) -> None:
    poems, counts = cleaned(CASES / name)
    assert len(poems) == count and held in poems[0].body and not counts.dropped
