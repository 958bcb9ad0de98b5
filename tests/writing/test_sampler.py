"""Decoding: from requests to poems."""

import gc
import itertools
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from poetgen.config import ModelConfig, SampleConfig
from poetgen.data.line_index import LineIndex
from poetgen.data.sequence import CONTROL, RHYME, Header, Layout
from poetgen.data.vocab import PAD, Vocab
from poetgen.errors import UsageError
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.model import PoetModel, State
from poetgen.prosody.forms import SHAPES
from poetgen.text import clauses, couplets, is_han
from poetgen.writing import sampler as module
from poetgen.writing.choice import pick
from poetgen.writing.fitting import fit
from poetgen.writing.planning import plan
from poetgen.writing.rank import Draft, Ranker
from poetgen.writing.request import Request
from poetgen.writing.sample import Job, Sample
from poetgen.writing.sampler import TRIES, WIDE, Sampler
from poetgen.writing.slots import SLOTS, Rows, Slot

CHARACTERS = "春夏秋冬风花雪月山水云雨江河湖海天地日夜星光明白青红黄绿人心情意思归来去行坐看听松竹梅兰，。"
#: As of models that were not taught to choose a rhyme; test_rhyme_first.py is about those that were.
VOCAB = Vocab.build(dict.fromkeys(CHARACTERS + "ab7・", 1), [token for token in CONTROL if token != RHYME])
HAN = sorted(set(CHARACTERS) - set("，。"))


FREE = Request(form="free")


class Rigged(PoetModel):
    """Weighs the next token by a table of (token read, next token); what no table says weighs one."""

    def __init__(self, **weights: dict[str, float]) -> None:
        super().__init__(ModelConfig(len(VOCAB), "gru", layers=1, hidden=4, embed=4))
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

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        features, state = self.features(ids[:, None], state)
        return features[:, 0], state

    def logits(self, features: Tensor) -> Tensor:
        self.written += 1
        return (features @ self.table).log()


def write(model: PoetModel, jobs: Iterable[Job], width: int = 0, lines: Any = None) -> list[Sample]:
    """Poems by a new sampler, which steps `width` poems at a time where it is given and there are more than SLOTS."""
    sampler = Sampler(model, VOCAB, lines=lines)
    sampler._width = width
    return list(sampler.samples(jobs))


def one(model: PoetModel, request: Request | None = None, lines: Any = None, **options: Any) -> Sample:
    options = {"seed": 1, "top_k": 1000, "temperature": 1.0} | options
    return write(model, [Job(request or Request(), SampleConfig(**options))], lines=lines)[0]


# One seed, one poem ----------------------------------------------------------------------------------------------


def mixed_jobs(count: int) -> list[Job]:
    draw = random.Random(4)
    jobs = []
    for number in range(count):
        request = Request(
            title="".join(draw.choices(HAN, k=draw.randrange(9))),
            form=draw.choice(["auto", "free", "五绝", "七律", "五古", "水调歌头"]),
            dynasty=draw.choice(["", "唐", "宋"]),
            author=draw.choice(["", "春山"]),
            keywords=draw.choice([(), ("明月",), ("江", "归来")]),
            tones=draw.choice(["strict", "off"]),
        )
        if request.form == "五古":
            request = replace(request, lines=6)
        if request.form in SHAPES:
            request = replace(request, acrostic=draw.choice(["", "春", "春夏秋"]))
        config = SampleConfig(
            length=draw.choice([5, 24, 64]),
            top_k=draw.choice([1, 5, 1000]),
            top_p=draw.choice([0.7, 1.0]),
            temperature=draw.choice([0.0, 0.5, 1.0, 2.0]),
            seed=number % 3,
            candidates=draw.choice([1, 1, 3]),
        )
        jobs.append(Job(request, config))
    return jobs


@pytest.fixture(scope="module", params=["lstm", "gru"])
def untrained(request: pytest.FixtureRequest) -> PoetModel:
    """A model wide enough for the order of its sums to matter, and undecided enough for a last bit to show."""
    torch.manual_seed(0)
    return PoetModel(ModelConfig(len(VOCAB), cell=request.param, layers=2, hidden=96, embed=96)).eval()


@pytest.fixture(scope="module")
def lstm() -> PoetModel:
    torch.manual_seed(0)
    return PoetModel(ModelConfig(len(VOCAB), layers=2, hidden=48, embed=48)).eval()


def test_a_poem_is_the_same_alone_and_in_any_company(untrained: PoetModel) -> None:
    jobs = mixed_jobs(20)
    together = write(untrained, jobs)
    assert len({poem.text for poem in together}) > 12
    for job, expected in list(zip(jobs, together, strict=True))[::3]:
        (alone,) = write(untrained, [job])
        # The perplexity too: it would tell of a difference in the last bit long before the text does.
        assert replace(alone, number=expected.number) == expected
    order = list(range(20))
    random.Random(1).shuffle(order)
    shuffled = write(untrained, [jobs[place] for place in order])
    assert shuffled == [together[place] for place in order]


@pytest.mark.slow
def test_a_poem_is_the_same_in_every_slot(untrained: PoetModel) -> None:
    job = Job(Request("春夜", "七律"), SampleConfig(seed=5))
    (expected,) = write(untrained, [job])
    others = [Job(Request("秋", "五绝"), SampleConfig(seed=seed)) for seed in range(SLOTS)]
    for place in (0, 7, SLOTS - 1):
        assert write(untrained, [*others[:place], job, *others[place:]])[place] == expected


def test_equal_requests_are_numbered_and_differ(lstm: PoetModel) -> None:
    job, other = Job(Request("春"), SampleConfig(seed=1)), Job(Request("夏"), SampleConfig(seed=1))
    plain = write(lstm, [job] * 3)
    assert [poem.number for poem in plain] == [0, 1, 2]
    assert len({poem.text for poem in plain}) == 3
    between = write(lstm, [other, job, other, job, other, job])
    assert between[1::2] == plain, "a poem's number counts its equals alone"


def test_seed_title_and_options_make_another_poem(lstm: PoetModel) -> None:
    job = Job(Request("春"), SampleConfig(seed=1, top_k=1000, temperature=1.0))
    changed = [
        Job(Request("春"), replace(job.config, seed=2)),
        Job(Request("夏"), job.config),
        Job(Request("春", dynasty="唐"), job.config),
        Job(Request("春", keywords=("月",)), job.config),
        Job(Request("春"), replace(job.config, top_k=999)),
    ]
    poems = write(lstm, [job, *changed])
    assert len({poem.text for poem in poems}) == len(poems)


def test_one_and_one_point_nothing_ask_for_the_same(lstm: PoetModel) -> None:
    whole, point = SampleConfig(seed=1, temperature=1, top_p=1), SampleConfig(seed=1, temperature=1.0, top_p=1.0)
    assert write(lstm, [Job(Request("春"), whole)]) == write(lstm, [Job(Request("春"), point)])


def test_a_trained_model_writes_the_same_in_any_company(tiny: Path) -> None:
    loaded = Checkpoint.load(tiny)
    sampler = Sampler(loaded.model, loaded.vocab)
    jobs = [
        Job(Request("春夜"[: number % 3], form), SampleConfig(seed=number)) for number in range(2) for form in SHAPES
    ]
    together = list(sampler.samples(jobs))
    assert [next(sampler.samples([job])) for job in jobs] == together


def test_the_run_s_own_random_numbers_are_not_touched(lstm: PoetModel) -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]
    one(lstm)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # type: ignore[index]


# What comes out --------------------------------------------------------------------------------------------------


def test_nothing_but_verse_is_ever_written() -> None:
    heavy = {token: 1e9 for token in VOCAB.tokens if len(token) > 1} | dict.fromkeys("ab7・", 1e9)
    for form in ("auto", "七绝", "free", "古体", "水调歌头"):
        poems = write(Rigged(any=heavy), [Job(Request("a", form), SampleConfig(top_k=1000, temperature=5.0))] * 30)
        assert set("".join(poem.text for poem in poems)) <= set(CHARACTERS)
        assert all(poem.text for poem in poems), "a poem has at least a character"


def test_a_vocabulary_of_another_language_keeps_its_letters() -> None:
    vocab = Vocab.build(dict.fromkeys("ab \n", 1), CONTROL)
    model = PoetModel(ModelConfig(len(vocab), layers=1, hidden=4, embed=4))
    (poem,) = Sampler(model, vocab).samples([Job(Request(), SampleConfig(length=200, top_k=99, temperature=9))])
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


@pytest.mark.parametrize("form", ["free", "古体", "杂言", "散文", "词"])
def test_other_forms_end_where_the_model_ends_them(form: str) -> None:
    model = Rigged(any={"[END]": 10.0})
    sampler = Sampler(model, VOCAB)
    sampler.repetition_penalty = 0.0
    poems = list(sampler.samples([Job(Request(form=form), SampleConfig(length=40, top_k=1000, temperature=1.0))] * 300))
    lengths = [len(poem.text) for poem in poems]
    assert min(lengths) == 1 and max(lengths) <= 40
    # After the first character an end has 10 of the weight of the characters of verse and itself.
    share = 10 / (10 + len(CHARACTERS))
    early = 1 - (1 - share) ** 9
    assert abs(np.mean(np.array(lengths) <= 9) - early) < 4 * np.sqrt(early * (1 - early) / 300)
    endless = one(Rigged(any={"[END]": 0.0}), Request(form=form), length=40)
    assert len(endless.text) <= 40 and endless.text[-1] in "。？！", "what the length ends is a whole line"


def test_a_tune_is_told_to_the_model() -> None:
    model = Rigged(any={"[END]": 1e9})
    poem = one(model, Request("春", "水调歌头"))
    assert poem.form == "水调歌头"
    assert VOCAB.decode(int(ids[0, 0]) for ids in model.read).startswith("[词][TUNE]水[UNK][UNK][UNK][TITLE]春[BODY]")


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
    # Beside rows of other options, and with candidates that have no chance at all.
    table = np.tile(np.append(scores, [-np.inf, -np.inf]), (4000, 1))
    places = pick(table, [config, SampleConfig(top_k=2, temperature=9.0)] * 2000, list(np.repeat(draws, 2)))
    found = Counter(list(WEIGHTS)[place] for place in places[::2])
    want = expected(*options)
    assert found.keys() == want.keys()
    for char, share in want.items():
        assert abs(found[char] / 2000 - share) < 1e-3, char


def test_pick_at_the_edges() -> None:
    scores = np.log(np.array([0.5, 0.25, 0.25]))

    def place(draw: float, scores: Any = scores, **options: float) -> int:
        (found,) = pick(scores[None], [SampleConfig(**options)], [draw])  # type: ignore[arg-type]
        return int(found)

    assert place(0.999, temperature=0) == 0
    assert place(0.0, temperature=1) == 0
    assert place(1 - 1e-17, temperature=1) == 2
    assert place(0.999, temperature=1, top_p=0.5) == 0
    assert place(0.999, temperature=1e-300) == 0
    assert place(0.5, scores[:1]) == 0
    assert place(0.9, scores - 1e6) == 2, "however unlikely all of them are"
    assert place(0.9, np.append(scores[:1], [-np.inf] * 3), temperature=5) == 0


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS[::2], ids=str)
def test_poems_have_the_distribution_of_their_options(options: tuple[int, float, float]) -> None:
    count = 1500
    config = SampleConfig(length=1, top_k=options[0], top_p=options[1], temperature=options[2])
    model = Rigged(**{"any": dict.fromkeys(WEIGHTS, 0.0), "[BODY]": ONLY})
    with np.errstate(divide="ignore"):
        found = Counter(poem.text for poem in write(model, [Job(FREE, config)] * count))
    want = expected(*options)
    assert found.keys() <= want.keys()
    for char, share in want.items():
        assert abs(found[char] / count - share) <= 4 * np.sqrt(share * (1 - share) / count) + 1e-9, char


def test_temperature_nothing_takes_the_likeliest_and_needs_no_luck() -> None:
    model = Rigged(**{"[BODY]": {"夏": 3}, "夏": {"秋": 20}, "秋": {"夏": 20}})
    poems = write(model, [Job(Request(), SampleConfig(length=6, temperature=0, seed=seed)) for seed in range(20)])
    (text,) = {poem.text for poem in poems}
    assert text[:-1] == "夏秋夏秋夏" and text[-1] in "。？！"


def test_the_model_s_own_perplexity_is_told() -> None:
    uniform = len(VOCAB)
    for options in ({}, {"temperature": 0.1}, {"top_k": 1}, {"top_p": 0.1}):
        assert one(Rigged(), **options).perplexity == pytest.approx(uniform), "options do not change what it costs"
    sure = Rigged(any={"春": 1e12})
    assert one(sure, length=1).perplexity == pytest.approx(1)
    ended = one(Rigged(**{"[BODY]": {"春": 1e12}, "春": {"[END]": 7}}), Request(form="free"), temperature=0)
    assert ended.text == "春" and ended.perplexity == pytest.approx(1), "the end is no character"


# Wide and narrow -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_more_rows_at_a_time_write_the_same(untrained: PoetModel, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = mixed_jobs(36)
    monkeypatch.setattr(module, "WIDE", 48)
    sampler = Sampler(untrained, VOCAB)
    if sampler.width != 48:
        pytest.skip("this processor rounds otherwise with more rows, and the sampler keeps to few")
    assert list(sampler.samples(jobs)) == write(untrained, jobs, width=SLOTS)


def test_more_rows_of_a_model_that_rounds_nothing_write_the_same() -> None:
    jobs = mixed_jobs(36)
    few, many = Rigged(**CHAIN), Rigged(**CHAIN)
    assert write(many, jobs, width=48, lines=Half()) == write(few, jobs, width=SLOTS, lines=Half())
    assert max(len(ids) for ids in many.read) == 48 and {len(ids) for ids in few.read} == {SLOTS}


def test_rows_in_plenty_are_for_poems_in_plenty() -> None:
    few, many = Rigged(), Rigged()
    write(few, [Job(FREE, SampleConfig(length=2))] * SLOTS)
    assert {len(ids) for ids in few.read} == {SLOTS}
    write(many, [Job(FREE, SampleConfig(length=2))] * (SLOTS + 1))
    assert max(len(ids) for ids in many.read) == WIDE
    drafts = Rigged()
    write(drafts, [Job(FREE, SampleConfig(length=2, candidates=SLOTS + 1))])
    assert max(len(ids) for ids in drafts.read) == WIDE, "drafts are poems too"


class Shifting(Rigged):
    """Computes other bits for other numbers of rows: of features, of state, or of logits."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def features(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        features, state = super().features(ids, state)
        less = 1 - 1e-6 * (len(ids) > SLOTS)
        if self.what == "state":
            state = tuple(part * less for part in state)
        return features * (less if self.what == "features" else 1), state

    def logits(self, features: Tensor) -> Tensor:
        return super().logits(features) - 1e-6 * (len(features) > SLOTS) * (self.what == "logits")


@pytest.mark.parametrize("what", ["features", "state", "logits"])
def test_a_model_whose_bits_depend_on_the_rows_keeps_to_few(what: str) -> None:
    assert Sampler(Rigged(), VOCAB).width == WIDE
    model = Shifting(what)
    assert Sampler(model, VOCAB).width == SLOTS
    jobs = [Job(FREE, SampleConfig(length=6, seed=seed)) for seed in range(SLOTS + 4)]
    model.read.clear()
    together = write(model, jobs)
    assert [len(ids) for ids in model.read].count(WIDE) == 1, "the probe, and no more"
    assert [write(model, [job])[0] for job in jobs[-4:]] == together[-4:]


def test_narrowing_changes_nothing(lstm: PoetModel, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Half()
    jobs = [
        Job(
            Request("春夏秋冬"[: seed % 5], form), SampleConfig(seed=seed, length=6 * seed, candidates=1 + (seed == 40))
        )
        for seed, form in zip(range(1, 50), itertools.cycle(["free", "五绝"]), strict=False)
    ]
    monkeypatch.setattr(module, "WIDE", 64)
    if Sampler(lstm, VOCAB).width != 64:
        pytest.skip("this processor rounds otherwise with more rows, and the sampler keeps to few")
    rows: set[int] = set()
    read = Sampler._read

    def counting(self: Sampler, table: Rows) -> Any:
        rows.add(len(table))
        return read(self, table)

    monkeypatch.setattr(Sampler, "_read", counting)
    narrowed = write(lstm, jobs, width=64, lines=lines)
    assert rows >= {64, 32, SLOTS}
    rows.clear()
    monkeypatch.setattr(Rows, "narrow", lambda self: None)
    assert write(lstm, jobs, width=64, lines=lines) == narrowed
    assert rows == {64}


# Lines of the corpus ---------------------------------------------------------------------------------------------


class Corpus(LineIndex):
    """Keeps the lines that it was asked about."""

    def __init__(self) -> None:
        super().__init__(np.zeros(1, np.uint8), 0)
        self.asked: list[str] = []

    def known(self, lines: Sequence[str]) -> NDArray[np.bool_]:
        assert all(len(line) >= 5 and all(map(is_han, line)) for line in lines), "shorter lines are anybody's"
        self.asked.extend(lines)
        return np.array([self.holds(line) for line in lines])

    def holds(self, line: str) -> bool:
        return False


class Half(Corpus):
    """A corpus that holds about half of all lines."""

    def holds(self, line: str) -> bool:
        return sum(map(ord, line)) % 2 == 0


CHAIN = {"[BODY]": {"春": 1e8}, "，": {"春": 1e8}, "。": {"春": 1e8}}
CHAIN |= {a: {b: 1e8} for a, b in itertools.pairwise("春夏秋冬风")}
CHAIN["风"] = {"，": 1e8}


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_line_of_the_corpus_is_written_only_where_there_is_no_other(temperature: float) -> None:
    copied = one(Rigged(**CHAIN), length=25, temperature=temperature)
    assert clauses(copied.text)[0] == "春夏秋冬风", "left alone, the model knows nothing else"
    for lines in ({"春夏秋冬风"}, {"春夏秋冬风", "春夏秋冬花", "春夏秋冬春"}):
        poem = one(Rigged(**CHAIN), lines=LineIndex.build(lines), length=25, temperature=temperature)
        assert len(poem.text) == 25
        assert not lines & set(clauses(poem.text)), poem.text


@pytest.mark.slow
def test_no_line_comes_twice() -> None:
    for seed in range(5):
        poem = one(Rigged(**CHAIN), length=200, seed=seed)
        lines = [line for line in clauses(poem.text) if len(line) >= 5]
        assert len(lines) > 4 and len(set(lines)) == len(lines)
        assert lines[0] == "春夏秋冬风", "for once it may"


def test_tries_are_bounded() -> None:
    class All(Corpus):
        def holds(self, line: str) -> bool:
            return True

    lines = All()
    poem = one(Rigged(), Request("月", "五绝"), lines)
    assert len(poem.text) == 24, "where every line is a copy there is a poem all the same"
    assert len(lines.asked) == 4 * TRIES, "and a line that has had its tries is not asked about again"
    assert len(set(lines.asked)) == len(lines.asked), "and no try is like one before"


def test_the_last_line_counts_where_no_mark_ends_it() -> None:
    model = Rigged(**(CHAIN | {"风": {"[END]": 1e8}}))
    assert one(model, FREE, length=24).text == "春夏秋冬风"
    assert "春夏秋冬风" not in clauses(one(model, FREE, LineIndex.build(["春夏秋冬风"]), length=24).text)


def test_a_poem_may_begin_with_a_mark() -> None:
    model = Rigged(**{"[BODY]": {"，": 1e9}, "，": {"。": 1e9}, "。": {"，": 1e9}})
    assert one(model, FREE, length=4, lines=Half()).text == "，。，。"


def costs(model: PoetModel, header: Header, text: str) -> float:
    """Nats of a text under a header, teacher-forced in one go."""
    ids = Layout(VOCAB).encode(header)
    body = VOCAB.encode(text)
    with torch.inference_mode():
        logits, _ = model(torch.tensor([ids + body[:-1]]))
    found = torch.nn.functional.cross_entropy(logits[0, len(ids) - 1 :].double(), torch.tensor(body), reduction="sum")
    return float(found)


def test_what_was_taken_back_leaves_no_trace(lstm: PoetModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the state, nor in what it cost, nor in what has been used."""
    write_step = Sampler._write

    def checked(self: Sampler, writing: Any, features: Any, used: Tensor) -> Any:
        for row, slot in writing:
            charged = {VOCAB.tokens[id] for id in used[row].nonzero().flatten().tolist()}
            assert charged == {VOCAB.tokens[id] for id in slot.tokens[:-1] if is_han(VOCAB.tokens[id])}
        return write_step(self, writing, features, used)

    monkeypatch.setattr(Sampler, "_write", checked)
    lines = Half()
    jobs = [
        Job(
            Request(title, form, about=("明月",)[: len(title)]),
            SampleConfig(length=40, seed=seed, candidates=1 + seed % 2),
        )
        for seed, (title, form) in enumerate(itertools.product(("", "春夜"), ("五绝", "free", "七律")))
    ]
    poems = write(lstm, jobs, lines=lines)
    written = [line for poem in poems for line in clauses(poem.text) if len(line) >= 5]
    assert len(lines.asked) > 1.5 * len(written), "many were taken back"
    for job, poem in zip(jobs, poems, strict=True):
        header = plan(job.request, 40).header
        own = costs(lstm, header, poem.text)
        assert poem.perplexity == pytest.approx(np.exp(own / len(poem.text)), rel=1e-4)
        if job.config.candidates > 1:
            bare = costs(lstm, replace(header, title="", keywords=()), poem.text)
            assert poem.scores["likelihood"] == pytest.approx(-own / len(poem.text), abs=1e-4)
            assert poem.scores["title"] == pytest.approx((bare - own) / len(poem.text), abs=1e-4)
            assert bool(job.request.title) == (abs(poem.scores["title"]) > 1e-3)


def test_text_is_told_when_it_cannot_be_taken_back(lstm: PoetModel) -> None:
    jobs = [
        Job(Request("春"[: seed % 2], form), SampleConfig(length=50, seed=seed))
        for seed, form in enumerate(["free", "七绝"] * 4)
    ]
    told: dict[int, list[str]] = {number: [] for number in range(len(jobs))}
    done: dict[int, Sample] = {}
    for index, piece, sample in Sampler(lstm, VOCAB, lines=Half()).steps(jobs):
        assert index not in done, "nothing after the end"
        if sample:
            done[index] = sample
        else:
            told[index].append(piece)
    for index, poem in done.items():
        assert "".join(told[index]) == poem.text
        assert all(piece[-1] in "，。" and not set("，。") & set(piece[:-1]) for piece in told[index][:-1])
    assert sum(map(len, told.values())) > 2 * len(jobs), "line by line, not all at the end"
    (_, text, nothing), (_, rest, poem) = Sampler(lstm, VOCAB).steps([Job(Request("春"), SampleConfig(candidates=3))])
    assert poem and (text, nothing, rest) == (poem.text, None, ""), "of drafts the best, when it is known"


def test_other_languages_are_told_letter_by_letter() -> None:
    vocab = Vocab.build(dict.fromkeys("ab \n", 1), CONTROL)
    model = PoetModel(ModelConfig(len(vocab), layers=1, hidden=4, embed=4))
    pieces = [text for _, text, _ in Sampler(model, vocab).steps([Job(Request(), SampleConfig(length=20))])]
    assert {len(piece) for piece in pieces[:-1]} == {1} and pieces[-1] == ""
    assert sum(piece != "\n" for piece in pieces) == 20 + 1  # line ends are not counted


# Characters used before ------------------------------------------------------------------------------------------


def test_a_character_costs_more_once_it_was_used_but_not_at_once() -> None:
    count = 2500
    poems = write(Rigged(), [Job(FREE, SampleConfig(length=4, top_k=1000, temperature=1.0))] * count)
    texts = [poem.text for poem in poems if len(poem.text) > 3]
    signs = len(CHARACTERS) + 1  # and [END]

    def near(found: int, total: int, share: float) -> None:
        assert abs(found / total - share) < 4 * np.sqrt(share * (1 - share) / total), f"{found} of {total}"

    doubled = [text for text in texts if is_han(text[0])]
    near(sum(text[0] == text[1] for text in doubled), len(doubled), 1 / (signs - 1))
    apart = [text for text in doubled if text[1] != text[0] and is_han(text[1])]
    again = np.exp(-1)
    near(sum(text[2] == text[0] for text in apart), len(apart), again / (signs - 2 + again))
    near(sum(text[2] == text[1] for text in apart), len(apart), 1 / (signs - 2 + again))
    marks = [text for text in texts if text[0] == "，" and text[1] != "，"]
    near(sum(text[2] == "，" for text in marks), len(marks), 1 / (signs - 1))


# Ties ------------------------------------------------------------------------------------------------------------


def test_ties_go_by_id() -> None:
    verse = sorted(VOCAB.encode(CHARACTERS))
    assert one(Rigged(), FREE, length=1, temperature=0).text == VOCAB.tokens[verse[0]]
    jobs = [Job(FREE, SampleConfig(length=1, top_k=5, temperature=1.0, seed=seed)) for seed in range(100)]
    alone = write(Rigged(), jobs)
    assert {poem.text for poem in alone} == {VOCAB.tokens[id] for id in verse[:5]}, "at the cut too"
    other = Job(FREE, SampleConfig(length=1, top_k=1000))
    assert write(Rigged(), [job for pair in zip(jobs, [other] * 100, strict=True) for job in pair])[::2] == alone


# Candidates ------------------------------------------------------------------------------------------------------


class Noting(Ranker):
    """Keeps the drafts that it was given."""

    def best(self, drafts: Sequence[Draft]) -> tuple[Draft, dict[str, float]]:
        self.given = list(drafts)
        return super().best(drafts)


def drafts_of(model: PoetModel, job: Job) -> tuple[Sample, list[Draft], Ranker]:
    sampler = Sampler(model, VOCAB)
    sampler.ranker = noting = Noting(VOCAB, model.output.weight.detach().numpy())
    (sample,) = sampler.samples([job])
    return sample, noting.given, noting


def test_the_best_of_the_drafts_is_kept_and_more_are_no_worse(lstm: PoetModel) -> None:
    job = Job(Request("春夜", "五绝"), SampleConfig(seed=3, temperature=1.5))
    (single,) = write(lstm, [job])
    assert single.scores == {}
    before, scores = [VOCAB.encode(single.text)], -np.inf
    for count in (2, 3, 7):
        poem, drafts, ranker = drafts_of(lstm, job._replace(config=replace(job.config, candidates=count)))
        texts = [list(draft.tokens) for draft in drafts]
        assert [draft.number for draft in drafts] == list(range(count))
        assert texts[: len(before)] == before, "more drafts are drafts beside those that there were"
        assert len({tuple(text) for text in texts}) == count
        found = [scored["score"] for scored in ranker.scores(drafts)]
        assert VOCAB.encode(poem.text) == texts[int(np.argmax(found))]
        assert poem.scores["score"] == max(found) >= scores
        assert poem.perplexity == pytest.approx(np.exp(drafts[int(np.argmax(found))].nats / 24))
        before, scores = texts, max(found)


def test_drafts_are_judged_in_their_order_whichever_ends_first() -> None:
    _, drafts, _ = drafts_of(Rigged(any={"[END]": 5.0}), Job(FREE, SampleConfig(candidates=9, temperature=1.0)))
    lengths = [len(draft.tokens) for draft in drafts]
    assert lengths != sorted(lengths), "a later one ends before an earlier one"
    assert [draft.number for draft in drafts] == list(range(9))


def test_drafts_cost_what_they_cost_without_company(untrained: PoetModel) -> None:
    request = Request("春夜", "五绝", "唐", "春山", about=("明月", "归来"))
    header = plan(request, 64).header
    _, drafts, _ = drafts_of(untrained, Job(request, SampleConfig(candidates=4)))
    for draft in drafts:
        text = VOCAB.decode(draft.tokens)
        assert draft.nats == pytest.approx(costs(untrained, header, text), abs=24e-4)
        bare = replace(header, title="", keywords=())
        assert draft.unconditional_nats == pytest.approx(costs(untrained, bare, text), abs=24e-4)


def test_the_second_reader_is_told_neither_title_nor_keywords() -> None:
    model = Rigged()
    request = Request("春夜江", "五绝", "唐", "山", about=("明月",))
    write(model, [Job(request, SampleConfig(candidates=2))])
    for row in (0, 1):
        own, other = ([int(ids[row, 0]) for ids in model.read[start::2]] for start in (0, 1))
        assert VOCAB.decode(own).startswith("[五绝][唐][AUTHOR]山[KEYWORDS]明月[TITLE]春夜江[BODY]")
        text = own[len(Layout(VOCAB).encode(plan(request, 64).header)) :]
        bare = [id for id in other if id != PAD]
        assert VOCAB.decode(bare) == "[五绝][唐][AUTHOR]山[BODY]" + VOCAB.decode(text)
        assert other[-len(bare) :] == bare, "and both read the body at once"


def test_a_second_reader_starts_from_nothing() -> None:
    """In a slot used before, and after it has waited for the title to be read."""

    class Remembering(Rigged):
        def features(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
            assert state is not None
            seen.append((int(ids[0, 0]), float(state[0][0, 0, 0])))
            features, _ = super().features(ids, state)
            return features, tuple(part + 1 for part in state)

    seen: list[tuple[int, float]] = []
    write(Remembering(), [Job(Request("春夜", "free"), SampleConfig(length=2, candidates=2))] * 20, width=SLOTS)
    body = VOCAB.id("[BODY]")
    own, other = seen[::2], seen[1::2]
    assert [state for id, state in own if id == body] == [3.0] * 3
    assert [state for id, state in other if id == body] == [0.0] * 3


def test_no_poem_is_kept_once_it_was_handed_out() -> None:
    sampler = Sampler(Rigged(), VOCAB)
    sampler._width = SLOTS
    jobs = (Job(FREE, SampleConfig(length=1 + number % 3), number) for number in itertools.count())
    for sample in itertools.islice(sampler.samples(jobs), 400):
        number = sample.number
    gc.collect()
    assert number == 399
    kinds = Counter(type(one) for one in gc.get_objects())
    assert kinds[Slot] < 2 * SLOTS and kinds[Sample] < 4 * SLOTS


# How it is done --------------------------------------------------------------------------------------------------


def test_a_header_is_read_once_and_nothing_again() -> None:
    model = Rigged()
    request = Request("春夜江", "五绝", "唐", about=("明月",))
    poem = one(model, request)
    header = Layout(VOCAB).encode(plan(request, 64).header)
    read = [int(ids[0, 0]) for ids in model.read]
    assert read == header + VOCAB.encode(poem.text[:-1]), "each token goes in once; the last needs no going in"
    assert model.written == len(poem.text), "and while the header is read nothing is computed but the state"
    assert {ids.shape for ids in model.read} == {(SLOTS, 1)}


def test_slots_are_kept_full() -> None:
    model = Rigged()
    write(model, [Job(FREE, SampleConfig(length=1 + number % 9)) for number in range(10 * SLOTS)], width=SLOTS)
    assert len(model.read) < 2 * 5 * 10, "no poem waits for the longest of its batch"


def test_state_starts_from_zero_in_a_slot_used_before() -> None:
    class Remembering(Rigged):
        def features(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
            assert state is not None
            seen.append(state[0][0, :, 0].tolist())
            features, _ = super().features(ids, state)
            return features, tuple(part + 1 for part in state)

    seen: list[list[float]] = []
    write(Remembering(), [Job(FREE, SampleConfig(length=3))] * (2 * SLOTS), width=SLOTS)
    assert seen == [[step % 3] * SLOTS for step in range(6)]


def test_poems_come_in_order_and_characters_as_they_are_written() -> None:
    jobs = [Job(FREE, SampleConfig(length=1 + (7 * number) % 30)) for number in range(40)]
    poems = write(Rigged(any={"[END]": 0.0}), jobs)
    assert [poem.config for poem in poems] == [job.config for job in jobs]
    texts: dict[int, str] = {}
    done: dict[int, Sample] = {}
    for index, piece, sample in Sampler(Rigged(any={"[END]": 0.0}), VOCAB).steps(jobs):
        assert index not in done
        assert not (piece and sample)
        texts[index] = texts.get(index, "") + piece
        if sample is not None:
            done[index] = sample
    assert [done[index] for index in range(40)] == poems
    assert [texts[index] for index in range(40)] == [poem.text for poem in poems]


def test_requests_are_taken_as_they_are_needed() -> None:
    taken = []

    def endless() -> Iterator[Job]:
        for number in itertools.count():
            taken.append(number)
            yield Job(FREE, SampleConfig(length=5, seed=number))

    poems = list(itertools.islice(Sampler(Rigged(), VOCAB).samples(endless()), 1000))
    assert len(poems) == 1000 and len(taken) <= 1000 + 2 * WIDE
    assert write(Rigged(), []) == []


def test_a_record_says_what_was_asked_and_what_came_of_it() -> None:
    poem = one(Rigged(), Request("春", "五绝", keywords=("明月",)), seed=7, top_k=3)
    record = json.loads(json.dumps(poem.record("abc"), ensure_ascii=False))
    assert record["title"] == "春" and record["text"] == poem.text and record["form"] == "五绝"
    assert "".join(record["lines"]) == poem.text
    assert (record["seed"], record["number"], record["checkpoint"]) == (7, 0, "abc")
    options = {
        "length": 64,
        "top_k": 3,
        "top_p": 1.0,
        "temperature": 1.0,
        "candidates": 1,
        "form": "五绝",
        "keywords": ["明月"],
    }
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


def test_poems_under_way_count_for_what_is_written_of_them(lstm: PoetModel) -> None:
    """All of a batch come to their ends together: at the first end most of the work is done."""
    sampler = Sampler(lstm, VOCAB)
    jobs = [(Request("春", form="五绝"), SampleConfig(seed=seed)) for seed in range(20)]
    worth = []
    for _ in sampler.samples(jobs):
        worth.append(sampler.written.poems)
    assert worth[0] > 10 and worth == sorted(worth) and worth[-1] == pytest.approx(20, abs=1)
