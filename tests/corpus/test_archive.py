"""A whole archive, from .zip to clean poems: one like chinese-poetry, written by us, and the real one where it is."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from poetgen.corpus.clean import Cleaner
from poetgen.corpus.poem import Poem
from poetgen.corpus.readers import read
from poetgen.corpus.sources import documents
from poetgen.text import HAN_RANGES, PUNCTUATION

ROOT = Path(__file__).parents[2]
STARTER = [json.loads(line) for line in (ROOT / "corpora" / "starter.jsonl").read_text(encoding="utf-8").splitlines()]

Damage = Callable[[list[str]], list[str]]


def on_first(change: Callable[[str], str]) -> Damage:
    return lambda paragraphs: [change(paragraphs[0]), *paragraphs[1:]]


#: What the archive's poems bring with them, each as done to a clean poem, and the rule that undoes it.
DAMAGES: dict[str, list[Damage]] = {
    "compatibility forms": [
        on_first(lambda line: line.replace("，", "､").replace("､", "，\u200b")),
        on_first(lambda line: f"\ufeff{line}"),
    ],
    "notes in brackets": [
        on_first(lambda line: f"{line[:3]}（一作「某」，见《集》(卷三)）{line[3:]}"),
        lambda lines: [*lines, "（路上者，", "某字也。", "）"],
        lambda lines: [*lines, "(以下缺"],
    ],
    "editorial brackets": [
        on_first(lambda line: f"{line[:2]}[{line[2:4]}]{line[4:]}"),
        on_first(lambda line: f"{line[:-1]}[一]{line[-1]}"),
    ],
    "iteration marks": [lambda lines: [re.sub(r"(.)\1", r"\1々", line) for line in lines]],
    "lines that name the source": [lambda lines: [*lines, "附注：见《某集》卷八。"], lambda lines: [*lines, "ff。"]],
    "stray digits and Latin": [on_first(lambda line: f"{line[:4]}0{line[4:]}")],
    "punctuation": [
        lambda lines: [line.replace("，", ",").replace("。", ".") for line in lines],
        on_first(lambda line: f"「{line}"),
        on_first(lambda line: line.replace("，", "， ")),
    ],
    "ends of lines": [
        lambda lines: re.findall(f"[^{PUNCTUATION}]+", "".join(lines)),
        lambda lines: [line.rstrip("。") for line in lines],
        lambda lines: [*lines, "。"],
    ],
}

#: The same for what drops a poem.
HOLES: dict[str, Damage] = {
    "lost characters": on_first(lambda line: f"□{line[1:]}"),
    "a character that is only described": on_first(lambda line: f"{{口某}}{line[1:]}"),
    "foreign letters for lost characters": on_first(lambda line: f"コ{line[1:]}"),
    "characters that cannot be read": on_first(lambda line: f"\ue815{line[1:]}"),
    "a bracket that closes nothing": on_first(lambda line: f"{line[:-1]}）。"),
    "too short": lambda lines: [lines[0][:4]],
    "an editor's words, not verse": lambda lines: ["某人，名不详，高平人。", "诗一首。"],
}


def archive_like(path: Path, poems: list[list[str]]) -> Path:
    """A .zip laid out as chinese-poetry is, of our own verse, with the files that hold no poems."""
    records = [{"title": f"其{number}", "author": "无名氏", "paragraphs": text} for number, text in enumerate(poems)]
    with zipfile.ZipFile(path, "w") as archive:
        for start in range(0, len(records), 100):
            member = f"chinese-poetry-master/全唐诗/poet.tang.{start}.json"
            archive.writestr(member, json.dumps(records[start : start + 100], ensure_ascii=False, indent=2))
        archive.writestr("chinese-poetry-master/全唐诗/authors.tang.json", json.dumps([{"name": "某", "desc": "人。"}]))
        archive.writestr("chinese-poetry-master/README.md", "# poems")
        archive.writestr("chinese-poetry-master/images/a.png", b"\x89PNG")
    return path


def cleaned(path: Path, passed_over: Counter[str]) -> tuple[list[Poem], Cleaner]:
    cleaner = Cleaner("keep")
    sources = documents([path], passed_over=passed_over)
    records = [record for document in sources for record in read(document, passed_over=passed_over)]
    return [poem for _, poem in cleaner.clean_all(records)], cleaner


@pytest.mark.parametrize("rule", DAMAGES)
def test_poems_come_out_of_an_archive_as_they_were_written(tmp_path: Path, rule: str) -> None:
    damages = DAMAGES[rule]
    damaged = [damages[number % len(damages)](poem["paragraphs"]) for number, poem in enumerate(STARTER)]
    touched = sum(lines != poem["paragraphs"] for lines, poem in zip(damaged, STARTER, strict=True))
    passed_over: Counter[str] = Counter()
    poems, cleaner = cleaned(archive_like(tmp_path / "master.zip", damaged), passed_over)
    assert [poem.body for poem in poems] == ["".join(poem["paragraphs"]) for poem in STARTER]
    assert {(poem.author, poem.dynasty) for poem in poems} == {("", "唐")}
    assert cleaner.counts.rules[rule].poems == touched > 0
    assert passed_over == {"biography": 1, "readme or licence": 1, ".png file": 1}


def test_poems_with_holes_are_dropped_each_for_its_reason(tmp_path: Path) -> None:
    reasons = list(HOLES)
    kept = STARTER[len(reasons) :]
    damaged = [HOLES[reason](poem["paragraphs"]) for reason, poem in zip(reasons, STARTER, strict=False)]
    poems, cleaner = cleaned(
        archive_like(tmp_path / "master.zip", damaged + [poem["paragraphs"] for poem in kept]), Counter()
    )
    assert [poem.body for poem in poems] == ["".join(poem["paragraphs"]) for poem in kept]
    assert {reason: count.poems for reason, count in cleaner.counts.dropped.items()} == dict.fromkeys(reasons, 1)


ADDRESS = "https://github.com/chinese-poetry/chinese-poetry/archive/refs/heads/master.zip"
NAME = "chinese-poetry-master.zip"
ARCHIVES = [path for path in (ROOT / "corpora" / NAME, ROOT.parent / "shared" / "corpora" / NAME) if path.exists()]


@pytest.mark.skipif(not ARCHIVES, reason=f"takes the real archive (54 MB): download {ADDRESS} as corpora/{NAME}")
def test_the_real_archive() -> None:
    cleaner = Cleaner("keep")
    chosen = [d for d in documents(ARCHIVES[:1]) if re.search(r"poet\.tang\.5[0-7]000|yuanqu|ci\.song\.0", d.name)]
    poems = [poem for document in chosen for record in read(document) if (poem := cleaner.clean(record))]
    assert len(poems) > 10_000
    assert all(re.fullmatch(f"[{HAN_RANGES}{PUNCTUATION}]+", poem.body) for poem in poems)
    assert sum(bool(re.search("一作|卷[一二三四五六七八九]+[，。]", poem.body)) for poem in poems) <= 2
