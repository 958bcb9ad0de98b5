"""The Python interface."""

import json
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import poetgen
from poetgen.corpus.poems import read_poems
from poetgen.data.dataset import split_of
from poetgen.data.vocab import Vocab
from poetgen.errors import CheckpointError, PoetgenError, SourceError, UsageError
from poetgen.judging.likelihood import tally_poems
from poetgen.poet import Poet
from poetgen.writing.request import Request


@pytest.fixture(scope="module")
def poet(tiny: Path) -> Poet:
    return poetgen.load(tiny)


def test_importing_poetgen_loads_nothing_heavy() -> None:
    code = "import poetgen, sys; print([m for m in ('torch', 'numpy', 'rich', 'typer') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_names_of_the_package() -> None:
    assert set(poetgen.__all__) == set(dir(poetgen))
    for name in poetgen.__all__:
        assert getattr(poetgen, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = poetgen.lode
    assert (Path(str(poetgen.__file__)).parent / "py.typed").exists()


# Loading ---------------------------------------------------------------------------------------------------------


def test_load_takes_the_newest_checkpoint(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "mine").symlink_to(tiny)
    assert poetgen.load().checkpoint.path == Path("checkpoints/mine")


def test_load_says_what_is_wrong(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        poetgen.load(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="^device='toaster': not available here .*; try device='cpu' or auto"):
        poetgen.load(tiny, device="toaster")
    with pytest.raises(CheckpointError, match="no such checkpoint folder"):
        poetgen.load("春" * 3000)  # which no system opens
    for options in ({"device": "\x1b[31m"}, {"path": "\x1b[31m"}):
        with pytest.raises(PoetgenError) as error:
            poetgen.load(**options)  # type: ignore[arg-type]
        assert "\x1b" not in str(error.value) and r"\u001b[31m" in str(error.value)


# Writing ---------------------------------------------------------------------------------------------------------


def test_a_poem_can_be_written_again(poet: Poet) -> None:
    first = poet.write("春夜", seed=3)
    assert len(first.text) == 64
    assert first == poet.write("春夜", seed=3)
    assert first.text != poet.write("春夜", seed=4).text
    assert poet.write("春夜", seed=first.config.seed) == first


def test_without_a_seed_each_poem_is_another_and_can_be_repeated(poet: Poet) -> None:
    first, second = poet.write("春夜"), poet.write("春夜")
    assert first.text != second.text
    assert poet.write("春夜", seed=first.config.seed).text == first.text


def test_poems_come_in_the_order_of_the_titles(poet: Poet) -> None:
    titles = ["春", "夏", "秋", "冬"] * 5
    poems = list(poet.sample(titles, num=2, seed=1, form="free", length=20, candidates=1))
    assert [poem.request.title for poem in poems] == [title for title in titles for _ in range(2)]
    different = len({poem.text for poem in poems})
    assert different > len(poems) / 2, "equal titles give different poems, but for the shortest"
    assert poems[0] == poet.write("春", seed=1, form="free", length=20, candidates=1), "a poem is the same alone"


def test_print_and_notebooks_show_the_poem(poet: Poet) -> None:
    poem = poet.write("春夜", seed=1, form="五绝", author="李白")
    assert str(poem).split("\n") == ["春夜", "拟李白", *poem.lines] and len(poem.lines) == 2
    page = poem._repr_html_()
    assert all(line in page for line in ("春夜", "拟李白", *poem.lines)) and "Sample(" not in page
    assert str(replace(poem, request=Request())) == "\n".join(poem.lines), "without a title, the verse alone"


def test_what_shows_a_poem_keeps_its_stanzas_and_is_no_markup_of_its_own(poet: Poet) -> None:
    poem = poet.write("春", seed=1, form="五绝")
    song = replace(poem, text="春风。夏雨。秋月。", breaks=(6,))
    assert str(song) == "春\n春风。\n夏雨。\n\n秋月。"
    assert "夏雨。</p>" in song._repr_html_()
    modern = replace(poem, text="夜\n风\n\n<b>雨", request=Request("<i>"))
    assert str(modern) == "<i>\n夜\n风\n\n<b>雨"
    assert "<b>雨" not in modern._repr_html_() and "&lt;i&gt;" in modern._repr_html_()


def test_every_option_reaches_the_request(poet: Poet) -> None:
    poem = poet.write(
        "春夜",
        seed=1,
        form="五绝",
        dynasty="唐朝",
        author="李白",
        keywords=["明月", "酒"],
        top_k=3,
        top_p=0.9,
        temperature=0.5,
    )
    assert poem.request == Request("春夜", "五绝", "唐", "李白", ("明月", "酒"))
    assert (poem.config.top_k, poem.config.top_p, poem.config.temperature) == (3, 0.9, 0.5)
    assert len(poem.text) == 24


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "十四行诗"}, "form='十四行诗': no such form"),
        ({"dynasty": "Tudor"}, "dynasty='Tudor': not known"),
        ({"length": 0}, "length=0: give"),
        ({"top_k": 0}, "top_k=0: give"),
        ({"top_p": 1.5}, "top_p=1.5: give"),
        ({"temperature": -1}, "temperature=-1: give"),
        ({"seed": -1}, "seed=-1: give"),
        ({"top_k": 10**30}, "top_k=1e+30: give a number of at most"),
        ({"length": 10**30}, "length=1e+30: give a number of at most"),
        ({"length": 10**400}, "length=a number beyond all bounds: give a number of at most 100,000"),
        ({"candidates": 10**9}, "candidates=1000000000: give a number of at most 1,000"),
        ({"temprature": 1.0}, "temprature: no such option; choose of form, dynasty"),
        ({"acrostic": "（春夏）秋冬"}, "acrostic='（春夏）秋冬': （ ） is no character"),
        ({"acrostic": "👍"}, "acrostic='👍': 👍 is no character"),
        ({"acrostic": " "}, "acrostic=' ': give the characters"),
        ({"author": "李" * 101}, "author of 101 characters"),
    ],
)
def test_wrong_options_are_named(poet: Poet, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        poet.write("春夜", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("title", "fitted", "note"),
    [
        ("春夜", "春夜", None),
        ("", "", None),
        ("   ", "", "nothing is left"),
        ("春風雲", "春风云", None),  # traditional
        ("春,夜", "春，夜", None),  # half-width
        ("🌸春🎉", "春", "left out 🌸 🎉"),
        ("🌸", "", "left out 🌸"),
        ("Spring 春", "春", "left out"),
        ("龘春", "龘春", "龘 is not in the model's vocabulary and is read as [UNK]"),
        ("\x1b[31m春\udcff\0", "春", "left out"),
    ],
)
def test_titles_of_every_kind(poet: Poet, title: str, fitted: str, note: str | None) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        poem = poet.write(title, seed=1, length=24)
    assert poem.request.title == fitted
    assert len(poem.text) == 24
    assert [str(one.message) for one in said] == [] if note is None else note in str(said[0].message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": 5}, "form=5: give text"),
        ({"dynasty": ["唐"]}, "dynasty=['唐']: give text"),
        ({"author": b"x"}, "author=b'x': give text"),
        ({"rhyme": True}, "rhyme=True: give text"),
        ({"tones": 0}, "tones=0: give text"),
        ({"acrostic": ["春"]}, "acrostic=['春']: give text"),
        ({"keywords": 3}, "keywords=3: give a list of words, or text"),
        ({"keywords": [3]}, "keywords=[3]: give a list of words, or text"),
        ({"keywords": b"x"}, "keywords=b'x': give a list of words, or text"),
        ({"seed": 1.5}, "seed=1.5: give a whole number"),
        ({"seed": 1.0}, "seed=1.0: give a whole number"),
        ({"seed": True}, "seed=True: give a whole number"),
        ({"seed": "7"}, "seed='7': give a whole number"),
        ({"top_k": "40"}, "top_k='40': give a whole number"),
        ({"length": 24.0}, "length=24.0: give a whole number"),
        ({"candidates": [1]}, "candidates=[1]: give a whole number"),
        ({"lines": "8"}, "lines='8': give a whole number"),
        ({"top_p": "all"}, "top_p='all': give a number"),
        ({"temperature": 1j}, "temperature=1j: give a number"),
        ({"temperature": 10**400}, "temperature=a number beyond all bounds: give a smaller number"),
    ],
)
def test_options_of_the_wrong_type_are_named(poet: Poet, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match="^" + re.escape(message)):
        poet.write("春夜", **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="^" + re.escape(message)):
        poet.sample(["春夜"], **options)  # type: ignore[arg-type]


def test_titles_and_their_number_of_the_wrong_type_are_named(poet: Poet) -> None:
    for title in (None, 3, b"x", ["春"]):
        with pytest.raises(UsageError, match="^" + re.escape(f"title={title!r}: give text")):
            poet.write(title)  # type: ignore[arg-type]
    for titles in ("春夜", None, 3):
        with pytest.raises(UsageError, match=f"^titles={titles!r}: give a list of titles"):
            poet.sample(titles)  # type: ignore[arg-type]
    for num in ("2", 1.0, -1, True):
        with pytest.raises(UsageError, match="^num=.*: give a whole number of at least 0"):
            poet.sample(["春"], num=num)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="^text=None: give text"):
        poet.score(None)  # type: ignore[arg-type]
    assert list(poet.sample(["春"], num=0)) == []


def test_numbers_of_numpy_are_numbers(poet: Poet) -> None:
    plain = poet.write("春", seed=3, length=24, top_k=5, temperature=0.5, candidates=2)
    numpy = poet.write(
        "春",
        seed=np.int64(3),
        length=np.int32(24),
        top_k=np.uint8(5),
        temperature=np.float32(0.5),
        candidates=np.int8(2),
    )
    assert numpy == plain and json.dumps(numpy.record()) == json.dumps(plain.record())
    assert [poem.number for poem in poet.sample(["春"], num=np.int64(2), seed=1, candidates=1)] == [0, 1]


def test_keywords_are_words(poet: Poet) -> None:
    for keywords in ("明月、酒", ["明月", "酒"], ("明月", "酒")):
        assert poet.write("春", seed=1, candidates=1, keywords=keywords).request.keywords == ("明月", "酒")
    assert poet.write("春", seed=1, candidates=1, keywords="明月").request.keywords == ("明月",)


def test_options_that_are_none_have_their_defaults(poet: Poet) -> None:
    nothing = dict.fromkeys(poetgen.writing.request.Options.__annotations__, None)
    assert poet.write("春", **(nothing | {"seed": 1})) == poet.write("春", seed=1)


def test_every_option_is_told_in_the_docstring() -> None:
    for name in poetgen.writing.request.Options.__annotations__:
        assert re.search(rf"\b{name}\b", Poet.write.__doc__ or "")
        assert f"`{name}`" in (poetgen.writing.request.Options.__doc__ or "")


def test_errors_name_what_python_knows(poet: Poet) -> None:
    """Options beside the one that is wrong too, and what comes up on the way."""
    with pytest.raises(UsageError, match="^tones='loose': choose strict or off$"):
        poet.write("春", tones="loose")
    with pytest.raises(UsageError, match="; give form='七律', or leave form out$"):
        poet.write("春", form="七绝", acrostic="春夏秋冬山")
    poems = poet.sample(["春", "春" * 101, "秋"], seed=1, candidates=1)
    with pytest.raises(UsageError, match="a title of 101 characters"):
        list(poems)
    job, _ = poet.job("春", seed=1)
    with pytest.raises(UsageError, match="^form='无此调': no such form"):
        list(poet.samples([job._replace(request=replace(job.request, form="无此调"))]))


def test_a_record_tells_the_checkpoint(poet: Poet) -> None:
    (poem,) = poet.sample(["春"], seed=1, candidates=1)
    assert poem.record()["checkpoint"] == poet.write("春", seed=1).record()["checkpoint"] == poet.checkpoint.id != ""
    assert poem.record("another")["checkpoint"] == "another"


def test_warnings_point_at_the_line_that_asked(poet: Poet) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first = sys._getframe().f_lineno + 1
        poet.write("🌸春", seed=1, candidates=1)
        list(poet.sample(["🌸夏"], seed=1, candidates=1))
        for _ in poet.sample(["秋", "🌸冬"], seed=1, candidates=1):
            pass
        poems = poet.sample(["🌸山"], seed=1, candidates=1)
        next(poems)
        {poem.text for poem in poet.samples(poet.job("春", seed=1)[:1])}
    assert [(Path(warning.filename).name, warning.lineno - first) for warning in caught] == [
        (Path(__file__).name, place) for place in (0, 1, 2, 5)
    ]
    assert all("left out 🌸" in str(warning.message) for warning in caught)


def test_an_endless_title_is_refused(poet: Poet) -> None:
    with pytest.raises(UsageError, match="a title of 10000 characters: give at most 100"):
        poet.write("春" * 10_000)


def test_nothing_but_text_is_ever_written(poet: Poet) -> None:
    poems = poet.sample(["春夜"] * 20, seed=1, temperature=5.0, top_k=10_000)
    assert not {char for poem in poems for char in poem.text} & set("[]PADUNK")


# Scoring ---------------------------------------------------------------------------------------------------------

POEM = "春夏秋冬风，花雪月山水。云雨江河湖，海天地日夜。"


def test_score_agrees_with_evaluate(poet: Poet, tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text(f"春夜:{POEM}\n", encoding="utf-8")
    figures = poet.score(POEM, title="春夜")
    poems, _ = read_poems(path, "simplified")
    assert figures == tally_poems(poet.checkpoint, split_of(poems, poet.vocab)).figures()
    assert (figures["characters"], figures["tokens"], figures["unknown"]) == (20, 25, 0)
    assert figures["ppl_char"] != poet.score(POEM)["ppl_char"], "the title is told to the model"


def test_score_folds_what_it_is_given(poet: Poet) -> None:
    assert poet.score("春夏秋冬風,\n花雪月山水.\n雲雨江河湖，海天地日夜。") == poet.score(POEM)


def test_unknown_characters_are_charged(poet: Poet) -> None:
    assert poet.score(POEM.replace("春", "龘"))["unknown"] == 1


def test_there_must_be_something_to_score(poet: Poet) -> None:
    with pytest.raises(SourceError, match="no verse"):
        poet.score("  ")
    assert issubclass(SourceError, PoetgenError)


def test_the_script_of_a_vocabulary() -> None:
    assert Vocab.build({"国": 1}).script == "simplified"
    assert Vocab.build({"國": 1}).script == "traditional"
    assert Vocab.build({"国": 1, "國": 1}).script == Vocab.build({"a": 1}).script == "keep"
