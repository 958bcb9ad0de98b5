"""Poems explained by the rules of their form, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from poetgen.corpus import Poem
from poetgen.judging.annotation import annotated
from poetgen.language import ENGLISH, translated
from poetgen.prosody.explain import explain, explain_as_styled
from poetgen.prosody.explain_parallel import COUPLET, is_couplet
from poetgen.prosody.explanation import OF_METER, Explanation
from poetgen.prosody.forms import SHAPES, form_of
from poetgen.prosody.readings import Reader
from poetgen.prosody.schools import School
from poetgen.prosody.template import LONG, old_style
from poetgen.prosody.tune_book import TuneShape, tune_shapes
from poetgen.prosody.tune_names import fits_tune, tune_in_title
from poetgen.text import clauses

#: The forms that may be asked for by name, besides those of tunes.
FORMS_TO_CHECK: Final = ("auto", *SHAPES, *LONG, "古体", "五古", "七古", "对联")

#: Gives the shapes of a tune by any of its names, none for one that is not known.
TuneLookup = Callable[[str], Sequence[TuneShape]]

_LONG_BY_LENGTH: Final = {length: form for form, length in LONG.items()}


# Explaining ------------------------------------------------------------------------------------------------------


def explain_poem(
    poem: Poem,
    form: str = "auto",
    tunes: TuneLookup = tune_shapes,
    school: School | None = None,
    reader: Reader | None = None,
) -> Explanation:
    """A poem against the rules of a form: one of FORMS_TO_CHECK, or a tune that `tunes` knows; auto takes what fits.

    `reader` says which readings count, and the rhyme book where it is not that of the form.
    Among poems of one line length 排律 is told from 古体 by its tones, of which at most one line in ten may break them,
    and by its couplets, of which half at least are parallel.
    """
    lines = clauses(poem.body)
    if form in ("五古", "七古"):
        return explain(lines, "古体", old_style(5 if form == "五古" else 7, len(lines)), reader=reader, school=school)
    if form in FORMS_TO_CHECK and form != "auto":
        return explain(lines, form, reader=reader, school=school)
    if form != "auto":
        return explain(lines, "词", shapes=tunes(form), reader=reader, school=school)
    shape = poem.form or form_of(poem.body, poem.tune)
    if shapes := _tune(poem, lines, shape, tunes):
        return explain(lines, "词", shapes=shapes, reader=reader, school=school)
    if shape == "古体" and len(lines[0]) in _LONG_BY_LENGTH and len(lines) % 2 == 0 and len(lines) > 4:
        explanation = explain(lines, _LONG_BY_LENGTH[len(lines[0])], reader=reader, school=school)
        if _is_long_regulated(explanation):
            return explanation
    if is_couplet(lines, reader or Reader()):
        return explain(lines, COUPLET, reader=reader, school=school)
    if shape in SHAPES:
        return explain_as_styled(lines, shape, reader=reader, school=school)
    return explain(lines, shape, reader=reader, school=school)


def _is_long_regulated(explanation: Explanation) -> bool:
    broken = sum(note.name in OF_METER for note in explanation.faults)
    parallel = [couplet.parallel for _, couplet in explanation.couplets]
    return bool(
        explanation.rhyme_holds and 10 * broken <= len(explanation.lines) and 2 * sum(parallel) >= len(parallel)
    )


def _tune(poem: Poem, lines: Sequence[str], shape: str, tunes: TuneLookup) -> Sequence[TuneShape]:
    """The shapes of a poem's tune: the one its source names, or one at the head of its title that is as long."""
    if shape == "词":
        return tunes(poem.tune)
    name, lengths = tune_in_title(poem.title), list(map(len, lines))
    # 绝句 are called 采莲曲 too; a tune is the likelier only where many poems to it look like that.
    if not name or (shape in SHAPES and not fits_tune(name, lengths)):
        return ()
    shapes = tunes(name)
    return shapes if any(sum(known.template.lengths) == sum(lengths) for known in shapes) else ()


def explanation_record(
    poem: Poem, explanation: Explanation, language: str = ENGLISH, readings: bool = False
) -> dict[str, Any]:
    """What there is to say of a poem, as JSON values, in one of LANGUAGES; docs/checking.md describes the keys.

    With `readings` every line has those of its characters.
    """
    return {
        "title": poem.title,
        "author": poem.author,
        "form": explanation.form,
        "tune": explanation.tune or poem.tune,
        "shape": explanation.shape,
        "pattern": explanation.pattern,
        "book": explanation.book,
        "rhyme": {str(group): name for group, name in explanation.category},
        "holds": {"form": explanation.form_holds, "rhyme": explanation.rhyme_holds, "meter": explanation.meter_holds},
        "figures": {
            "form": explanation.verdict.form,
            "rhyme": explanation.verdict.rhyme,
            "meter": explanation.verdict.meter,
        }
        if explanation.verdict
        else None,
        "lines": [
            {
                "text": line.text,
                "tones": line.tones,
                "asked": line.asked,
                "breaks": list(line.breaks),
                "feet": list(line.feet),
                "group": line.group,
                "rhymes": line.rhymes,
            }
            | ({"readings": [asdict(one) for one in annotated(line, explanation.book)]} if readings else {})
            for line in explanation.lines
        ],
        "couplets": [
            {
                "lines": lines_of_couplet(number, explanation),
                "parallel": couplet.parallel,
                "probability": round(couplet.sure, 3),
                "same": list(couplet.same),
            }
            for number, couplet in explanation.couplets
        ],
        "notes": [
            {
                "kind": note.kind,
                "name": note.name,
                "line": note.line,
                "places": list(note.places),
                "text": translated(note.text, language),
            }
            for note in explanation.notes
        ],
    }


def lines_of_couplet(upper: int, explanation: Explanation) -> list[int]:
    """The numbers of both lines of a couplet, by that of the upper one."""
    return [upper, upper + (len(explanation.lines) // 2 if explanation.form == COUPLET else 1)]


# Counting --------------------------------------------------------------------------------------------------------


@dataclass
class Summary:
    """How many poems of each form hold what; `figures` counts regulated poems by the definitions of evaluate."""

    forms: dict[str, Counter[str]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)

    def add(self, explanation: Explanation) -> None:
        """Count one poem. Of form, rhyme and meter those are asked that the form has rules for."""
        row = self.forms.setdefault(explanation.form, Counter())
        row["poems"] += 1
        held = {"form": explanation.form_holds, "rhyme": explanation.rhyme_holds, "meter": explanation.meter_holds}
        if explanation.ruled:
            held["faultless"] = not explanation.faults
        for name, holds in held.items():
            if holds is not None:
                row[f"{name} asked"] += 1
                row[name] += holds
        self.faults.update({note.name for note in explanation.faults})
        if explanation.verdict:
            self.figures.update(
                poems=1, form=explanation.verdict.form, rhyme=explanation.verdict.rhyme, meter=explanation.verdict.meter
            )
