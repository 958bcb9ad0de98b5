"""What is asked of a poem, and what follows from it: the header, the form's template, and the length.

Request("春夜", form="七绝", rhyme="东")  ──plan──▶  [七绝] [TITLE] 春 夜 [BODY], template of 七绝, rhyme 一东
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypedDict

from poetgen.data.sequence import Header
from poetgen.errors import UsageError
from poetgen.prosody.cilin import group_names, groups_of
from poetgen.prosody.feet import feet
from poetgen.prosody.forms import FORMS, SHAPES, form_of_shape
from poetgen.prosody.rhymes import ANY, CILIN, LEVEL, OBLIQUE, categories, characters, is_level
from poetgen.prosody.template import LONG, Template, old_style, regulated
from poetgen.prosody.tune_names import listed, tune_names

#: Old-style verse of one line length, as long as the model or --lines makes it.
OLD: Final = {"五古": 5, "七古": 7}

#: Every name that --form takes besides those of tunes.
NAMES: Final = ("auto", "free", *SHAPES, *LONG, *OLD, *(form for form in FORMS if form not in SHAPES))

#: The most lines of old-style verse and 排律.
LONGEST: Final = 100


class Options(TypedDict, total=False):
    """What may be asked of a poem besides its title; what is left out has the default of the command line."""

    form: str
    dynasty: str
    author: str
    keywords: Sequence[str]
    length: int
    top_k: int
    top_p: float
    temperature: float
    seed: int | None
    candidates: int
    rhyme: str
    tones: str
    acrostic: str
    lines: int


@dataclass(frozen=True)
class Request:
    """What to write.

    `form` is one of NAMES, or a tune (词牌). `rhyme` is "auto" (the model chooses), "off", or a rhyme of the book that
    the form rhymes by (东, 一东, 第一部); `tones` is "strict" or "off". `acrostic` gives the first character of each
    line, from the first on. `lines` counts the lines of forms that have no number of their own (0: the form's usual).
    """

    title: str = ""
    form: str = "auto"
    dynasty: str = ""
    author: str = ""
    keywords: tuple[str, ...] = ()
    rhyme: str = "auto"
    tones: str = "strict"
    acrostic: str = ""
    lines: int = 0


@dataclass(frozen=True)
class Plan:
    """How a request is carried out.

    `template` holds the rules that apply, None where none do; `rhyme` names the rhymes that the first foot may be of,
    all where it is empty. `length` is the most characters; the model may end before where `may_end`.
    """

    header: Header
    length: int
    may_end: bool
    template: Template | None = None
    rhyme: frozenset[str] = frozenset()
    heads: str = ""

    @property
    def form(self) -> str:
        """The name of the form as users give it."""
        return self.template.form if self.template else self.header.tune or self.header.form


def plan(request: Request, length: int, tunes: Mapping[str, Template] | None = None) -> Plan:
    """Resolve a request's form; raises UsageError where there is no such form, or where options do not go together.

    "auto" takes the regulated form that has `length` characters with its punctuation, and no form where there is none;
    the poem has exactly `length` characters. With an acrostic it takes the shortest form of seven characters a line
    that has lines enough. Forms with a template have a length of their own; others end where the model ends them, after
    at most `length` characters. `tunes` are the templates of the checkpoint.

    >>> plan(Request("春晓"), 64).header.form, plan(Request("春晓", form="五绝"), 64).length
    ('七律', 24)
    >>> plan(Request("四时", acrostic="春夏秋冬"), 64).form
    '七绝'
    """
    _check(request)
    form = _automatic(request, length) if request.form == "auto" else request.form
    template = _template(form, request, tunes or {})
    header = _header(form, template, request)
    if template is None:
        return _untamed(request, header, length, may_end=request.form != "auto")
    if request.acrostic and len(request.acrostic) > len(template.lengths):
        raise UsageError(
            f"--acrostic {request.acrostic}: {len(request.acrostic)} characters, but {form} has "
            f"{len(template.lengths)} lines; {_roomier(len(request.acrostic))}"
        )
    chosen = _rhyme(request.rhyme, template)
    template = template.relaxed(tones=request.tones != "off", rhyme=request.rhyme != "off")
    return Plan(header, template.size, template.open, template, chosen, request.acrostic)


def _check(request: Request) -> None:
    if request.tones not in ("strict", "off"):
        raise UsageError(f"--tones {request.tones}: choose strict or off")
    if request.lines and not (2 <= request.lines <= LONGEST and request.lines % 2 == 0):
        raise UsageError(f"--lines {request.lines}: give an even number from 2 to {LONGEST}")


def _automatic(request: Request, length: int) -> str:
    if request.lines:
        return {4: "七绝", 8: "七律"}.get(request.lines, "七排")
    if lines := len(request.acrostic):
        return "七绝" if lines <= 4 else "七律" if lines <= 8 else "七排"
    return next((form for form, (count, chars) in SHAPES.items() if count * (chars + 1) == length), "")


def _roomier(lines: int) -> str:
    if lines <= 8:
        return "give --form 七律, or leave --form out"
    return f"give --form 七排 --lines {lines + lines % 2}, or leave --form out" if lines <= LONGEST else "give fewer"


def _template(form: str, request: Request, tunes: Mapping[str, Template]) -> Template | None:
    """The rules of a form, None where it has none; raises UsageError."""
    lines = request.lines
    if lines and form not in (*LONG, *OLD) and request.form != "auto":
        raise UsageError(f"--lines {lines}: {form} has its own length; --lines goes with {', '.join([*LONG, *OLD])}")
    if form in SHAPES:
        return regulated(form)
    if form in LONG:
        needed = len(request.acrostic) + len(request.acrostic) % 2
        return regulated(form, lines or max(12, needed if needed <= LONGEST else 0))
    if form in OLD:
        return old_style(OLD[form], lines)
    if (name := listed(form)) in tunes:
        return replace(tunes[name], form=form)
    if {form, listed(form)} & tune_names() or form in ("", "free", *FORMS):
        return None
    raise UsageError(
        f"--form {form}: no such form; choose {', '.join(NAMES)} or a tune, as poetgen sample --list-forms shows"
    )


def _header(form: str, template: Template | None, request: Request) -> Header:
    tune = form if {form, listed(form)} & tune_names() or (template is not None and template.book == CILIN) else ""
    if tune:
        name = "词"
    elif template is not None:
        name = form_of_shape(template.lengths) if request.lines or not template.open else "古体"
    else:
        name = "" if form in ("", "free") else form
    return Header(name, request.dynasty, tune, request.author, request.keywords, request.title)


def _untamed(request: Request, header: Header, length: int, may_end: bool) -> Plan:
    """A plan without rules; raises UsageError where some were asked for."""
    asked = {"--acrostic": request.acrostic, "--rhyme": "" if request.rhyme in ("auto", "off") else request.rhyme}
    for flag, value in asked.items():
        if value:
            what = f"{header.tune or header.form} has no template here" if header.form else "no form is asked for"
            raise UsageError(f"{flag} {value}: {what}; give --form 七绝 or another of poetgen sample --list-forms")
    return Plan(header, length, may_end)


def _rhyme(text: str, template: Template) -> frozenset[str]:
    """The rhymes that a text names, for the first foot of a template; empty for any. Raises UsageError."""
    if text in ("auto", "off"):
        return frozenset()
    first = [next((line for line in variant if line.rhyme == 0), None) for variant in template.variants]
    found_tones = {alternative[-1] for line in first if line for alternative in line.tones}
    tone = found_tones.pop() if len(found_tones) == 1 else ANY  # some tunes are sung to either
    possible = [name for name in categories() if tone in (ANY, LEVEL if is_level(name) else OBLIQUE)]
    named = [name for name in categories() if name == text or (len(text) == 1 and name.endswith(text))]
    fitting = [name for name in named if name in possible]
    if template.book == CILIN and text in group_names():
        found = frozenset({text})
    elif template.book == CILIN and fitting:
        found = frozenset(group for name in fitting for group in _groups_of(name, text))
    else:
        # Any character stands for its rhymes.
        found = frozenset(fitting) or feet(text, tone, template.book)
    if found:
        return found
    if named or feet(text, ANY, template.book):
        raise UsageError(f"--rhyme {text}: not of the {_TONE_NAMES[tone]} tone, on which {template.form} rhymes")
    choices = group_names() if template.book == CILIN else possible
    raise UsageError(f"--rhyme {text}: no such rhyme; give a character of it, or one of {', '.join(choices)}")


def _groups_of(rhyme: str, text: str) -> frozenset[str]:
    """The groups of the 词林正韵 that a rhyme of the 平水韵 belongs to, or of it the character that names it."""
    return frozenset().union(*(groups_of(char, rhyme) for char in (text if len(text) == 1 else characters(rhyme))))


_TONE_NAMES: Final = {LEVEL: "level (平)", OBLIQUE: "oblique (仄)"}


def without_rules(plan: Plan, tones: bool, rhyme: bool) -> Plan:
    """The same plan with only the rules that are kept."""
    if plan.template is None:
        return plan
    return replace(plan, template=plan.template.relaxed(tones, rhyme))
