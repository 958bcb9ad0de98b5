"""Whether poems hold what is given of them, and what that costs the rest of them.

    python benchmarks/demands.py --poems bench.jsonl --num 20                      # JSON Lines with titles and poems
    python benchmarks/demands.py --poems bench.jsonl --num 20 --ways               # and by which means

For each of the first poems of the file that keep the rules of 五绝 or 七绝, a poem is asked for with its title and
form, and with something of it given: its first line, every other of its characters, its feet, its rhyme, the heads of
its lines, a word of its keywords, or several of these together. `stands` is the share of poems in which all of it
stands, `holds` the share that keep form, tones and rhyme by any reading. `free` is the perplexity of the characters
that were free, each read behind those before it with form, title and rhyme in the header, and without the field that
tells what is held; `plain` is that of poems for the same titles of which nothing was given, at the same places. `time`
is the processor's for writing, beside that for the plain poems.

With --ways the drafts are written by masks alone, with populations (population.py), with the field of what is held,
and with both. `given` is what the characters that were given cost in nats, beside `mean`, what a free character does;
`rhyme` is what the last two characters of the rhyming lines cost; `lines` is the share of the lines of a poem's drafts
that are different; `best` is the perplexity of the drafts that were chosen. All but the last is of all drafts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from poetgen.config import CANDIDATES, SampleConfig
from poetgen.corpus import Poem
from poetgen.data.dataset import split_of
from poetgen.errors import UsageError
from poetgen.files import parse_json
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.perplexity import Scorer
from poetgen.network.registry import find
from poetgen.prosody import check
from poetgen.text import LOST, clauses, is_han
from poetgen.writing.fitting import fit
from poetgen.writing.rank import Draft
from poetgen.writing.request import Request
from poetgen.writing.rhyme_choice import rhyme_like
from poetgen.writing.sample import Job, Sample
from poetgen.writing.sampler import Sampler


@dataclass(frozen=True)
class Source:
    """A poem of the file: its title, form, lines and one of its keywords."""

    title: str
    form: str
    lines: tuple[str, ...]
    word: str

    @property
    def text(self) -> str:
        """The lines with marks."""
        return "".join(line + "，。"[number % 2] for number, line in enumerate(self.lines))


def sources(path: Path, loaded: Checkpoint) -> Iterator[Source]:
    """The poems of a file that keep the rules of a quatrain, and that the checkpoint can read."""
    for row in path.read_text(encoding="utf-8").splitlines():
        record = parse_json(row)
        lines = tuple(record["content"].split("|"))
        form = {(4, 5): "五绝", (4, 7): "七绝"}.get((len(lines), len(lines[0])), "")
        words = [word for word in str(record.get("keywords", "")).split() if any(word in line for line in lines)]
        known = all(char in loaded.vocab for char in "".join(lines))
        if form and words and known and check(lines, form).ok:
            yield Source(fit(record["title"][:20], loaded.vocab)[0], form, lines, words[0])


def _half(source: Source) -> str:
    return "".join(LOST if is_han(char) and number % 2 else char for number, char in enumerate(source.text))


def _feet(source: Source) -> str:
    return "".join(line[-1] for line in source.lines[1::2])


KINDS: dict[str, Callable[[Source], Request]] = {
    "nothing": lambda s: Request(s.title, s.form),
    "begin": lambda s: Request(s.title, s.form, begin=s.lines[0]),
    "pattern": lambda s: Request(s.title, s.form, pattern=_half(s)),
    "feet": lambda s: Request(s.title, s.form, feet=_feet(s)),
    "rhyme-like": lambda s: Request(s.title, s.form, rhyme=rhyme_like(s.text)),
    "hidden": lambda s: Request(s.title, s.form, acrostic="".join(line[0] for line in s.lines)),
    "place 2": lambda s: Request(s.title, s.form, acrostic="".join(line[1] for line in s.lines), place="2"),
    "keywords": lambda s: Request(s.title, s.form, keywords=(s.word,)),
    "together": lambda s: Request(s.title, s.form, begin=s.lines[0][0], feet=_feet(s), keywords=(s.word,)),
}


def given_places(text: str, request: Request) -> list[bool]:
    """Of each character of a poem whether it was given."""
    held = [False] * len(text)
    lines = clauses(text)
    starts = np.cumsum([0, *(len(line) + 1 for line in lines)]).tolist()
    at: list[int] = []
    if request.begin:
        at += range(len(request.begin))
    if request.pattern:
        at += [place for place, char in enumerate(request.pattern) if is_han(char)]
    if request.acrostic:
        at += [start + int(request.place) - 1 for start in starts[: len(request.acrostic)]]
    if request.feet:
        at += [starts[line] + len(lines[line]) - 1 for line in (1, 3)]
    for word in request.keywords:
        at += range(text.find(word), text.find(word) + len(word)) if word in text else ()
    for place in at:
        held[place] = True
    return held


def stands(text: str, request: Request) -> bool:
    """Whether all that was given stands in a poem."""
    lines = clauses(text)
    pattern = request.pattern or LOST * len(text)
    return (
        text.startswith(request.begin)
        and all(asked in (LOST, char) for asked, char in zip(pattern, text, strict=True))
        and all(line[int(request.place) - 1] == char for line, char in zip(lines, request.acrostic, strict=False))
        and (not request.feet or "".join(line[-1] for line in lines[1::2]) == request.feet)
        and all(word in text for word in request.keywords)
        and (request.rhyme == "auto" or check(lines, _form_of(text)).category == request.rhyme)
    )


def _form_of(text: str) -> str:
    return "五绝" if len(text) == 24 else "七绝"


def costs(loaded: Checkpoint, texts: Sequence[str], requests: Sequence[Request]) -> list[np.ndarray]:
    """What each character of some poems costs in nats, with form, title and rhyme in the header and nothing else."""
    bodies = [Poem(text, title=request.title, form=request.form) for text, request in zip(texts, requests, strict=True)]
    split = split_of(bodies, loaded.vocab)
    found: dict[int, np.ndarray] = {}
    for number, read in Scorer(loaded.vocab).poems(loaded.model, split, given=("form", "title", "rhyme")):
        found[number] = read.nats.numpy()[int(split.poems["rhyme"][number] > 0) : -1]
    return [found[number] for number in range(len(texts))]


class Drafts(Sampler):
    """A sampler that keeps the drafts it chose from, by the number of the job."""

    def _best(self, sample: Sample, drafts: list[Draft]) -> Sample:
        self.kept.append((sample.request, [self.vocab.decode(draft.tokens) for draft in drafts]))
        return super()._best(sample, drafts)

    kept: list[tuple[Request, list[str]]]


def write(sampler: Drafts, requests: Sequence[Request], candidates: int) -> tuple[list[str], float]:
    """The poems, and the seconds that they took; a request that is refused gives an empty one."""
    config = SampleConfig(seed=1, candidates=candidates)
    sampler.kept, able = [], []
    for number, request in enumerate(requests):
        try:
            sampler.check(request, config)
            able.append(number)
        except UsageError as error:
            print(f"refused: {error}")
    begun = time.process_time()
    written = dict(zip(able, sampler.samples(Job(requests[number], config) for number in able), strict=True))
    seconds = time.process_time() - begun
    return [written[number].text if number in written else "" for number in range(len(requests))], seconds


def perplexity_of(found: Sequence[np.ndarray], free: Sequence[Sequence[bool]]) -> float:
    """The perplexity of some characters of poems, by their costs in nats."""
    nats = np.concatenate([cost[np.array(places)] for cost, places in zip(found, free, strict=True)])
    return float(np.exp(nats.mean()))


def kinds(loaded: Checkpoint, poems: Sequence[Source], candidates: int) -> None:
    """The table of what is asked."""
    sampler = Drafts(loaded.model, loaded.vocab, loaded.forms, loaded.lines)
    bare = [KINDS["nothing"](poem) for poem in poems]
    plain, seconds = write(sampler, bare, candidates)
    plain_costs = costs(loaded, plain, bare)
    print("| given | stands | holds | free | plain | time |\n| --- | --- | --- | --- | --- | --- |")
    for kind, ask in KINDS.items():
        requests = [ask(poem) for poem in poems]
        texts, taken = write(sampler, requests, candidates) if kind != "nothing" else (plain, seconds)
        rows = [number for number, text in enumerate(texts) if text]
        asked, texts = [requests[number] for number in rows], [texts[number] for number in rows]
        held = [given_places(text, request) for text, request in zip(texts, asked, strict=True)]
        free = [
            [is_han(char) and not given for char, given in zip(text, places, strict=True)]
            for text, places in zip(texts, held, strict=True)
        ]
        own = perplexity_of(costs(loaded, texts, asked), free)
        beside = perplexity_of([plain_costs[number] for number in rows], free)
        right = np.mean([stands(text, request) for text, request in zip(texts, asked, strict=True)])
        holds = np.mean([check(clauses(text), _form_of(text)).ok for text in texts])
        ratio = taken / seconds * len(poems) / len(rows)
        print(f"| {kind} | {right:.0%} | {holds:.0%} | {own:.1f} | {beside:.1f} | {ratio:.2f} |", flush=True)
        for text in texts[:3]:
            print(f"    {text}")


def ways(loaded: Checkpoint, poems: Sequence[Source], candidates: int) -> None:
    """The table of masks, populations and the field."""
    print("| given | way | given, nats | mean | rhyme | lines | best |\n| --- | --- | --- | --- | --- | --- | --- |")
    for kind in ("nothing", "pattern", "feet", "keywords"):
        requests = [KINDS[kind](poem) for poem in poems]
        for populations, field in ((False, False), (True, False), (False, True), (True, True)):
            if kind == "nothing" and field:
                continue
            sampler = Drafts(loaded.model, loaded.vocab, loaded.forms, loaded.lines)
            sampler.drafting.steers = lambda planned, on=populations: on  # type: ignore[method-assign,misc]
            if not field:
                sampler.drafting._held = lambda planned: ()  # type: ignore[method-assign]
            best, _ = write(sampler, requests, candidates)
            drafts = [(request, text) for request, texts in sampler.kept for text in texts]
            found = costs(loaded, [text for _, text in drafts], [request for request, _ in drafts])
            held = [given_places(text, request) for request, text in drafts]
            han = [[is_han(char) for char in text] for _, text in drafts]
            all_nats, all_given = np.concatenate(found), np.concatenate(held)
            is_free = np.concatenate(han) & ~all_given
            given = all_nats[all_given].mean() if all_given.any() else float("nan")
            rhyme = np.mean(
                [
                    cost[end - 3 : end - 1]
                    for cost in found
                    for end in (len(cost) // 2, len(cost))  # of the couplets, with their marks
                ]
            )
            lines = np.mean([_different([clauses(text) for text in texts]) for _, texts in sampler.kept])
            kept = [(text, request) for text, request in zip(best, requests, strict=True) if text]
            texts, asked = zip(*kept, strict=True)
            chosen = perplexity_of(costs(loaded, texts, asked), [[is_han(char) for char in text] for text in texts])
            way = " and ".join(["masks"] + ["populations"] * populations + ["field"] * field)
            mean = all_nats[is_free].mean()
            figures = " | ".join(f"{figure:.2f}" for figure in (given, mean, rhyme, lines, chosen))
            print(f"| {kind} | {way} | {figures} |", flush=True)


def _different(drafts: Sequence[Sequence[str]]) -> float:
    lines = [line for draft in drafts for line in draft]
    return len(set(lines)) / len(lines)


def main() -> None:
    """Write, count, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--poems", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--num", type=int, default=20)
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    parser.add_argument("--ways", action="store_true")
    options = parser.parse_args()
    loaded = Checkpoint.load(find(options.checkpoint))
    poems = [poem for poem, _ in zip(sources(options.poems, loaded), range(options.num), strict=False)]
    (ways if options.ways else kinds)(loaded, poems, options.candidates)


if __name__ == "__main__":
    main()
