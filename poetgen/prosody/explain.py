"""Why a poem keeps the rules of its form, or where it does not: every line with its tones, its foot and its faults.

What is held against a poem is the Template of its form (template.py):

    a tune of 词            explain_tune.py, which finds out first which shape of the tune the poem has
    古体                    explain_old_style.py
    对联, middle couplets    explain_parallel.py
    近体诗, 排律 too         explain_regulated.py, with the rules by which people name faults

The verdict of `check` (meter.py), by which figures are counted, stands beside: it looks at fewer places, forgives
fewer licences, and may differ. It is stricter in one thing alone: it does not know the 拗救 by the next line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from poetgen.language import Phrase
from poetgen.prosody.explain_old_style import OldStyleExplainer, sounds
from poetgen.prosody.explain_parallel import COUPLET, couplet_notes, explain_couplet
from poetgen.prosody.explain_regulated import RegulatedExplainer
from poetgen.prosody.explain_tune import TuneExplainer
from poetgen.prosody.explainer import Explainer, unruled
from poetgen.prosody.explanation import FAULT, OF_FORM, OF_METER, OF_RHYME, REMARK, Explanation, Note
from poetgen.prosody.forms import SHAPES
from poetgen.prosody.meter import check
from poetgen.prosody.readings import BOTH, Reader
from poetgen.prosody.rhymes import ANY, LEVEL, MODERN_BOOKS, OBLIQUE, PINGSHUI
from poetgen.prosody.schools import School
from poetgen.prosody.template import LONG, Template, old_style, regulated
from poetgen.prosody.tune_book import TuneShape


def explain(
    lines: Sequence[str],
    form: str,
    template: Template | None = None,
    reader: Reader | None = None,
    school: School | None = None,
    shapes: Sequence[TuneShape] = (),
) -> Explanation:
    """Explain a poem, given as lines without punctuation, by the rules of `form`.

    `shapes` are those of a tune, and the lines are cut as those of the shape that fits best. Regulated verse (also 五排
    and 七排) and 古体 have a template, if none is given, and what is left (词 of an unknown tune, 杂言, 散文) is shown
    without rules. `reader` says which readings of a character count, and by which rhyme book (by default the usual
    ones, and the book of the form); an unknown character fits any tone but no rhyme. `school` says what is forbidden
    or forgiven beside.

    >>> explanation = explain(["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"], "五绝")
    >>> explanation.faults, explanation.pattern, explanation.category, explanation.lines[0].tones
    ((), '仄起首句不入韵', ((0, '十一尤'),), '仄仄平平仄')
    >>> [(note.name, note.line, note.places) for note in explain(["白日依山尽", "黄河入海流"], "五绝").faults]
    [('句数', 0, ())]
    """
    template = shapes[0].template if shapes else template or _own_template(lines, form)
    reader = reader or Reader()
    reader = replace(reader, book=reader.book or (template.book if template else PINGSHUI))
    school = school or School()
    if form == COUPLET:
        return explain_couplet(lines, reader, school)
    if template is None:
        told = tuple(unruled(line, reader) for line in lines)
        return Explanation(form, "", "", reader.book, (), told, (), False, False, None)
    if form in SHAPES and _rhyme_oblique(lines, reader):
        oblique = _explained(lines, form, regulated(form, rhyme=OBLIQUE), reader, school)
        if not any(note.name in OF_METER | OF_FORM | OF_RHYME for note in oblique.faults):
            text = Phrase("the feet are oblique, and the tones are regulated: a rare kind, and no 古体")
            kind = Note(REMARK, "仄韵律绝", text) if len(lines) == 4 else Note(REMARK, "仄韵律诗", text)
            return replace(oblique, notes=(*oblique.notes, kind))
    return _explained(lines, form, template, reader, school, shapes)


def explain_as_styled(
    lines: Sequence[str], shape: str, reader: Reader | None = None, school: School | None = None
) -> Explanation:
    """Explain a poem of the shape of regulated verse as what it is: 古体, where its rhyme or its tones say so.

    Old-style are those that rhyme oblique without being 仄韵律绝, those whose rhyme turns, and those that break the
    tones in half their lines, not by 失对 and 失粘 alone. `verdict` is that of the shape, by which figures are counted.

    >>> explain_as_styled("千山鸟飞绝 万径人踪灭 孤舟蓑笠翁 独钓寒江雪".split(), "五绝").form
    '古体'
    """
    explanation = explain(lines, shape, reader=reader, school=school)
    if explanation.pattern and explanation.rhyme_holds and not _breaks_half(explanation):
        return _irregular(explanation)
    old = explain(lines, "古体", reader=reader, school=school)
    oblique = _rhyme_oblique(lines, reader or Reader())
    turns = len(old.category) > 1 and not explanation.rhyme_holds
    irregular = _irregular(explanation)
    if not old.rhyme_holds or not (oblique or turns or (_breaks_half(explanation) and irregular is explanation)):
        return irregular
    broken = sorted({note.line for note in explanation.faults if note.name in OF_METER})
    if oblique:
        why = Phrase("oblique feet, and tones that are not those of regulated verse")
    elif turns:
        why = Phrase("the rhyme turns, as that of regulated verse does not")
    else:
        why = Phrase("lines {lines} break the tones of {form}, too many for regulated verse", lines=broken, form=shape)
    note = Note(REMARK, "古绝" if len(lines) == 4 else "古体", why)
    return replace(old, notes=(*old.notes, note), verdict=explanation.verdict)


def _irregular(explanation: Explanation) -> Explanation:
    """拗律: a 律诗 with parallel couplets, three lines or more of which break the tones, two by themselves."""
    broken, loose = _broken_lines(explanation)
    parallel = [couplet.parallel for _, couplet in explanation.couplets]
    if len(explanation.lines) != 8 or broken < 3 or loose < 2 or not all(parallel):
        return explanation
    text = Phrase(
        "{count} lines break the tones, and the middle couplets are parallel: irregular on purpose", count=broken
    )
    others = [note for note in explanation.notes if note.name != "古体"]
    return replace(explanation, notes=(*others, Note(REMARK, "拗律", text)))


def _breaks_half(explanation: Explanation) -> bool:
    """Whether half the lines break the tones, and one at least by itself, not only beside its neighbours."""
    broken, loose = _broken_lines(explanation)
    return 2 * broken >= len(explanation.lines) and loose > 0


def _broken_lines(explanation: Explanation) -> tuple[int, int]:
    """How many lines break the tones, and how many of them by themselves, not only beside their neighbours."""
    names: dict[int, set[str]] = {}
    for note in explanation.faults:
        if note.name in OF_METER:
            names.setdefault(note.line, set()).add(note.name)
    return len(names), sum(bool(found - {"失对", "失粘"}) for found in names.values())


def _rhyme_oblique(lines: Sequence[str], reader: Reader) -> bool:
    """Whether the even lines rhyme by oblique readings and by no level ones; neighbouring rhymes count too."""
    shared = frozenset.intersection(*(sounds(reader, line) for line in lines[1::2])) if lines[1:] else frozenset()
    return bool(shared) and not any(name.startswith(LEVEL) for name in shared)


def _explained(
    lines: Sequence[str],
    form: str,
    template: Template,
    reader: Reader,
    school: School,
    shapes: Sequence[TuneShape] = (),
) -> Explanation:
    explainer: Explainer
    if shapes:
        explainer = TuneExplainer(lines, shapes, reader)
    elif form == "古体":
        explainer = OldStyleExplainer(lines, template, reader)
    else:
        explainer = RegulatedExplainer(lines, template, reader, school)
    explainer.explain()
    parallel = isinstance(explainer, RegulatedExplainer) and explainer.pattern and len(lines) > 4
    couplets, said = couplet_notes(lines) if parallel else ((), [])
    notes = school.judged([*explainer.notes, *said])
    if (
        reader.usual
        and reader.book not in MODERN_BOOKS
        and any(note.kind == FAULT and note.name in OF_METER | OF_RHYME for note in notes)
    ):
        any_reading = replace(reader, usual=False)
        notes = _with_rare_readings(notes, explainer, _explained(lines, form, template, any_reading, school, shapes))
    return Explanation(
        form,
        template.form if shapes else "",
        explainer.pattern,
        reader.book,
        tuple(sorted(explainer.category.items())),
        tuple(explainer.explained),
        tuple(sorted(notes, key=lambda note: (note.kind, note.line or len(lines) + 1))),
        True,
        form != "古体",
        check(lines, form) if form in SHAPES and reader.book == PINGSHUI else None,
        explainer.shape if isinstance(explainer, TuneExplainer) else 0,
        couplets,
    )


def _with_rare_readings(notes: Sequence[Note], explainer: Explainer, kinder: Explanation) -> list[Note]:
    """The notes, with a word on those faults of a line that only rare readings would mend; `kinder` counts all."""
    if [line.text for line in kinder.lines] != [line.text for line in explainer.explained]:
        return list(notes)  # by other readings another shape of the tune fits better
    broken = {note.line for note in kinder.faults if note.name in OF_METER | OF_RHYME}
    told = []
    for note in notes:
        rare: list[str] = []
        if note.kind == FAULT and note.name in OF_METER | OF_RHYME and note.line and note.line not in broken:
            line = kinder.lines[note.line - 1]
            usual = explainer.reader.tones(line.text)
            if note.name in OF_RHYME:
                rare = [line.text[-1]]
            else:
                asked = zip(line.text, line.asked, usual, line.tones, strict=True)
                rare = [
                    char
                    for char, tone, known, all_known in asked
                    if tone != ANY and tone not in known and all_known == BOTH
                ]
        if rare:
            text = Phrase("{why}; only a rare reading of {chars} would mend it", why=note.text, chars=rare)
            note = replace(note, text=text)
        told.append(note)
    return told


def _own_template(lines: Sequence[str], form: str) -> Template | None:
    """The template of a form that needs none from outside; None for a form without rules."""
    if form in SHAPES:
        return regulated(form)
    if form in LONG:
        return regulated(form, max(4, len(lines) + len(lines) % 2))
    if form == "古体" and lines and lines[0]:
        return old_style(len(lines[0]), len(lines))
    return None
