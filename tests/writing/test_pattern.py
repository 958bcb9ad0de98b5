"""What is given of a poem: lines, places, words and feet, in every form, and what is said where it cannot be had."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poetgen.config import SampleConfig
from poetgen.data.sequence import CONTROL, GAP, HELD, RHYME
from poetgen.data.vocab import Vocab
from poetgen.errors import UsageError
from poetgen.network.model import PoetModel
from poetgen.prosody import SHAPES, check
from poetgen.prosody.feet import feet
from poetgen.text import LOST, clauses
from poetgen.writing.constraint import Constraint, constrain
from poetgen.writing.masks import Masks
from poetgen.writing.pattern import overlaid, parse_pattern
from poetgen.writing.placing import with_words
from poetgen.writing.planning import Plan, plan
from poetgen.writing.population import Population, systematic
from poetgen.writing.request import Request
from poetgen.writing.rhyme_choice import rhyme_like
from poetgen.writing.sample import Job, Sample
from poetgen.writing.sampler import Sampler

VOCAB = Vocab.load(Path(__file__).parents[2] / "checkpoints" / "tang-song" / "vocab.json")
MASKS = Masks(VOCAB)
POEMS = {
    "五绝": "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
    "七绝": "朝辞白帝彩云间，千里江陵一日还。两岸猿声啼不住，轻舟已过万重山。",
    "五律": "国破山河在，城春草木深。感时花溅泪，恨别鸟惊心。烽火连三月，家书抵万金。白头搔更短，浑欲不胜簪。",
    "如梦令": "昨夜雨疏风骤，浓睡不消残酒。试问卷帘人，却道海棠依旧。知否，知否，应是绿肥红瘦。",
}


def walk(machine: Constraint, draw: random.Random) -> str:
    """A poem of characters that the machine allows, drawn alike."""
    machine, text = machine.copy(), ""
    while not machine.done:
        row = machine.mask()
        ids = np.setdiff1d(np.flatnonzero(MASKS.table[row]), [*machine.banned(), MASKS.end])
        assert len(ids), f"no way on after {text}"
        token = int(ids[draw.randrange(len(ids))])
        machine.push(token)
        text += VOCAB.tokens[token]
    return text


def written(request: Request, seed: int = 1, length: int = 64) -> tuple[Plan, str]:
    planned = plan(request, length)
    placed = with_words(planned, np.random.default_rng(seed))
    machine, note = constrain(placed, MASKS)
    assert note == ""
    return placed, walk(machine, random.Random(seed))


def refusal(request: Request, length: int = 64) -> str:
    with pytest.raises(UsageError) as caught:
        written(request, length=length)
    return str(caught.value)


def with_gaps(text: str, draw: random.Random, share: float) -> str:
    return "".join(LOST if char not in "，。" and draw.random() < share else char for char in text)


# Patterns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", POEMS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_what_is_given_of_a_poem_stays_and_the_rest_is_of_its_form(form: str, share: float) -> None:
    for seed in range(4):
        pattern = with_gaps(POEMS[form], random.Random(seed), share)
        planned, text = written(Request(form=form, pattern=pattern), seed)
        assert len(text) == len(pattern)
        assert all(asked in (LOST, char) for asked, char in zip(pattern, text, strict=True))
        assert planned.form == form
        if form in SHAPES:
            verdict = check(clauses(text), form)
            assert verdict.form and verdict.rhyme and verdict.meter, text


@pytest.mark.slow
@settings(max_examples=60)
@given(
    form=st.sampled_from([*SHAPES]),
    seed=st.integers(0, 2**32),
    places=st.integers(1, 12),
    off=st.sampled_from(["", "tones", "rhyme"]),
)
def test_any_characters_at_any_places_are_held_or_refused(form: str, seed: int, places: int, off: str) -> None:
    draw = random.Random(seed)
    count, length = SHAPES[form]
    lines = [[LOST] * length for _ in range(count)]
    for _ in range(places):
        lines[draw.randrange(count)][draw.randrange(length)] = draw.choice("春夏秋冬风花雪月山水看过东红时重一不相思空")
    pattern = " ".join("".join(line) for line in lines)
    request = Request(form=form, pattern=pattern, **{off: "off"} if off else {})
    try:
        _, text = written(request, seed)
    except UsageError as error:
        assert "give another" in str(error) or "give others" in str(error)
        return
    for asked, line in zip(lines, clauses(text), strict=True):
        assert all(char in (LOST, found) for char, found in zip(asked, line, strict=True))
    if not off:
        verdict = check(clauses(text), form)
        assert verdict.form and verdict.rhyme and verdict.meter, text


@pytest.mark.parametrize(
    ("pattern", "form"),
    [
        ("□□明□□，_____。___ __，".replace(" ", "") + "□□□□□。", "五绝"),
        ("_" * 56, "七律"),
        (" ".join(["□" * 5] * 12), "五排"),
        ("床前明月光，疑是地上霜。□□□□□，□□□□□。", "五古"),
        pytest.param("□□□□□□ □□□□□□ □□□□□ □□□□□□ □□ □□ □□□□□□", "如梦令", marks=pytest.mark.slow),
    ],
)
def test_a_pattern_tells_its_form(pattern: str, form: str) -> None:
    planned = plan(Request(pattern=pattern), 64)
    assert planned.form == form
    assert (form == "五古") == ("--form 五古: taken, for 五绝 cannot hold" in planned.note)


def test_free_holds_the_lines_and_their_marks_alone() -> None:
    _, text = written(Request(form="free", pattern="___！月__？ ___ __酒"))
    assert [len(line) for line in clauses(text)] == [3, 3, 3, 3]
    assert text[3] == "！" and text[4] == "月" and text[7] == "？" and text[-2] == "酒"


def test_words_without_a_form_to_stand_in_are_told_to_colour_it_alone() -> None:
    note = plan(Request(form="free", keywords=("明月",)), 64).note
    assert note.startswith("--keywords 明月: they colour the poem, and need not stand in it")


def test_free_goes_on_from_any_text() -> None:
    _, text = written(Request(form="free", begin="把酒问青天，明月"))
    assert text.startswith("把酒问青天，明月") and len(text) == 64


def test_marks_that_are_given_stay() -> None:
    _, text = written(Request(form="五绝", begin="君自故乡来？应知故乡事！", tones="off", rhyme="off"))
    assert text.startswith("君自故乡来？应知故乡事！")


# Beginnings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "length", "form"),
    [
        ("白日依山尽，", 64, "五律"),
        ("白日依山尽", 24, "五绝"),
        ("朝辞白帝彩云间，千里", 64, "七律"),
        ("朝辞白帝", 64, "七律"),
        (POEMS["五绝"], 24, "五律"),
        (POEMS["五律"], 48, "五排"),
        ("床前明月光，疑是地上霜。", 24, "五古"),
    ],
)
def test_a_poem_goes_on_from_its_beginning(begin: str, length: int, form: str) -> None:
    planned, text = written(Request(begin=begin), length=length)
    assert text.startswith(begin) and planned.form == form
    assert len(text) > len(begin), "there is something to go on with"


def test_an_old_form_does_not_end_before_what_is_given() -> None:
    begin = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。" * 3
    _, text = written(Request(form="五古", begin=begin, rhyme="off"))
    assert text.startswith(begin)


# Feet ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chars", "form", "lines"),
    [("灰来台杯", "七律", [2, 4, 6, 8]), ("灰来台杯开", "七律", [1, 2, 4, 6, 8]), ("灰来", "七绝", [2, 4])],
)
def test_feet_stand_at_the_ends_of_the_lines_that_rhyme(chars: str, form: str, lines: list[int]) -> None:
    planned, text = written(Request(feet=chars))
    ends = [line[-1] for line in clauses(text)]
    assert planned.form == form and "".join(ends[number - 1] for number in lines) == chars
    if len(chars) % 2 == 0:
        assert not feet(ends[0], "平") & feet("灰", "平"), "the first line rhymes only where it has a foot of its own"


def test_feet_of_a_tune() -> None:
    _, text = written(Request(form="如梦令", feet="骤酒旧否瘦"))
    assert [clauses(text)[line][-1] for line in (0, 1, 3, 4, 6)] == list("骤酒旧否瘦")
    assert clauses(text)[4] == clauses(text)[5], "and the line that is repeated repeats its foot"


def test_a_rhyme_like_that_of_a_poem() -> None:
    assert rhyme_like(POEMS["七绝"]) == "十五删"
    assert rhyme_like(POEMS["七绝"], "中华通韵") == "十一安"
    with pytest.raises(UsageError, match="end on no one rhyme"):
        rhyme_like("白日依山尽，黄河入海月。欲穷千里目，更上一层花。")


# Hidden characters and words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "at"), [("2", [1] * 4), ("last", [6] * 4), ("diagonal", [0, 1, 2, 3])])
def test_hidden_characters_stand_at_their_place(place: str, at: Sequence[int]) -> None:
    hidden = "月山雪间" if place == "last" else "福如东海"
    _, text = written(Request(form="七绝", acrostic=hidden, place=place, tones="off"))
    assert "".join(line[place] for line, place in zip(clauses(text), at, strict=True)) == hidden


@pytest.mark.parametrize("form", ["五绝", "七律", "如梦令", "五古"])
def test_words_stand_in_every_poem_at_places_of_their_own(form: str) -> None:
    places = set()
    for seed in range(8):
        _, text = written(Request(form=form, keywords=("明月", "酒"), lines=6 * (form == "五古")), seed)
        assert "明月" in text and "酒" in text
        places.add(text.index("明月"))
    assert len(places) > 2


def test_words_break_over_no_pause_and_keep_their_tones() -> None:
    for seed in range(12):
        _, text = written(Request(form="七绝", keywords=("相思",)), seed)
        (line,) = (line for line in clauses(text) if "相思" in line)
        assert line.index("相思") + 1 not in (2, 4)
        assert check(clauses(text), "七绝").meter


def test_a_word_that_is_given_elsewhere_needs_no_place() -> None:
    planned, text = written(Request(form="五绝", begin="明月出天山，", keywords=("明月",), tones="off"))
    assert planned.words == () and text.count("明月") == 1


def test_all_together() -> None:
    request = Request(form="七律", begin="春", feet="灰来台杯", acrostic="春夏秋冬", keywords=("明月",), rhyme="灰")
    _, text = written(request)
    lines = clauses(text)
    assert "".join(line[0] for line in lines[:4]) == "春夏秋冬" and "明月" in text
    assert "".join(line[-1] for line in lines[1::2]) == "灰来台杯"


# What cannot be had ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"pattern": "□□，□□□。"}, "--pattern □□，□□□。: no form has lines of 2, 3 characters; give --form free"),
        ({"pattern": "□□a□"}, "--pattern □□a□: 'a' is no character of verse; give characters, and □ or _ where"),
        ({"pattern": "，"}, "--pattern ，: nothing is in it"),
        ({"pattern": "□" * 5, "form": "七绝"}, "line 1 has 5 characters"),
        ({"pattern": "□□□□□ " * 5}, "no form has 5 lines"),
        ({"begin": "白日依山尽，", "form": "七绝"}, "line 1 has 5 characters, and line 1 of 七绝 has 7"),
        ({"begin": "白日依山尽黄河", "form": "五绝"}, "line 1 has 7 characters"),
        (
            {"begin": "疑是地上霜，", "form": "五绝"},
            "no line 1 of 五绝 takes 疑是地上霜， by its tones; give another",
        ),
        ({"begin": "月出，惊山鸟，"}, "--begin 月出，惊山鸟，: no form has lines of 2, 3 characters; name a tune"),
        ({"begin": POEMS["七绝"] * 30}, "too much for a poem; give at most 100 lines of 50 characters"),
        (
            {"begin": "春" * 64, "form": "free"},
            "and the poem no more than 64; give a larger --length",
        ),
        ({"acrostic": "春", "place": "9" * 5000}, "give a number from 1, last or diagonal"),
        (
            {"feet": "灰来台东"},
            "--feet 灰来台东: the lines end on 灰 来 台 东, which do not rhyme by the 平水韵; give others",
        ),
        ({"feet": "月雪"}, "--feet 月雪: no line 2 of 七绝 takes □□□□□□月 by its tones; give another, or --tones off"),
        ({"feet": "灰来台杯", "form": "七绝"}, "--feet 灰来台杯: 4 characters, but 七绝 has 2 or 3 feet; give as many"),
        ({"feet": "灰来", "rhyme": "东"}, "which do not rhyme on 一东"),
        ({"feet": "灰来", "form": "free"}, "--feet 灰来: no form is asked for; give --form 七绝"),
        ({"acrostic": "春夏", "place": "8"}, "--place 8: line 1 has 7 characters; give a smaller number, or last"),
        ({"acrostic": "春夏", "place": "0"}, "--place 0: give a number from 1, last or diagonal"),
        ({"acrostic": "春夏", "place": "x"}, "--place x: give a number from 1, last or diagonal"),
        ({"place": "2"}, "--place 2: says where --hidden stands; give both"),
        (
            {"begin": "春", "acrostic": "夏"},
            "--begin 春, --acrostic 夏: they give line 1 other characters",
        ),
        ({"form": "五绝", "keywords": ("人生得意须尽欢",)}, "人生得意须尽欢 is longer than a line of 五绝"),
        ({"form": "五绝", "keywords": ("明月", "故乡") * 8}, "五绝 has no places for them together"),
        ({"form": "五绝", "keywords": ("明a",)}, "--keywords 明a: a is no character that the model knows"),
        ({"begin": "𪚥", "form": "五绝"}, "--begin 𪚥: 𪚥 is no character that the model knows"),
    ],
    ids=str,
)
def test_what_cannot_be_had_is_said_with_what_would_do(asked: dict[str, str], said: str) -> None:
    assert said in refusal(replace(Request(), **asked))


def test_patterns_are_read_as_people_write_them() -> None:
    assert parse_pattern("pattern", "床前 _ ").lines == ("床前", "□")
    assert parse_pattern("pattern", "春风,\n秋月.").lines == ("春风，", "秋月。")
    assert overlaid([parse_pattern("pattern", "床□□，"), parse_pattern("begin", "床前")]) == ("床前□，",)


# Drafts ----------------------------------------------------------------------------------------------------------

CHARACTERS = dict.fromkeys("春夏秋冬风花雪月山水云雨江河湖海天地日夜星光明白青红黄绿人心情意思归来，。", 1)
TAUGHT = Vocab.build(CHARACTERS, CONTROL)
UNTAUGHT = Vocab.build(CHARACTERS, [token for token in CONTROL if token not in (RHYME, HELD, GAP)])


def model(vocab: Vocab) -> PoetModel:
    import torch

    from poetgen.config import ModelConfig

    torch.manual_seed(0)
    return PoetModel(ModelConfig(len(vocab), layers=1, hidden=32, embed=32)).eval()


def poems(vocab: Vocab, jobs: Sequence[Job], width: int = 0) -> list[Sample]:
    sampler = Sampler(model(vocab), vocab)
    sampler._width = width
    return list(sampler.samples(jobs))


JOBS = [
    Job(
        Request("春", form, keywords=("明月",) * (seed % 2), acrostic="春" * (seed % 3), tones="off"),
        SampleConfig(seed=seed, candidates=candidates),
    )
    for seed, (form, candidates) in enumerate([("五绝", 8), ("七绝", 3), ("五古", 12), ("五绝", 1), ("七律", 8)])
]


@pytest.mark.slow
@pytest.mark.parametrize("vocab", [TAUGHT, UNTAUGHT], ids=["taught", "untaught"])
def test_a_poem_that_holds_something_is_the_same_alone_and_in_any_batch(vocab: Vocab) -> None:
    alone = [poems(vocab, [job])[0].text for job in JOBS]
    assert [poem.text for poem in poems(vocab, JOBS, 16)] == alone
    assert [poem.text for poem in poems(vocab, JOBS, 48)] == alone
    assert [poem.text for poem in poems(vocab, JOBS[::-1], 256)] == alone[::-1]


def test_a_model_that_was_taught_reads_what_is_held() -> None:
    sampler = Sampler(model(TAUGHT), TAUGHT)
    job = Job(Request("春", "五绝", acrostic="春夏", pattern="_____ ___月_ _____ _____"), SampleConfig(candidates=2))
    for slot in sampler.drafting.slots([job]):
        assert "[HELD]春[GAP][SEP]夏[GAP]月[GAP]" in TAUGHT.decode(slot.header)
        assert "[HELD]" in TAUGHT.decode(slot.unconditional_header), "both readers know what stands"
    plain = Sampler(model(UNTAUGHT), UNTAUGHT).drafting.slots([job])
    assert {UNTAUGHT.decode(slot.header) for slot in plain} == {"[五绝][TITLE]春[BODY]"}


def test_the_weak_are_dropped_and_the_strong_are_doubled() -> None:
    population = Population(4, np.random.default_rng(0))
    assert population.ancestors([0.0, 0.1, -0.1, 0.0]) == [0, 1, 2, 3], "no reason to draw anew"
    drawn = population.ancestors([0.0, -30.0, -1.0, -30.0])
    assert drawn[0] == 0 and set(drawn) <= {0, 2}
    counts = np.zeros(3)
    for draw in np.linspace(0, 0.999, 200):
        counts += np.bincount(systematic(np.array([0.5, 0.3, 0.2]), draw), minlength=3)
    assert counts / counts.sum() == pytest.approx([0.5, 0.3, 0.2], abs=0.01)
