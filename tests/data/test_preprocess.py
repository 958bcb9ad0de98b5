"""From sources to a prepared dataset."""

import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poetgen.config import PreprocessConfig, SampleConfig
from poetgen.corpus import duplicates
from poetgen.data import preprocess as module
from poetgen.data import reading
from poetgen.data.dataset import FIELDS, LINES_FILE, TUNES_FILE, Dataset, Split, finish
from poetgen.data.line_index import LineIndex
from poetgen.data.preprocess import preprocess
from poetgen.data.sequence import CONTROL
from poetgen.data.vocab import UNK, Vocab
from poetgen.errors import DatasetError, SaveError, SourceError, UsageError
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.trainer import Trainer
from poetgen.prosody import forms, tunes
from poetgen.prosody.forms import form_of
from poetgen.text import PUNCTUATION, clauses
from poetgen.writing.request import Request
from poetgen.writing.sampler import Sampler

from helpers import CHARACTERS, TINY, make_poem

PLAIN = PreprocessConfig(min_count=1, valid_share=0.2, jobs=1)

Poem = dict[str, str]


def write(path: Path, poems: Sequence[Poem]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(poem, ensure_ascii=False) + "\n" for poem in poems), encoding="utf-8")
    return path


def prepare(folder: Path, poems: Sequence[Poem], **options: Any) -> tuple[Dataset, dict[str, Any]]:
    source = write(folder / "poems.jsonl", poems)
    report = preprocess([source], folder / "out", replace(PLAIN, **options))
    return Dataset.load(folder / "out"), report


def texts(dataset: Dataset, split: Split, field: str) -> list[str]:
    return [dataset.vocab.decode(split.fields(index)[field].tolist()) for index in range(len(split))]


def bodies(dataset: Dataset) -> list[str]:
    return [body for split in (dataset.train, dataset.valid) for body in texts(dataset, split, "body")]


def files(folder: Path) -> dict[str, bytes]:
    """The files of a dataset, but for the report, which tells how long it took."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "report.json"}


def body_of(poem: Poem) -> str:
    return poem["content"].replace("|", "")


# The same input, the same bytes ----------------------------------------------------------------------------------


def test_marks_that_no_poem_has_are_known_all_the_same(tmp_path: Path, corpus: Path) -> None:
    """A poem from elsewhere may have them, and they are no rare characters."""
    assert "？" not in corpus.read_text(encoding="utf-8")
    preprocess([corpus], tmp_path / "verse", PreprocessConfig(min_count=3, jobs=1))
    assert UNK not in Dataset.load(tmp_path / "verse").vocab.encode(PUNCTUATION)
    (tmp_path / "play.txt").write_text("to be or not to be\n" * 50)
    preprocess([tmp_path / "play.txt"], tmp_path / "play", PreprocessConfig(jobs=1))
    assert "。" not in Dataset.load(tmp_path / "play").vocab


@pytest.mark.slow
def test_jobs_and_the_order_of_files_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {
        f"{name}.jsonl": [make_poem(number) for number in range(10 * i, 10 * i + 14)] for i, name in enumerate("dbacfe")
    }
    for folder, names in (("forth", sorted(parts)), ("back", sorted(parts, reverse=True))):
        for name in names:
            write(tmp_path / folder / name, parts[name])
    tasks = []

    class Counting(ProcessPoolExecutor):
        def submit(self, *args: Any, **options: Any) -> Any:
            tasks.append(args)
            return super().submit(*args, **options)

    monkeypatch.setattr(reading, "ProcessPoolExecutor", Counting)
    monkeypatch.setattr(reading, "_TASK_BYTES", 1)  # every file is a task
    first = preprocess([tmp_path / "forth"], tmp_path / "one", PLAIN)
    assert not tasks
    second = preprocess([tmp_path / "back"], tmp_path / "two", replace(PLAIN, jobs=2))
    assert len(tasks) == 6
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert first["fingerprint"] == second["fingerprint"]
    differs = {name for name in first if first[name] != second[name]}
    for name in ("dropped", "rules"):  # examples name files, and these stand in other folders
        assert json.dumps(first[name]).replace("forth", "back") == json.dumps(second[name])
    assert differs <= {"sources", "options", "seconds", "dropped", "rules"}


# What a dataset holds --------------------------------------------------------------------------------------------


def test_every_poem_comes_out_as_it_went_in(corpus: Path, prepared: Path) -> None:
    dataset = Dataset.load(prepared)
    found = sorted(
        dataset.vocab.decode(split.sequence(index)[0])
        for split in (dataset.train, dataset.valid)
        for index in range(len(split))
    )
    expected = []
    for line in corpus.read_text(encoding="utf-8").splitlines():
        poem = json.loads(line)
        body = body_of(poem)
        expected.append(
            f"[{form_of(body)}][{poem['dynasty']}][AUTHOR]{poem['author']}[TITLE]{poem['title']}[BODY]{body}[END]"
        )
    keywords = re.compile(r"\[KEYWORDS\](.*?)(?=\[TITLE\])")
    assert sorted(keywords.sub("", sequence) for sequence in found) == sorted(expected)
    assert {form_of(body_of(make_poem(number))) for number in range(4)} == {"五绝", "七绝", "五律", "七律"}
    for sequence in found:
        words = keywords.search(sequence)
        assert words, "every poem of this corpus has telling words"
        said = words[1].split("[SEP]")
        assert 1 <= len(said) <= 4
        for word in said:
            assert word in sequence.split("[TITLE]")[1], "keywords are words of the title or the body"


def test_the_vocabulary_follows_frequency_then_code_points(prepared: Path) -> None:
    dataset = Dataset.load(prepared)
    counts: Counter[str] = Counter()
    for split in (dataset.train, dataset.valid):
        for field in set(FIELDS) - {"keywords"}:
            counts.update("".join(texts(dataset, split, field)))
    expected = sorted(counts, key=lambda char: (-counts[char], ord(char)))
    unseen = sorted(set(PUNCTUATION) - set(expected))  # known all the same, as what comes once
    assert list(dataset.vocab.tokens[: 2 + len(CONTROL)]) == ["[PAD]", "[UNK]", *CONTROL]
    assert [token for token in dataset.vocab.tokens[2 + len(CONTROL) :] if token not in unseen] == expected
    assert set(unseen) <= set(dataset.vocab.tokens)
    assert min(Counter(counts.values()).values()) < max(Counter(counts.values()).values()), "there are ties"


def test_rare_characters_are_unknown(tmp_path: Path) -> None:
    poems = [make_poem(number) for number in range(40)]
    poems[7]["content"] = poems[7]["content"].replace("，", "龘，", 1)
    dataset, report = prepare(tmp_path, poems, min_count=2)
    assert "龘" not in dataset.vocab
    assert report["unknown_tokens"] == sum(body.count("[UNK]") for body in bodies(dataset)) >= 1
    assert any("[UNK]，" in body for body in bodies(dataset))


def test_tunes_are_kept_and_make_a_ci(tmp_path: Path) -> None:
    poem = {"rhythmic": "水调歌头", "author": "苏轼", "content": "明月几时有，把酒问青天。不知天上宫阙，今夕是何年。"}
    dataset, report = prepare(tmp_path, [poem], valid_share=0.0)
    text = dataset.vocab.decode(dataset.train.sequence(0)[0])
    assert text.startswith("[词]") and "[TUNE]水调歌头[AUTHOR]苏轼" in text
    assert "[TITLE]" not in text, "a tune is no title"
    assert report["forms"] == {"词": 1}


def test_songs_a_character_short_or_long_of_their_tune_are_counted(tmp_path: Path) -> None:
    whole = "昨夜雨疏风骤，浓睡不消残酒。试问卷帘人，却道海棠依旧。知否，知否，应是绿肥红瘦。"
    sung = [whole, whole.replace("昨夜", "夜"), whole.replace("残酒", "了残酒"), whole.replace("知否，知否，", "")]
    for title in ("如梦令", "如夢令 其一"):
        reports = [prepare(tmp_path / str(n), [{"title": title, "content": body}])[1] for n, body in enumerate(sung)]
        assert [report["forms"] for report in reports] == [{"词": 1}] * 3 + [{"杂言": 1}]
        assert [report["a_character_off_tune"]["poems"] for report in reports] == [0, 1, 1, 0]
    (example,) = reports[1]["a_character_off_tune"]["examples"]
    assert example["tune"] == "如梦令" and example["text"] == sung[1] and example["origin"].endswith("record 1")


def make_song(number: int) -> Poem:
    """A poem to a tune, of two lines that rhyme and one between them that does not."""
    draw = random.Random(number)
    rhyme = draw.choice(("东风红中空", "天山年前边"))
    first, second, third = ("".join(draw.choices(CHARACTERS, k=4)) for _ in range(3))
    return {
        "title": "",
        "tune": "望春",
        "content": f"{first}{draw.choice(rhyme)}。{second}，{third}{draw.choice(rhyme)}。",
    }


def test_tunes_are_learned_and_lines_remembered(tmp_path: Path) -> None:
    poems = [make_poem(number) for number in range(20)]
    dataset, report = prepare(tmp_path, poems + [make_song(number) for number in range(60)])
    learned = tunes.load_tunes(tmp_path / "out" / TUNES_FILE)
    assert report["tunes"] == len(learned) == 1
    assert learned["望春"].template.lengths == (5, 4, 5)
    assert [line.rhyme for line in learned["望春"].template.variants[0]] == [0, None, 0]
    assert learned["望春"].poems == sum(tune == "望春" for tune in texts(dataset, dataset.train, "tune"))
    index = LineIndex.load(tmp_path / "out" / LINES_FILE)
    known = {line for body in bodies(dataset) for line in clauses(body) if len(line) >= 5}
    assert index is not None and index.known(sorted(known)).all() and report["lines"] == index.lines == len(known)


def test_what_is_learned_goes_with_the_dataset_it_was_learned_from(tmp_path: Path) -> None:
    prepare(tmp_path, [make_song(number) for number in range(60)])
    assert (tmp_path / "out" / TUNES_FILE).exists()
    prepare(tmp_path, [make_poem(number) for number in range(20)])
    assert not (tmp_path / "out" / TUNES_FILE).exists(), "these have no tunes"


def test_an_older_dataset_can_be_finished(tmp_path: Path) -> None:
    dataset, _ = prepare(tmp_path, [make_song(number) for number in range(60)])
    before = files(tmp_path / "out")
    for name in (TUNES_FILE, LINES_FILE):
        (tmp_path / "out" / name).unlink()
    assert finish(tmp_path / "out")["tunes"] == 1
    assert files(tmp_path / "out") == before
    assert Dataset.load(tmp_path / "out").fingerprint == dataset.fingerprint


def test_unknown_characters_stand_in_no_tune_and_no_line(tmp_path: Path) -> None:
    poems = [make_song(number) for number in range(60)]
    poems[3]["content"] = "龘" + poems[3]["content"][1:]
    dataset, _ = prepare(tmp_path, poems, min_count=2, valid_share=0.0)
    assert dataset.vocab.id("龘") == 1
    sung = dict(enumerate(dataset.train.sung()))
    assert sum("□" in body for _, body in sung.values()) == 1 and {tune for tune, _ in sung.values()} == {"望春"}
    assert "".join(dataset.train.bodies(poems=7)) == "".join(f"{body}\n" for _, body in sung.values())


def test_plain_text_has_no_form(tmp_path: Path) -> None:
    source = tmp_path / "prose.txt"
    source.write_text("It was the best of times.\nIt was the worst of times.\n", encoding="utf-8")
    report = preprocess([source], tmp_path / "out", replace(PLAIN, format="text", valid_share=0))
    dataset = Dataset.load(tmp_path / "out")
    ids, start = dataset.train.sequence(0)
    assert dataset.vocab.decode(ids) == "[BODY]It was the best of times.\nIt was the worst of times.[END]"
    assert start == 0 and report["forms"] == {"text": 1}


def speeches(count: int) -> str:
    """A play: the same few names before speeches of which no two are alike."""
    lines = (f"{('Ophelia', 'First Clown')[n % 2]}:\nWord {n} and word {7 * n}, my lord.\n\n" for n in range(count))
    return "".join(lines)


def test_the_end_of_a_long_text_is_held_out(tmp_path: Path) -> None:
    play = speeches(800).strip("\n")
    source = tmp_path / "play.txt"
    source.write_text(play, encoding="utf-8")
    report = preprocess([source], tmp_path / "out", replace(PLAIN, format="text", valid_share=0.1))
    dataset = Dataset.load(tmp_path / "out")

    def text(split: Split) -> str:
        return "".join(dataset.vocab.decode(split.fields(i)["body"]) for i in range(len(split)))

    assert text(dataset.train) + text(dataset.valid) == play, "in order, and nothing lost"
    assert 0.05 < len(text(dataset.valid)) / len(play) < 0.15
    assert report["forms"] == {"text": len(dataset.train) + len(dataset.valid)}


def test_a_large_text_of_few_characters_keeps_them_all(tmp_path: Path) -> None:
    source = tmp_path / "play.txt"
    source.write_text(speeches(26_000) + "Zounds, & $3!", encoding="utf-8")
    report = preprocess([source], tmp_path / "out", replace(PLAIN, format="text", min_count=0))
    assert report["characters"] > 1_000_000
    assert (report["min_count"], report["unknown_tokens"]) == (1, 0)


def test_more_characters_than_two_bytes_can_count(tmp_path: Path) -> None:
    points = [*range(0x3400, 0x4DB0), *range(0x4E00, 0x9FFF), *range(0x20000, 0x2A6D0)]
    points.remove(ord("囗"))  # which stands for a lost character
    assert len(points) > 1 << 16
    lines = ["".join(map(chr, points[at : at + 7])) for at in range(0, len(points), 7)]
    poems = [{"title": "", "content": "，".join(lines[at : at + 100]) + "。"} for at in range(0, len(lines), 100)]
    dataset, _ = prepare(tmp_path, poems, script="keep")
    assert dataset.train.tokens.dtype == np.uint32
    assert sorted(bodies(dataset)) == sorted(poem["content"] for poem in poems)
    assert {dataset.train.stream.dtype} == {np.dtype(np.uint32)}


# Duplicates and the split ----------------------------------------------------------------------------------------


def test_duplicates_are_dropped_and_counted(tmp_path: Path) -> None:
    a, b = make_poem(1), make_poem(5)  # both of four lines of seven
    lines = clauses(body_of(a))
    same = {"title": "又", "content": "。".join(lines) + "！"}
    near = {"title": "又", "content": "，".join([*lines[:3], clauses(body_of(b))[0]]) + "。"}
    half = {"title": "又", "content": "，".join([*lines[:2], *clauses(body_of(b))[:2]]) + "。"}
    dataset, report = prepare(tmp_path, [a, same, near, half, b])
    assert sorted(bodies(dataset)) == sorted([body_of(a), body_of(b), half["content"]])
    assert {name: tally["poems"] for name, tally in report["dropped"].items()} == {
        "exact duplicate": 1,
        "near duplicate": 1,
    }
    assert report["dropped"]["exact duplicate"]["examples"][0]["origin"].endswith("poems.jsonl, line 2")
    assert report["train"]["poems"] + report["valid"]["poems"] == 3


def borrowing(count: int) -> list[Poem]:
    """Poems of which every third takes a line from the one before it."""
    poems = [make_poem(4 * number + 1) for number in range(count)]
    for number in range(2, count, 3):
        borrowed = clauses(body_of(poems[number - 1]))[0]
        own = clauses(body_of(poems[number]))
        poems[number]["content"] = "，".join([borrowed, *own[1:]]) + "。"
    return poems


def test_poems_that_share_lines_are_on_one_side(tmp_path: Path) -> None:
    dataset, report = prepare(tmp_path, borrowing(300))
    sides = [
        {line for body in texts(dataset, split, "body") for line in clauses(body)}
        for split in (dataset.train, dataset.valid)
    ]
    assert not sides[0] & sides[1]
    assert report["leak_check"]["shared_lines"] == 0
    assert report["leak_check"]["largest_family"] == 2
    assert 30 < len(dataset.valid) < 90
    borrowed = [body for body in texts(dataset, dataset.valid, "body") if body.count("，") == 3]
    assert borrowed, "some of the poems that share a line are in validation"


def test_the_leak_check_sees_a_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "kinships", lambda clauses, count: np.arange(count))
    _, report = prepare(tmp_path, borrowing(300))
    assert report["leak_check"]["shared_lines"] > 0


def test_the_side_of_a_poem_does_not_depend_on_the_others(tmp_path: Path) -> None:
    poems = [make_poem(number) for number in range(200)]
    draw = random.Random(1)
    more = [make_poem(number) for number in range(1000, 1150)] + poems[::2]
    draw.shuffle(more)
    first, _ = prepare(tmp_path / "first", poems)
    second, _ = prepare(tmp_path / "second", more, valid_share=0.2)
    sides = [
        {body: name for name in ("train", "valid") for body in texts(data, getattr(data, name), "body")}
        for data in (first, second)
    ]
    common = sides[0].keys() & sides[1].keys()
    assert len(common) == 100
    assert {sides[0][body] for body in common} == {"train", "valid"}
    assert all(sides[0][body] == sides[1][body] for body in common)


def held_out(dataset: Dataset) -> list[str]:
    """The lines of validation, of five characters or more, that stand in training too."""
    sides = [
        [line for body in texts(dataset, split, "body") for line in clauses(body) if len(line) >= 5]
        for split in (dataset.train, dataset.valid)
    ]
    return [line for line in sides[1] if line in set(sides[0])]


def test_the_leak_check_compares_plain_text_line_by_line(tmp_path: Path) -> None:
    """A text whose end takes up every second line, in other passages and between other lines."""
    lines = [f"The heron stood {number} hours in the cold water and the river went by." for number in range(400)]
    end = [
        line
        for number in range(0, 400, 2)
        for line in (lines[number], f"And {number} more birds came down the river to it that day.")
    ]
    source = tmp_path / "verse.txt"
    source.write_text("\n".join([*lines, *end]), encoding="utf-8")
    report = preprocess([source], tmp_path / "out", replace(PLAIN, format="text"))
    leaks = held_out(Dataset.load(tmp_path / "out"))
    assert report["leak_check"]["shared_lines"] == len(leaks) > 50
    assert report["leak_check"]["valid_lines"] > len(leaks)


def test_a_poem_in_a_text_is_known_again(tmp_path: Path) -> None:
    """Lines of a table stand in a text as well."""
    poems = [make_poem(4 * number + 1) for number in range(60)]
    table = write(tmp_path / "poems.jsonl", poems)
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"  {body_of(poem)}" for poem in poems), encoding="utf-8")
    preprocess([table], tmp_path / "table", replace(PLAIN, valid_share=0.3))
    preprocess([text], tmp_path / "text", replace(PLAIN, format="text", valid_share=0))
    assert not held_out(Dataset.load(tmp_path / "table"))
    report = preprocess([table, text], tmp_path / "out", replace(PLAIN, valid_share=0.3))
    assert report["leak_check"]["shared_lines"] == len(held_out(Dataset.load(tmp_path / "out")))


def test_a_text_that_repeats_itself_is_not_validated_with(tmp_path: Path) -> None:
    lines = [f"The heron stood {number} hours in the cold water and the river went by." for number in range(400)]
    source = tmp_path / "twice.txt"
    source.write_text("\n".join([*lines, "An odd line between the two.", *lines]), encoding="utf-8")
    report = preprocess([source], tmp_path / "out", replace(PLAIN, format="text"))
    dataset = Dataset.load(tmp_path / "out")
    assert report["leak_check"]["repeated_passages"] > 0 == report["leak_check"]["shared_lines"] == len(dataset.valid)


# Sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_corpus_of_three_poems(tmp_path: Path) -> None:
    dataset, report = prepare(tmp_path, [make_poem(number) for number in range(3)])
    assert report["train"]["poems"] + report["valid"]["poems"] == 3
    config = replace(TINY, batch_size=2, epochs=1)
    for _ in Trainer(dataset, config, tmp_path / "run").run():
        pass
    loaded = Checkpoint.load(tmp_path / "run")
    (poem,) = Sampler(loaded.model, loaded.vocab).samples([(Request("春"), SampleConfig(seed=1))])
    assert len(poem.text) == 64 and set(poem.text) <= set(CHARACTERS + "李白杜甫苏轼" + PUNCTUATION)


def test_training_is_never_left_without_a_poem(tmp_path: Path) -> None:
    dataset, _ = prepare(tmp_path, [make_poem(number) for number in range(3)], valid_share=0.999)
    assert (len(dataset.train), len(dataset.valid)) == (3, 0)


def test_only_a_large_corpus_loses_its_rare_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poems = [make_poem(number) for number in range(20)]
    assert prepare(tmp_path, poems, min_count=0)[1]["unknown_tokens"] == 0
    monkeypatch.setattr(module, "_LARGE", 100)
    assert prepare(tmp_path, poems, min_count=0)[1]["unknown_tokens"] == 0, "an alphabet is kept whole"
    monkeypatch.setattr(module, "_DIVERSE", 10)
    first, second = (prepare(tmp_path, poems, min_count=count)[1] for count in (0, 5))
    assert first["unknown_tokens"] > 0 and first["fingerprint"] == second["fingerprint"]


def test_without_validation_poems(tmp_path: Path) -> None:
    dataset, report = prepare(tmp_path, [make_poem(number) for number in range(9)], valid_share=0.0)
    assert (len(dataset.train), len(dataset.valid), report["valid"]["tokens"]) == (9, 0, 0)


def test_a_min_count_that_leaves_no_character(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--min-count 1000: no character comes as often"):
        prepare(tmp_path, [make_poem(1)], min_count=1000)
    assert not (tmp_path / "out").exists()


def test_limit_draws_from_all_files(tmp_path: Path) -> None:
    """Whatever their order; a greater limit adds to what a smaller one has."""
    for name in "abc":
        write(tmp_path / f"{name}.jsonl", [make_poem(number) for number in range(ord(name) * 30, ord(name) * 30 + 30)])

    def drawn(*names: str, **options: Any) -> tuple[set[str], dict[str, Any]]:
        sources = [tmp_path / f"{name}.jsonl" for name in names]
        report = preprocess(sources, tmp_path / "out", replace(PLAIN, **options), overwrite=True)
        return set(bodies(Dataset.load(tmp_path / "out"))), report

    some, report = drawn("a", "b", "c", limit=15)
    assert drawn("c", "a", "b", limit=15)[0] == some
    of_file = Counter(
        index // 30 for index, body in enumerate(map(body_of, map(make_poem, range(2910, 3000)))) if body in some
    )
    assert len(of_file) == 3 and sum(of_file.values()) == 15
    assert some < drawn("a", "b", "c", limit=20)[0]
    assert drawn("a", "b", "c", limit=15, seed=1)[0] != some
    assert (report["read"], report["kept"], report["dropped"]["not drawn by --limit"]["poems"]) == (90, 15, 75)
    assert report["characters"] == sum(map(len, some))
    everything, report = drawn("a", "b", "c", limit=1000)
    assert len(everything) == 90 and not report["dropped"]


def test_what_is_drawn_has_its_keywords(tmp_path: Path) -> None:
    dataset, _ = prepare(tmp_path, [make_poem(number) for number in range(60)], limit=20)
    keywords = [words for split in (dataset.train, dataset.valid) for words in texts(dataset, split, "keywords")]
    assert len(keywords) == 20 and all(keywords)


def test_the_report_adds_up(corpus: Path, prepared: Path) -> None:
    report = json.loads((prepared / "report.json").read_text(encoding="utf-8"))
    dataset = Dataset.load(prepared)
    assert report["read"] == 60 == report["kept"]
    assert report["sources"] == [str(corpus)]
    assert report["fingerprint"] == dataset.fingerprint
    assert report["vocabulary"] == len(dataset.vocab)
    for name in ("train", "valid"):
        split = getattr(dataset, name)
        assert report[name] == {"poems": len(split), "tokens": len(split.tokens)}
    assert sum(report["forms"].values()) == sum(report["dynasties"].values()) == 60
    assert set(report["forms"]) <= {*forms.FORMS, "text"}
    assert report["characters"] == sum(map(len, bodies(dataset)))


# What can go wrong -----------------------------------------------------------------------------------------------


def test_a_corpus_without_poems_says_why_and_touches_nothing(tmp_path: Path) -> None:
    prepare(tmp_path, [make_poem(1)])
    before = files(tmp_path / "out")
    bad = write(
        tmp_path / "bad.jsonl", [{"title": "春", "content": "春，"}, {"title": "夏", "content": "□□□□□，□□□□□。"}]
    )
    with pytest.raises(SourceError, match=r"bad.jsonl: no poem in it could be kept \(.*1 too short") as error:
        preprocess([bad], tmp_path / "out", PLAIN, overwrite=True)
    assert "\n" not in str(error.value)
    assert files(tmp_path / "out") == before


def test_a_broken_source_among_good_ones_touches_nothing(tmp_path: Path) -> None:
    prepare(tmp_path, [make_poem(1)])
    before = files(tmp_path / "out")
    broken = tmp_path / "broken.jsonl"
    broken.write_text(json.dumps(make_poem(2)) + '\n{"title": \n', encoding="utf-8")
    for jobs in (1, 2):
        with pytest.raises(SourceError, match="broken.jsonl"):
            preprocess([tmp_path / "poems.jsonl", broken], tmp_path / "out", replace(PLAIN, jobs=jobs), overwrite=True)
    assert files(tmp_path / "out") == before


def test_a_dataset_of_another_corpus_is_not_overwritten_unasked(tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{name}.jsonl", [make_poem(number)]) for number, name in enumerate("ab"))
    out = tmp_path / "out"
    preprocess([first], out, PLAIN)
    before = files(out)
    with pytest.raises(UsageError, match=r"out holds a dataset of .*a\.jsonl: --out DIR .*, --overwrite replaces it"):
        preprocess([second], out, PLAIN)
    with pytest.raises(UsageError, match="holds a dataset"):
        preprocess([first, second], out, PLAIN)
    assert files(out) == before
    preprocess([first], out, PLAIN)
    assert files(out) == before, "the same may be repeated"
    preprocess([tmp_path / "." / "a.jsonl"], out, replace(PLAIN, script="keep"))  # with other options too
    assert preprocess([second], out, PLAIN, overwrite=True)["sources"] == [str(second)]
    (out / "report.json").unlink()
    with pytest.raises(UsageError, match="out holds a dataset: --out DIR"):
        preprocess([second], out, PLAIN)


def test_a_checkpoint_is_never_overwritten(tmp_path: Path, tiny: Path) -> None:
    source = write(tmp_path / "a.jsonl", [make_poem(1)])
    before = files(tiny)
    with pytest.raises(UsageError, match="holds a checkpoint: give --out another folder"):
        preprocess([source], tiny, PLAIN, overwrite=True)
    assert files(tiny) == before


@pytest.mark.slow
def test_errors_in_workers_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_TASK_BYTES", 1)
    write(tmp_path / "a.jsonl", [make_poem(1)])
    (tmp_path / "b.jsonl").write_text('{"title": \n', encoding="utf-8")
    with pytest.raises(SourceError, match="b.jsonl"):
        preprocess([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "out", replace(PLAIN, jobs=2))


def test_a_full_disk_leaves_no_dataset_that_looks_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "poems.jsonl", [make_poem(1)])

    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(SaveError, match="No space left on device"):
        preprocess([source], tmp_path / "out", PLAIN)
    with pytest.raises(DatasetError):
        Dataset.load(tmp_path / "out")


def test_progress_runs_from_nothing_to_all(tmp_path: Path) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}
    source = write(tmp_path / "poems.jsonl", [make_poem(number) for number in range(20)])
    preprocess(
        [source], tmp_path / "out", PLAIN, lambda stage, done, total: seen.setdefault(stage, []).append((done, total))
    )
    assert list(seen) == ["reading", "comparing", "encoding", "learning tunes and lines"]
    size = source.stat().st_size
    assert seen["reading"][0] == (0, size) and seen["reading"][-1] == (size, size)
    assert seen["reading"] == sorted(seen["reading"])


def test_a_large_file_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_GROUP", 50)
    source = write(tmp_path / "poems.jsonl", [make_poem(number) for number in range(400)])
    shares: list[float] = []
    preprocess(
        [source],
        tmp_path / "out",
        PLAIN,
        lambda stage, done, total: shares.append(done / total) if stage == "reading" else None,
    )
    for eighth in range(1, 8):
        assert any(abs(share - eighth / 8) < 0.1 for share in shares), "poem by poem, and not at the end"


def test_every_id_is_one_of_the_vocabulary(prepared: Path) -> None:
    dataset = Dataset.load(prepared)
    for split in (dataset.train, dataset.valid):
        assert 1 < int(split.tokens.min()) and int(split.tokens.max()) < len(dataset.vocab)
        assert not np.isin(split.tokens, [dataset.vocab.id(token) for token in CONTROL if token != "[SEP]"]).any()
    assert Vocab.load(prepared / "vocab.json") == dataset.vocab


def test_a_small_corpus_holds_out_enough_to_judge_by(corpus: Path, tmp_path: Path) -> None:
    """A fiftieth of sixty poems is one, by whose perplexity nothing can be said."""
    counts = preprocess([corpus], tmp_path / "usual", PreprocessConfig(min_count=1, jobs=1))
    assert 3 <= counts["valid"]["poems"] <= 12
    none = preprocess([corpus], tmp_path / "none", PreprocessConfig(min_count=1, valid_share=0, jobs=1))
    assert none["valid"]["poems"] == 0
