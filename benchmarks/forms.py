"""Whether poems written under constraints hold their forms, and what that costs them.

    python benchmarks/forms.py --titles titles.txt                      # one title a line, unseen in training
    python benchmarks/forms.py --titles bench.jsonl --poems 1000        # JSON Lines with titles

Each regulated form is written with its rules and without any (the form in the header, as long as the form is; lines,
tones, rhymes and repetitions are the network's own), with the same titles, temperature and seed. Form, rhyme, meter,
distinct-2 and repeats are those of poetgen.judging.metrics; ppl is the network's own perplexity of what was chosen.
Copies are lines of five or more characters that stand in the checkpoint's index of its corpus.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from pathlib import Path

from poetgen.config import SampleConfig
from poetgen.judging import metrics
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.registry import find
from poetgen.prosody import SHAPES
from poetgen.text import clauses
from poetgen.writing.fitting import fit
from poetgen.writing.request import Request
from poetgen.writing.sample import Job, Sample
from poetgen.writing.sampler import Sampler
from poetgen.writing.titles import TitleLine, read_titles


def perplexity(samples: Sequence[Sample]) -> float:
    """Over all characters of all samples."""
    nats = sum(math.log(sample.perplexity) * len(sample.text) for sample in samples)
    return math.exp(nats / sum(len(sample.text) for sample in samples))


def copies(samples: Iterable[Sample], loaded: Checkpoint) -> float:
    """The share of lines that stand in the corpus."""
    lines = [line for sample in samples for line in clauses(sample.text) if len(line) >= 5]
    return sum(line in loaded.lines for line in lines) / len(lines) if loaded.lines else math.nan


def main() -> None:
    """Write, count, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--titles", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--poems", type=int, default=1000)
    parser.add_argument("--forms", default=",".join(SHAPES))
    parser.add_argument("--temperature", type=float, default=SampleConfig.temperature)
    parser.add_argument("--candidates", type=int, default=1)
    options = parser.parse_args()
    loaded = Checkpoint.load(find(options.checkpoint))
    lines = [line.title for line in read_titles(options.titles).lines if isinstance(line, TitleLine) and line.title]
    titles = list(islice(cycle(dict.fromkeys(fit(title[:20], loaded.vocab)[0] for title in lines)), options.poems))
    samplers = {
        "rules": Sampler(loaded.model, loaded.vocab, loaded.forms, loaded.lines),
        "none": Sampler(loaded.model, loaded.vocab, rules=False),
    }
    print(f"{loaded.path} ({loaded.id}), {len(titles):,} poems a row, temperature {options.temperature:g}\n")
    print("| form | rules | form | rhyme | meter | ppl | distinct-2 | in a poem | repeats | copied lines |")
    print("| --- " * 10 + "|")
    for form in options.forms.split(","):
        for name, sampler in samplers.items():
            config = SampleConfig(
                seed=1, temperature=options.temperature, candidates=options.candidates if name == "rules" else 1
            )
            samples = list(sampler.samples(Job(Request(title, form), config) for title in titles))
            poems = [sample.text for sample in samples]
            held = {name: found.value for name, found in metrics.of_form(poems, form).items()}
            print(
                f"| {form} | {name} | {held['form']:.1%} | {held['rhyme']:.1%} | {held['meter']:.1%} "
                f"| {perplexity(samples):.1f} | {metrics.distinct(poems, 2):.3f} | {held['distinct-2 in a poem']:.3f} "
                f"| {held['repeats']:.1%} | {copies(samples, loaded):.2%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
