"""The figures of a checkpoint on poems: ppl_char and ppl_all, by the definitions in perplexity.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from poetgen import check
from poetgen.checkpoint import Checkpoint
from poetgen.corpus import Counts, Poem, Script
from poetgen.dataset import FIELDS, POEM, Split
from poetgen.perplexity import Scorer, Tally
from poetgen.sequence import Layout, control
from poetgen.vocab import Vocab

#: Window and rows of an evaluation; they change its speed and not its figures.
_SEQ_LEN, _ROWS = 256, 64


def read_poems(path: Path, script: Script = "simplified") -> tuple[list[Poem], Counts]:
    """The poems of a file in any format that preprocess reads, forms recognised, and what cleaning did to them.

    None is dropped for being short, long or a duplicate, but a poem with holes cannot be scored. Raises SourceError.
    """
    return check.read_poems(path, script, passages=True)


def split_of(poems: Sequence[Poem], vocab: Vocab) -> Split:
    """Poems as a split of a dataset in the ids of `vocab`, with their titles, tunes and forms."""
    records = np.zeros(len(poems), dtype=POEM)
    ids: list[int] = []
    for row, poem in enumerate(poems):
        parts = {
            "tune": vocab.encode(poem.tune),
            "author": vocab.encode(poem.author),
            "keywords": [],
            "title": vocab.encode(poem.title),
            "body": vocab.encode(poem.body),
        }
        records[row]["start"] = len(ids)
        records[row]["form"] = vocab.id(control(poem.form)) if poem.form else 0
        records[row]["dynasty"] = vocab.id(control(poem.dynasty)) if poem.dynasty else 0
        for name in FIELDS:
            records[row][name] = len(parts[name])
            ids.extend(parts[name])
    return Split(np.array(ids, dtype=np.uint32), records, Layout(vocab))


def score(
    checkpoint: Checkpoint, split: Split, progress: Callable[[int, int], None] = lambda done, total: None
) -> Tally:
    """The tally of every poem of a split, teacher-forced, each given its title, tune and form."""
    groups = split.groups(_ROWS * _SEQ_LEN, _SEQ_LEN)
    total = Tally()
    scorer = Scorer(checkpoint.vocab)
    done = 0
    for group in groups:
        total += scorer.tally(checkpoint.model, split.windows(group, _SEQ_LEN))
        done += len(group.poems)
        progress(done, len(split))
    return total
