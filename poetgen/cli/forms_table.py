"""The table that `sample --forms` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from poetgen.cli.terminal import table
from poetgen.prosody.forms import SHAPES
from poetgen.prosody.template import LONG
from poetgen.writing.request import OLD

if TYPE_CHECKING:
    from poetgen.prosody.tunes import LearnedTune


def forms_table(tunes: Mapping[str, LearnedTune]) -> str:
    """The forms that sampling can hold: the regulated ones, old-style verse, and the tunes of a checkpoint."""
    rows: list[Sequence[str]] = [("form", "lines, by their characters", "rhymes on", "learned from")]
    rows += [(form, f"{count} of {chars}", "平", "") for form, (count, chars) in SHAPES.items()]
    rows += [(form, f"12 or --lines N of {chars}", "平", "") for form, chars in LONG.items()]
    rows += [(form, f"as they come or --lines N of {chars}", "平 or 仄, tones free", "") for form, chars in OLD.items()]
    for name, tune in tunes.items():
        lengths = list(map(str, tune.template.lengths))
        for place in sorted(accumulate(tune.template.stanzas[:-1]), reverse=True):
            lengths.insert(place, "|")
        lines = tune.template.variants[0]
        feet = dict.fromkeys((line.rhyme, line.tones[0][-1]) for line in lines if line.rhyme is not None)
        rows.append((name, " ".join(lengths), " ".join(tone for _, tone in feet), f"{tune.poems:,} poems"))
    return table(rows)
