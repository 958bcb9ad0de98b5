"""Decoding: from requests to poems."""

import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from poetgen.checkpoint import Checkpoint
from poetgen.config import ModelConfig, SampleConfig
from poetgen.errors import UsageError
from poetgen.model import PoetModel, State
from poetgen.prosody.forms import FORMS, SHAPES
from poetgen.sample import SLOTS, Job, Request, Sample, Sampler, couplets, fit, pick, plan
from poetgen.sequence import CONTROL, Layout
from poetgen.vocab import Vocab

CHARACTERS = "春夏秋冬风花雪月山水云雨江河湖海天地日夜星光明白青红黄绿人心情意思归来去行坐看听松竹梅兰，。"
VOCAB = Vocab.build(dict.fromkeys(CHARACTERS + "ab7・", 1), CONTROL)
HAN = sorted(set(CHARACTERS) - set("，。"))


class Rigged(PoetModel):
    """Weighs the next token by a table of (token read, next token); what no table says weighs one."""

    def __init__(self, **weights: dict[str, float]) -> None:
        super().__init__(ModelConfig(len(VOCAB), layers=1, hidden=4, embed=4))
        self.table = torch.ones(len(VOCAB), len(VOCAB))
        for before, following in weights.items():
            rows = slice(None) if before == "any" else VOCAB.id(before)
            for token, weight in following.items():
                self.table[rows, VOCAB.id(token)] = weight
        self.read: list[Tensor] = []
        self.written = 0

    def features(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        assert state is not None
        self.read.append(ids)
        return torch.nn.functional.one_hot(ids, len(VOCAB)).float(), state

    def logits(self, features: Tensor) -> Tensor:
        self.written += 1
        return (features @ self.table).log()


def write(model: PoetModel, jobs: Iterable[Job], **options: Any) -> list[Sample]:
    return list(Sampler(model, VOCAB).samples(jobs, **options))


def one(model: PoetModel, request: Request | None = None, rule: Any = None, **options: Any) -> Sample:
    options = {"seed": 1, "top_k": 1000, "temperature": 1.0} | options
    extra = {} if rule is None else {"constraint": lambda request: rule}
    return write(model, [(request or Request(), SampleConfig(**options))], **extra)[0]


# One seed, one poem ----------------------------------------------------------------------------------------------


def mixed_jobs(count: int) -> list[Job]:
    draw = random.Random(4)
    jobs = []
    for number in range(count):
        request = Request(
            title="".join(draw.choices(HAN, k=draw.randrange(9))),
            form=draw.choice(["auto", "free", "五绝", "七律", "古体", "水调歌头"]),
            dynasty=draw.choice(["", "唐", "宋"]),
            author=draw.choice(["", "春山"]),
            keywords=draw.choice([(), ("明月",), ("江", "归来")]),
        )
        config = SampleConfig(
            length=draw.choice([5, 24, 64]),
            top_k=draw.choice([1, 5, 1000]),
            top_p=draw.choice([0.7, 1.0]),
            temperature=draw.choice([0.0, 0.5, 1.0, 2.0]),
            seed=number % 3,
        )
        jobs.append((request, config))
    return jobs


@pytest.fixture(scope="module", params=["lstm", "gru"])
def untrained(request: pytest.FixtureRequest) -> PoetModel:
    """A model wide enough for the order of its sums to matter, and undecided enough for a last bit to show."""
    torch.manual_seed(0)
    return PoetModel(ModelConfig(len(VOCAB), cell=request.param, layers=2, hidden=96, embed=96)).eval()


def test_a_poem_is_the_same_alone_and_in_any_company(untrained: PoetModel) -> None:
    jobs = mixed_jobs(40)
    together = write(untrained, jobs)
    assert len({poem.text for poem in together}) > 25
    for job, expected in zip(jobs, together, strict=True):
        (alone,) = write(untrained, [job])
        # The perplexity too: it would tell of a difference in the last bit long before the text does.
        assert replace(alone, number=expected.number) == expected
    order = list(range(40))
    random.Random(1).shuffle(order)
    shuffled = write(untrained, [jobs[place] for place in order])
    assert shuffled == [together[place] for place in order]


def test_a_poem_is_the_same_in_every_slot(untrained: PoetModel) -> None:
    job = (Request("春夜", "七律"), SampleConfig(seed=5))
    (expected,) = write(untrained, [job])
    others = [(Request("秋", "五绝"), SampleConfig(seed=seed)) for seed in range(SLOTS)]
    for place in range(SLOTS):
        assert write(untrained, [*others[:place], job, *others[place:]])[place] == expected


def test_equal_requests_are_numbered_and_differ(untrained: PoetModel) -> None:
    job, other = (Request("春"), SampleConfig(seed=1)), (Request("夏"), SampleConfig(seed=1))
    plain = write(untrained, [job] * 3)
    assert [poem.number for poem in plain] == [0, 1, 2]
    assert len({poem.text for poem in plain}) == 3
    between = write(untrained, [other, job, other, job, other, job])
    assert between[1::2] == plain, "a poem's number counts its equals alone"


def test_seed_title_and_options_make_another_poem(untrained: PoetModel) -> None:
    job = (Request("春"), SampleConfig(seed=1, top_k=1000, temperature=1.0))
    changed = [
        (Request("春"), replace(job[1], seed=2)),
        (Request("夏"), job[1]),
        (Request("春", dynasty="唐"), job[1]),
        (Request("春", keywords=("月",)), job[1]),
        (Request("春"), replace(job[1], top_k=999)),
    ]
    poems = write(untrained, [job, *changed])
    assert len({poem.text for poem in poems}) == len(poems)


def test_one_and_one_point_nothing_ask_for_the_same(untrained: PoetModel) -> None:
    whole, point = SampleConfig(seed=1, temperature=1, top_p=1), SampleConfig(seed=1, temperature=1.0, top_p=1.0)
    assert write(untrained, [(Request("春"), whole)]) == write(untrained, [(Request("春"), point)])


def test_a_trained_model_writes_the_same_in_any_company(tiny: Path) -> None:
    loaded = Checkpoint.load(tiny)
    sampler = Sampler(loaded.model, loaded.vocab)
    jobs = [(Request("春夜"[: number % 3], form), SampleConfig(seed=number)) for number in range(5) for form in SHAPES]
    together = list(sampler.samples(jobs))
    assert [next(sampler.samples([job])) for job in jobs] == together


def test_the_run_s_own_random_numbers_are_not_touched(untrained: PoetModel) -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]
    one(untrained)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # type: ignore[index]


# What comes out --------------------------------------------------------------------------------------------------


def test_nothing_but_verse_is_ever_written() -> None:
    heavy = {token: 1e9 for token in VOCAB.tokens if len(token) > 1} | dict.fromkeys("ab7・", 1e9)
    for form in ("auto", "七绝", "free", "古体", "水调歌头"):
        poems = write(Rigged(any=heavy), [(Request("a", form), SampleConfig(top_k=1000, temperature=5.0))] * 30)
        assert set("".join(poem.text for poem in poems)) <= set(CHARACTERS)
        assert all(poem.text for poem in poems), "a poem has at least a character"


def test_a_vocabulary_of_another_language_keeps_its_letters() -> None:
    vocab = Vocab.build(dict.fromkeys("ab \n", 1), CONTROL)
    model = PoetModel(ModelConfig(len(vocab), layers=1, hidden=4, embed=4))
    (poem,) = Sampler(model, vocab).samples([(Request(), SampleConfig(length=200, top_k=99, temperature=9))])
    assert set(poem.text) == set("ab \n")


@pytest.mark.parametrize("form", SHAPES)
def test_regulated_forms_have_their_length(form: str) -> None:
    lines, chars = SHAPES[form]
    for length in (1, 64, 200):
        poem = one(Rigged(any={"[END]": 1e6}), Request(form=form), length=length)
        assert len(poem.text) == lines * (chars + 1)
        assert poem.form == form


@pytest.mark.parametrize(
    ("length", "form"), [(64, "七律"), (48, "五律"), (32, "七绝"), (24, "五绝"), (1, ""), (63, "")]
)
def test_auto_writes_exactly_what_was_asked(length: int, form: str) -> None:
    model = Rigged(any={"[END]": 1e6})
    poem = one(model, Request("春"), length=length)
    assert len(poem.text) == length and poem.form == form
    read = VOCAB.decode(int(ids[0, 0]) for ids in model.read)
    assert read.startswith((f"[{form}]" if form else "") + "[TITLE]春[BODY]" + poem.text[:-1])


@pytest.mark.parametrize("form", ["free", "古体", "杂言", "散文", "词", "水调歌头"])
def test_other_forms_end_where_the_model_ends_them(form: str) -> None:
    model = Rigged(any={"[END]": 10.0})
    poems = write(model, [(Request(form=form), SampleConfig(length=40, top_k=1000, temperature=1.0))] * 300)
    lengths = [len(poem.text) for poem in poems]
    assert min(lengths) == 1 and max(lengths) <= 40
    # After the first character an end has 10 of the weight of the characters of verse and itself.
    share = 10 / (10 + len(CHARACTERS))
    mean = sum((1 - share) ** place for place in range(40))
    assert abs(np.mean(lengths) - mean) < 4 * np.std(lengths) / np.sqrt(300)
    endless = one(Rigged(any={"[END]": 0.0}), Request(form=form), length=40)
    assert len(endless.text) == 40


def test_a_tune_is_told_to_the_model() -> None:
    model = Rigged(any={"[END]": 1e9})
    poem = one(model, Request("春", "水调歌头"))
    assert poem.form == "水调歌头"
    assert VOCAB.decode(int(ids[0, 0]) for ids in model.read).startswith("[词][TUNE]水[UNK][UNK][UNK][TITLE]春[BODY]")


def test_forms_that_there_are_not() -> None:
    with pytest.raises(UsageError, match="--form 十四行诗: no such form; choose auto, free, one of 五绝"):
        plan(Request(form="十四行诗"), 64)
    for form in FORMS:
        assert plan(Request(form=form), 64).header.form == form


# How the next character is chosen --------------------------------------------------------------------------------

WEIGHTS = {"春": 50.0, "夏": 25.0, "秋": 15.0, "冬": 6.0, "风": 4.0}
ONLY = dict.fromkeys(VOCAB.tokens, 0.0) | WEIGHTS


def expected(top_k: int, top_p: float, temperature: float) -> dict[str, float]:
    """The distribution that the options make of WEIGHTS, by their definitions."""
    powered = [(char, weight ** (1 / temperature)) for char, weight in WEIGHTS.items()][:top_k]
    total = sum(weight for _, weight in powered)
    kept, mass = [], 0.0
    for char, weight in powered:
        if mass >= top_p * total - 1e-12:
            break
        kept.append((char, weight))
        mass += weight
    return {char: weight / mass for char, weight in kept}


OPTIONS = [
    (1000, 1.0, 1.0),
    (3, 1.0, 1.0),
    (1, 1.0, 1.0),
    (1000, 0.6, 1.0),
    (1000, 0.9, 1.0),
    (1000, 0.01, 1.0),
    (1000, 1.0, 0.5),
    (1000, 1.0, 2.0),
    (4, 0.8, 1.5),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_pick_has_the_distribution_of_its_options(options: tuple[int, float, float]) -> None:
    scores = np.log(np.array(list(WEIGHTS.values())))
    config = SampleConfig(top_k=options[0], top_p=options[1], temperature=options[2])
    draws = (np.arange(2000) + 0.5) / 2000
    found = Counter(list(WEIGHTS)[pick(scores, config, float(draw))] for draw in draws)
    want = expected(*options)
    assert found.keys() == want.keys()
    for char, share in want.items():
        assert abs(found[char] / 2000 - share) < 1e-3, char


def test_pick_at_the_edges() -> None:
    scores = np.log(np.array([0.5, 0.25, 0.25]))
    assert pick(scores, SampleConfig(temperature=0), 0.999) == 0
    assert pick(scores, SampleConfig(temperature=1), 0.0) == 0
    assert pick(scores, SampleConfig(temperature=1), 1 - 1e-17) == 2
    assert pick(scores, SampleConfig(temperature=1, top_p=0.5), 0.999) == 0
    assert pick(scores, SampleConfig(temperature=1e-300), 0.999) == 0
    assert pick(scores[:1], SampleConfig(), 0.5) == 0


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_poems_have_the_distribution_of_their_options(options: tuple[int, float, float]) -> None:
    count = 3000
    config = SampleConfig(length=1, top_k=options[0], top_p=options[1], temperature=options[2])
    model = Rigged(**{"any": dict.fromkeys(WEIGHTS, 0.0), "[BODY]": ONLY})
    with np.errstate(divide="ignore"):
        found = Counter(poem.text for poem in write(model, [(Request(form="free"), config)] * count))
    want = expected(*options)
    assert found.keys() <= want.keys()
    for char, share in want.items():
        assert abs(found[char] / count - share) <= 4 * np.sqrt(share * (1 - share) / count) + 1e-9, char


def test_temperature_nothing_takes_the_likeliest_and_needs_no_luck() -> None:
    model = Rigged(**{"[BODY]": {"夏": 3}, "夏": {"秋": 2}, "秋": {"夏": 2}})
    poems = write(model, [(Request(), SampleConfig(length=6, temperature=0, seed=seed)) for seed in range(20)])
    assert {poem.text for poem in poems} == {"夏秋夏秋夏秋"}


def test_the_model_s_own_perplexity_is_told() -> None:
    uniform = len(VOCAB)
    for options in ({}, {"temperature": 0.1}, {"top_k": 1}, {"top_p": 0.1}):
        assert one(Rigged(), **options).perplexity == pytest.approx(uniform), "options do not change what it costs"
    sure = Rigged(any={"春": 1e12})
    assert one(sure, length=10).perplexity == pytest.approx(1)
    ended = one(Rigged(**{"[BODY]": {"春": 1e12}, "春": {"[END]": 7}}), Request(form="free"), temperature=0)
    assert ended.text == "春" and ended.perplexity == pytest.approx(1), "the end is no character"


# Constraints -----------------------------------------------------------------------------------------------------


def mask(chars: Iterable[str]) -> NDArray[np.bool_]:
    allowed = np.zeros(len(VOCAB), dtype=np.bool_)
    allowed[[VOCAB.id(char) for char in chars]] = True
    return allowed


def test_a_constraint_is_told_the_body_and_obeyed() -> None:
    told: list[str] = []

    def acrostic(body: str) -> NDArray[np.bool_] | None:
        told.append(body)
        if len(body) % 6 == 0:
            return mask("春夏秋冬"[len(body) // 6])
        return mask("，。") if len(body) % 6 == 5 else None

    poem = one(Rigged(any={"春": 1e-9}), Request("月", "五绝"), rule=acrostic)
    lines = [poem.text[at : at + 6] for at in range(0, 24, 6)]
    assert [line[0] for line in lines] == list("春夏秋冬")
    assert {line[5] for line in lines} <= set("，。")
    assert told == [poem.text[:length] for length in range(24)]


def test_a_constraint_allows_no_more_than_the_rules_do() -> None:
    everything = np.ones(len(VOCAB), dtype=np.bool_)
    poem = one(Rigged(any={"[END]": 1e9, "[UNK]": 1e9}), Request(form="五绝"), rule=lambda body: everything)
    assert len(poem.text) == 24 and set(poem.text) <= set(CHARACTERS)
    ending = one(
        Rigged(), Request(form="free"), rule=lambda body: mask(["春", "[END]"] if len(body) < 3 else ["[END]"])
    )
    assert set(ending.text) == {"春"} and 1 <= len(ending.text) <= 3


def test_a_constraint_that_leaves_nothing_says_so() -> None:
    with pytest.raises(ValueError, match="leaves no character that could follow '春'"):
        one(Rigged(), rule=lambda body: mask("春" if not body else ""))


def test_each_request_has_its_own_constraint() -> None:
    def rule(request: Request) -> Callable[[str], NDArray[np.bool_]] | None:
        return (lambda body: mask(request.title)) if request.title else None

    jobs = [(Request(title), SampleConfig(length=8)) for title in ("春", "", "夏秋", "冬")]
    poems = write(Rigged(), jobs, constraint=rule)
    assert set(poems[0].text) == {"春"} and set(poems[2].text) <= set("夏秋") and set(poems[3].text) == {"冬"}
    assert len(set(poems[1].text)) > 2


# How it is done --------------------------------------------------------------------------------------------------


def test_a_header_is_read_once_and_nothing_again() -> None:
    model = Rigged()
    request = Request("春夜江", "五绝", "唐", keywords=("明月",))
    poem = one(model, request)
    header = Layout(VOCAB).encode(plan(request, 64).header)
    read = [int(ids[0, 0]) for ids in model.read]
    assert read == header + VOCAB.encode(poem.text[:-1]), "each token goes in once; the last needs no going in"
    assert model.written == len(poem.text), "and while the header is read nothing is computed but the state"
    assert {ids.shape for ids in model.read} == {(SLOTS, 1)}


def test_slots_are_kept_full() -> None:
    model = Rigged()
    write(model, [(Request(form="free"), SampleConfig(length=1 + number % 9)) for number in range(10 * SLOTS)])
    assert len(model.read) < 2 * 5 * 10, "no poem waits for the longest of its batch"


def test_state_starts_from_zero_in_a_slot_used_before() -> None:
    class Remembering(Rigged):
        def features(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
            assert state is not None
            seen.append(state[0][0, :, 0].tolist())
            features, _ = super().features(ids, state)
            return features, tuple(part + 1 for part in state)

    seen: list[list[float]] = []
    write(Remembering(), [(Request(form="free"), SampleConfig(length=3))] * (2 * SLOTS))
    assert seen == [[step % 3] * SLOTS for step in range(6)]


def test_poems_come_in_order_and_characters_as_they_are_written() -> None:
    jobs = [(Request(form="free"), SampleConfig(length=1 + (7 * number) % 30)) for number in range(40)]
    poems = write(Rigged(any={"[END]": 0.0}), jobs)
    assert [len(poem.text) for poem in poems] == [job[1].length for job in jobs]
    texts: dict[int, str] = {}
    done: dict[int, Sample] = {}
    for index, char, sample in Sampler(Rigged(any={"[END]": 0.0}), VOCAB).steps(jobs):
        assert index not in done
        texts[index] = texts.get(index, "") + char
        if sample is not None:
            done[index] = sample
    assert [done[index] for index in range(40)] == poems
    assert [texts[index] for index in range(40)] == [poem.text for poem in poems]


def test_requests_are_taken_as_they_are_needed() -> None:
    taken = []

    def endless() -> Iterator[Job]:
        for number in itertools.count():
            taken.append(number)
            yield Request(form="free"), SampleConfig(length=5, seed=number)

    poems = list(itertools.islice(Sampler(Rigged(), VOCAB).samples(endless()), 30))
    assert len(poems) == 30 and len(taken) < 30 + 3 * SLOTS
    assert write(Rigged(), []) == []


def test_a_record_says_what_was_asked_and_what_came_of_it() -> None:
    poem = one(Rigged(), Request("春", "五绝", keywords=("明月",)), seed=7, top_k=3)
    record = json.loads(json.dumps(poem.record("abc"), ensure_ascii=False))
    assert record["title"] == "春" and record["text"] == poem.text and record["form"] == "五绝"
    assert "".join(record["lines"]) == poem.text
    assert (record["seed"], record["number"], record["checkpoint"]) == (7, 0, "abc")
    options = {"length": 64, "top_k": 3, "top_p": 1.0, "temperature": 1.0, "form": "五绝", "keywords": ["明月"]}
    assert record["options"] == options
    assert record["scores"]["perplexity"] == pytest.approx(poem.perplexity, abs=0.01)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("春。夏！秋？冬；", ["春。", "夏！", "秋？", "冬；"]),
        ("春，夏、秋：冬", ["春，夏、秋：冬"]),
        ("one\ntwo\n\n", ["one", "two"]),
        ("。。", ["。", "。"]),
    ],
)
def test_couplets_break_after_full_stops(text: str, lines: list[str]) -> None:
    assert couplets(text) == lines


# Titles ----------------------------------------------------------------------------------------------------------

SIMPLIFIED = Vocab.build(dict.fromkeys("春风云来东马龙见观福，。·", 1), CONTROL)
TRADITIONAL = Vocab.build(dict.fromkeys("春風雲來東馬龍見觀福，。", 1), CONTROL)


@pytest.mark.parametrize(
    ("text", "vocab", "fitted", "note"),
    [
        ("春风", SIMPLIFIED, "春风", None),
        ("春風雲來", SIMPLIFIED, "春风云来", None),
        ("春风云来", TRADITIONAL, "春風雲來", None),
        ("\ufa1b", SIMPLIFIED, "福", None),  # a compatibility form
        ("春,风", SIMPLIFIED, "春，风", None),
        ("  春 \t 风  ", SIMPLIFIED, "春风", None),
        ("", SIMPLIFIED, "", None),
        ("   ", SIMPLIFIED, "", None),
        ("春🌸风", SIMPLIFIED, "春 风", "left out 🌸"),
        ("👩‍👩‍👧", SIMPLIFIED, "", "left out"),
        ("ＡＢＣ春", SIMPLIFIED, "春", "left out A B C"),
        ("春\x07", SIMPLIFIED, "春", None),
        ("龘春", SIMPLIFIED, "龘春", "龘 is not in the model's vocabulary and is read as [UNK]"),
        ("𠮷春龘𠮷", SIMPLIFIED, "𠮷春龘𠮷", "𠮷 龘 is not"),
        ("[END]春", SIMPLIFIED, "春", "left out"),
        ("春\udc80", SIMPLIFIED, "春", None),
    ],
)
def test_titles_are_brought_to_the_vocabulary(text: str, vocab: Vocab, fitted: str, note: str | None) -> None:
    found, notes = fit(text, vocab)
    assert found.replace(" ", "") == fitted.replace(" ", "")
    assert all(char in vocab for char in found if char not in "龘𠮷 ")
    if note is None:
        assert [line for line in notes if "\ufffd" not in line] == []
    else:
        assert note in " ".join(notes)


def test_a_title_with_no_end_is_refused() -> None:
    assert fit("春" * 100, SIMPLIFIED) == ("春" * 100, [])
    with pytest.raises(UsageError, match="a title of 10000 characters: give at most 100"):
        fit("春" * 10_000, SIMPLIFIED)
    with pytest.raises(UsageError, match="author of 101"):
        fit("春" * 101, SIMPLIFIED, "author")
