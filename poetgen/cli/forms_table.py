"""What `sample --list-forms` prints: all forms in a table, or the shapes of one tune with their tones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from poetgen.cli.terminal import INDENT, table
from poetgen.humanize import how_many
from poetgen.prosody.forms import SHAPES
from poetgen.prosody.template import LONG
from poetgen.prosody.tune_book import own_poems
from poetgen.writing.request import OLD

if TYPE_CHECKING:
    from poetgen.prosody.template import Template, TemplateLine
    from poetgen.prosody.tune_book import TuneShape


def forms_table(tunes: Mapping[str, Sequence[TuneShape]]) -> str:
    """The forms that sampling can hold: the regulated ones, old-style verse, and tunes with their shapes."""
    rows: list[Sequence[str]] = [("form", "lines, by their characters", "rhymes on", "shapes", "poems")]
    rows += [(form, f"{count} of {chars}", "平", "", "") for form, (count, chars) in SHAPES.items()]
    rows += [(form, f"12 or --lines N of {chars}", "平", "", "") for form, chars in LONG.items()]
    rows += [
        (form, f"as they come or --lines N of {chars}", "平 or 仄, tones free", "", "") for form, chars in OLD.items()
    ]
    for name, shapes in tunes.items():
        template, poems = shapes[0].template, own_poems(name, shapes)
        rows.append((name, _lengths(template), _feet(template), f"{len(shapes)}", f"{poems:,}" if poems else ""))
    return table(rows)


def shapes_text(name: str, shapes: Sequence[TuneShape]) -> str:
    """The shapes of a tune, each with its number, where it is from, and its tones."""
    parts = []
    for number, shape in enumerate(shapes, start=1):
        source = f"钦定词谱, {shape.tune} {shape.number}" if shape.number else "learned from the corpus"
        size = f"{sum(shape.template.lengths)} characters"
        poems = how_many(shape.poems, "poem")
        parts.append("  ".join((f"{name}:{number}", _lengths(shape.template), size, poems, source)))
        ends = set(accumulate(shape.template.stanzas[:-1]))
        text = ""
        for line_number, line in enumerate(shape.template.variants[0], start=1):
            text += _pattern(line) + (f"\n{INDENT}" if line_number in ends else "")
        parts.append(INDENT + text)
    return "\n".join(parts) + "\n"


def shape_records(tunes: Mapping[str, Sequence[TuneShape]]) -> Iterable[dict[str, Any]]:
    """The shapes of tunes as JSON values."""
    for name, shapes in tunes.items():
        for number, shape in enumerate(shapes, start=1):
            yield {
                "form": f"{name}:{number}",
                "poems": shape.poems,
                "tune": shape.tune,
                "number": shape.number,
                "stanzas": shape.template.stanzas,
                "lines": [
                    {
                        "tones": line.tones,
                        "rhyme": line.rhyme,
                        "mark": line.mark,
                        "pause": line.pause,
                        "lead": line.lead,
                        "repeats": line.repeats,
                        "departing": [place + 1 for place in line.departing],
                        "entering": line.entering,
                    }
                    for line in shape.template.variants[0]
                ],
            }


def _lengths(template: Template) -> str:
    lengths = list(map(str, template.lengths))
    for place in sorted(accumulate(template.stanzas[:-1]), reverse=True):
        lengths.insert(place, "|")
    return " ".join(lengths)


def _feet(template: Template) -> str:
    lines = template.variants[0]
    feet = dict.fromkeys((line.rhyme, line.tones[0][-1]) for line in lines if line.rhyme is not None)
    return " ".join(tone for _, tone in feet)


def _pattern(line: TemplateLine) -> str:
    """A line by its first alternative: 仄、中平中仄韵。"""
    tones = ["去" if place in line.departing else tone for place, tone in enumerate(line.tones[0])]
    if line.pause:
        tones.insert(line.pause, "、")
    foot = "" if line.rhyme is None else "韵"
    if line.repeats:
        foot = "叠"
    return "".join(tones) + foot + line.mark
