"""A poem that breaks a rule is mended: the smallest part of it that is at fault is written anew.

faults of `check` ──▶ their places ──▶ with their words ──▶ their lines ──▶ their couplets ──▶ the first that does
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Unpack

from poetgen.corpus import Poem
from poetgen.errors import UsageError
from poetgen.judging.checking import explain_poem
from poetgen.prosody.explanation import OF_FORM, Explanation
from poetgen.prosody.readings import PAUSES
from poetgen.prosody.tune_names import asked_form
from poetgen.text import CLAUSE_ENDS, LOST, is_han
from poetgen.writing.demands import can_hold, misplaced
from poetgen.writing.request import Options
from poetgen.writing.sample import Sample
from poetgen.writing.writer import Writer

#: Of a poem a line and a character of it, from 0.
_Place = tuple[int, int]


class Change(NamedTuple):
    """A line that was written anew: its number from 1, what it was and what it is, and its faults."""

    line: int
    before: str
    after: str
    faults: tuple[str, ...]


class Mended(NamedTuple):
    """A poem after mending, what was changed, and the faults that are left; `sample` is None where there were none."""

    poem: Poem
    sample: Sample | None
    changes: tuple[Change, ...]
    left: tuple[str, ...]


def mend(writer: Writer, poem: Poem, **options: Unpack[Options]) -> Mended:
    """Write the smallest part of a poem anew that `check` faults; `options` are those of a poem, and name its form.

    Raises UsageError for a poem whose lines have not the number or length of its form, and where nothing mends it.
    """
    form = asked_form(options.get("form") or "auto")
    before = explain_poem(poem, form)
    if not before.faults:
        return Mended(poem, None, (), ())
    if any(fault.name in OF_FORM for fault in before.faults):
        fault = next(fault for fault in before.faults if fault.name in OF_FORM)
        raise UsageError(f"{fault.text}; a poem is mended that has the lines of its form: name another with --form")
    asked = before.tune or before.form
    best: tuple[int, Sample, Explanation] | None = None
    refused: UsageError | None = None
    for places in _parts(poem, before, writer, asked):
        options["pattern"], options["form"] = _with_gaps(poem.body, places), asked
        try:
            job, _ = writer.job(poem.title, **options)
        except UsageError as error:
            refused = error
            continue
        sample = next(iter(writer.samples([job])))
        after = explain_poem(Poem(sample.text, title=poem.title, form=poem.form, tune=poem.tune), asked)
        if best is None or len(after.faults) < best[0]:
            best = len(after.faults), sample, after
        if not after.faults:
            break
    if best is None:
        assert refused is not None
        raise refused
    _, sample, after = best
    changes = tuple(
        Change(number, old.text, new.text, tuple(f.name for f in before.faults if f.line == number))
        for number, (old, new) in enumerate(zip(before.lines, after.lines, strict=True), start=1)
        if old.text != new.text
    )
    mended = Poem(sample.text, title=poem.title, form=poem.form, tune=poem.tune)
    return Mended(mended, sample, changes, tuple(fault.name for fault in after.faults))


def _parts(poem: Poem, before: Explanation, writer: Writer, form: str) -> Iterator[frozenset[_Place]]:
    """What may be written anew, the smallest first: what the form can then hold, or all of the poem."""
    lines = [line.text for line in before.lines]
    template = writer.template(form, len(lines))
    faulted = {
        (fault.line - 1, place - 1)
        for fault in before.faults
        if fault.line
        for place in fault.places or (len(lines[fault.line - 1]),)
    }
    tried: set[frozenset[_Place]] = set()
    starts = [faulted, *(set(places) for places in misplaced(template, lines))] if template else [faulted]
    grown = [frozenset(places) for places in starts if places]
    for grow in (_itself, _words, _lines, _couplets):
        for places in sorted((grow(places, lines) for places in grown), key=len):
            if places not in tried and (template is None or can_hold(template, _held(lines, places))):
                tried.add(places)
                yield places
    every = frozenset((number, place) for number, line in enumerate(lines) for place in range(len(line)))
    if every not in tried:
        yield every


def _itself(places: frozenset[_Place], lines: list[str]) -> frozenset[_Place]:
    return places


def _words(places: frozenset[_Place], lines: list[str]) -> frozenset[_Place]:
    """The places with what stands beside them between two pauses."""
    found = set()
    for line, place in places:
        edges = [0, *PAUSES.get(len(lines[line]), ()), len(lines[line])]
        start = max(edge for edge in edges if edge <= place)
        end = min(edge for edge in edges if edge > place)
        found |= {(line, at) for at in range(start, end)}
    return frozenset(found)


def _lines(places: frozenset[_Place], lines: list[str]) -> frozenset[_Place]:
    return frozenset((line, at) for line in {line for line, _ in places} for at in range(len(lines[line])))


def _couplets(places: frozenset[_Place], lines: list[str]) -> frozenset[_Place]:
    numbers = {number for line, _ in places for number in (line - line % 2, line - line % 2 + 1) if number < len(lines)}
    return frozenset((line, at) for line in numbers for at in range(len(lines[line])))


def _held(lines: list[str], places: frozenset[_Place]) -> list[str]:
    return [
        "".join(LOST if (number, place) in places else char for place, char in enumerate(line))
        for number, line in enumerate(lines)
    ]


def _with_gaps(body: str, places: frozenset[_Place]) -> str:
    """A body with □ at some places; its marks stay."""
    text, line, place = "", 0, 0
    for char in body:
        text += LOST if is_han(char) and (line, place) in places else char
        place += is_han(char)
        if char in CLAUSE_ENDS:
            line, place = line + 1, 0
    return text
