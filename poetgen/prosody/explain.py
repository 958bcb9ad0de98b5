"""Why a poem keeps the rules of its form, or where it does not: every line with its tones, its foot and its faults.

What is held against a poem is the Template of its form (template.py):

    a tune of 词            explain_tune.py, which finds out first which shape of the tune the poem has
    古体                    explain_old_style.py
    近体诗, 排律 too         explain_regulated.py, with the rules by which people name faults

The verdict of `check` (meter.py), by which figures are counted, stands beside: it looks at fewer places, forgives
fewer licences, and may differ. It is stricter in one thing alone: it does not know the 拗救 by the next line.
"""

from __future__ import annotations

from collections.abc import Sequence

from poetgen.prosody.explain_old_style import OldStyleExplainer
from poetgen.prosody.explain_regulated import RegulatedExplainer
from poetgen.prosody.explain_tune import TuneExplainer
from poetgen.prosody.explainer import Explainer, unruled
from poetgen.prosody.explanation import Explanation
from poetgen.prosody.forms import SHAPES
from poetgen.prosody.meter import check
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhymes import PINGSHUI
from poetgen.prosody.template import LONG, Template, old_style, regulated
from poetgen.prosody.tune_book import TuneShape


def explain(
    lines: Sequence[str],
    form: str,
    template: Template | None = None,
    reader: Reader | None = None,
    shapes: Sequence[TuneShape] = (),
) -> Explanation:
    """Explain a poem, given as lines without punctuation, by the rules of `form`.

    `shapes` are those of a tune, and the lines are cut as those of the shape that fits best. Regulated verse (also 五排
    and 七排) and 古体 have a template, if none is given, and what is left (词 of an unknown tune, 杂言, 散文) is shown
    without rules. `reader` says which readings of a character count, and by which
    rhyme book (by default any, and the book of the form); an unknown character fits any tone but no rhyme.

    >>> explanation = explain(["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"], "五绝")
    >>> explanation.faults, explanation.pattern, explanation.category, explanation.lines[0].tones
    ((), '仄起首句不入韵', ((0, '十一尤'),), '仄仄平平仄')
    >>> [(note.name, note.line, note.places) for note in explain(["白日依山尽", "黄河入海流"], "五绝").faults]
    [('句数', 0, ())]
    """
    template = shapes[0].template if shapes else template or _own_template(lines, form)
    reader = reader or Reader(template.book if template else PINGSHUI)
    if template is None:
        told = tuple(unruled(line, reader) for line in lines)
        return Explanation(form, "", "", reader.book, (), told, (), False, False, None)
    explainer: Explainer
    if shapes:
        explainer = TuneExplainer(lines, shapes, reader)
    else:
        explainer = (OldStyleExplainer if form == "古体" else RegulatedExplainer)(lines, template, reader)
    explainer.explain()
    return Explanation(
        form,
        template.form if shapes else "",
        explainer.pattern,
        reader.book,
        tuple(sorted(explainer.category.items())),
        tuple(explainer.explained),
        tuple(sorted(explainer.notes, key=lambda note: (note.kind, note.line or len(lines) + 1))),
        True,
        form != "古体",
        check(lines, form) if form in SHAPES else None,
        explainer.shape if isinstance(explainer, TuneExplainer) else 0,
    )


def _own_template(lines: Sequence[str], form: str) -> Template | None:
    """The template of a form that needs none from outside; None for a form without rules."""
    if form in SHAPES:
        return regulated(form)
    if form in LONG:
        return regulated(form, max(4, len(lines) + len(lines) % 2))
    if form == "古体" and lines and lines[0]:
        return old_style(len(lines[0]), len(lines))
    return None
