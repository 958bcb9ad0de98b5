"""How well couplets are answered: by people, by the network alone, and by `poetgen couplet`.

    python benchmarks/couplets.py DATASET CHECKPOINT [--num 300] [--answers 100]

From the 七律 of the validation split it takes lines 3 and 4, and 5 and 6, as couplets that stand alone. The first lines
are answered, and so are the second ones with --reverse. Figures are those of `poetgen check --form 对联`; perplexity is
that of people's second lines behind their first line, behind that of another couplet, and behind nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from poetgen.data.dataset import Dataset, poems_of
from poetgen.network.checkpoint import Checkpoint
from poetgen.prosody.explain_parallel import explain_couplet
from poetgen.prosody.readings import Reader
from poetgen.prosody.schools import School
from poetgen.text import clauses
from poetgen.writing.couplet import Couplet, CoupletRequest
from poetgen.writing.couplet_writer import CoupletWriter

Pair = tuple[str, str]


def people(dataset: Dataset, writer: CoupletWriter, num: int) -> list[Pair]:
    """The middle couplets of 七律, two of each poem, whose characters the network knows."""
    poems = (clauses(poem.body) for poem in poems_of(dataset.valid) if poem.form == "七律")
    known = (lines for lines in poems if all(char in writer.vocab for line in lines for char in line))
    return list(islice(((lines[at], lines[at + 1]) for lines in known for at in (2, 4)), num))


def report(name: str, pairs: Sequence[Pair]) -> None:
    """Print a row of the table."""
    explained = [explain_couplet(pair, Reader(), School()) for pair in pairs]
    names = [{note.name for note in one.faults} for one in explained]
    tones = np.mean([not found & {"失对", "尾字"} for found in names])
    faultless = np.mean([not found - {"对仗"} for found in names])
    (sure,) = zip(*((one.couplets[0][1].sure,) for one in explained), strict=True)
    figures = (tones, faultless, np.mean(np.array(sure) >= 0.5), np.mean(sure))
    print(f"| {name} | " + " | ".join(f"{figure:.3f}" for figure in figures) + f" | {len(pairs)} |", flush=True)


def perplexities(writer: CoupletWriter, pairs: Sequence[Pair]) -> None:
    """Print the perplexity of people's second lines."""
    plain = writer.header(CoupletRequest(pairs[0][0]), held=False)
    firsts, seconds = (np.array([writer.vocab.encode(line) for line in side]) for side in zip(*pairs, strict=True))
    commas = np.full((len(pairs), 1), writer.vocab.id("，"))
    for name, before in {"its first line": firsts, "that of another": np.roll(firsts, 2, axis=0)}.items():
        behind = np.hstack([before, commas])
        nats = writer.costs(plain, np.hstack([behind, seconds])) - writer.costs(plain, behind)
        print(f"| {name} | {np.exp(nats.sum() / seconds.size):.1f} |")
    print(f"| nothing | {np.exp(writer.costs(plain, seconds).sum() / seconds.size):.1f} |", flush=True)


def drafted(writer: CoupletWriter, pairs: Sequence[Pair]) -> list[Pair]:
    """One draft for each first line, by no rule but that no character comes twice."""
    requests = [writer.request(first, tones="off", candidates=1, seed=1) for first, _ in pairs]
    drafts = [writer.drafts(request, request.stream("one"))[0] for request in requests]
    return list(map(pair_of, drafts))


def pair_of(couplet: Couplet) -> Pair:
    return couplet.first, couplet.second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--num", type=int, default=300)
    parser.add_argument("--answers", type=int, default=100, help="how many of the lines are answered from 64 drafts")
    args = parser.parse_args()
    checkpoint = Checkpoint.load(args.checkpoint)
    writer = CoupletWriter(checkpoint)
    pairs = people(Dataset.load(args.dataset), writer, args.num)
    perplexities(writer, pairs)
    report("people", pairs)
    report("the network alone", drafted(CoupletWriter(checkpoint, table_weight=0), pairs))
    report("one draft with the table", drafted(writer, pairs))
    report("`poetgen couplet`", answered(writer, pairs[: args.answers], reverse=False))
    report("`poetgen couplet --reverse`", answered(writer, pairs[: args.answers], reverse=True))


def answered(writer: CoupletWriter, pairs: Sequence[Pair], reverse: bool) -> list[Pair]:
    """The best answer to each line that ends on the tone that it should."""
    found = []
    for pair in pairs:
        ends = Reader().tones(pair[reverse])[-1]
        if ends and ("平" if reverse else "仄") not in ends:
            continue
        found += map(pair_of, writer.answers(writer.request(pair[reverse], reverse=reverse, seed=1)))
    return found


if __name__ == "__main__":
    main()
