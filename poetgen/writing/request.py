"""What is asked of a poem, and what follows from it: the header, the form's template, and the length.

Request("春夜", form="七绝", rhyme="东")  ──plan──▶  [七绝] [TITLE] 春 夜 [BODY], template of 七绝, rhyme 一东
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, Final, TypedDict, cast

from poetgen.data.profile import CorpusProfile
from poetgen.data.sequence import Header
from poetgen.errors import Message, Option, UsageError
from poetgen.humanize import way_out
from poetgen.prosody.cilin import group_names, groups_of
from poetgen.prosody.feet import feet
from poetgen.prosody.forms import FORMS, SHAPES, form_of_shape
from poetgen.prosody.modern import modern_group_names
from poetgen.prosody.rhymes import (
    ANY,
    BOOKS,
    CILIN,
    LEVEL,
    MODERN_BOOKS,
    OBLIQUE,
    TONE_NAMES,
    categories,
    characters,
    is_level,
)
from poetgen.prosody.template import LONG, Template, old_style, regulated
from poetgen.prosody.tune_book import tune_shapes
from poetgen.prosody.tune_names import near_names, tune_names
from poetgen.writing.images import images

#: Old-style verse of one line length, as long as the model or `lines` makes it.
OLD: Final = {"五古": 5, "七古": 7}

#: Every name that a form is asked for by, besides those of tunes.
FORM_NAMES: Final = ("auto", "free", *SHAPES, *LONG, *OLD, *(form for form in FORMS if form not in SHAPES))

#: The most lines of old-style verse and 排律.
MOST_LINES: Final = 100


class Options(TypedDict, total=False):
    """What may be asked of a poem besides its title; what is left out, or None, has its default.

    `form`: a form or a tune by name, "auto" (the default: by length), or "free"; 水调歌头:2 is the tune's second shape.
    `dynasty`, `author`: as in this dynasty, in this poet's manner.
    `keywords`: words to write about, a list of them or text with commas or spaces between them.
    `length`: characters with punctuation, where the form has no length of its own; 64, or as many as most poems of the
    model's corpus have, where that holds no regulated verse.
    `top_k`, `top_p`, `temperature`: how each character is chosen, as SampleConfig says; 40, 1.0, 0.8.
    `seed`: the same one gives the same poem; drawn where there is none.
    `candidates`: drafts, of which the best is kept; 8.
    `rhyme`: "auto" (the default: the model chooses), "off", or a rhyme (东, 一东, 第一部) or a character of it.
    `tones`: "strict" (the default) or "off".
    `acrostic`: the characters that the lines begin with, from the first on.
    `book`: the rhyme book, 平水韵, 词林正韵, 中华新韵 or 中华通韵; "auto" (the default) is that of the form.
    `lines`: how many, in a form that leaves it open (五排, 七排, 五古, 七古).
    """

    form: str | None
    dynasty: str | None
    author: str | None
    keywords: Sequence[str] | str | None
    length: int | None
    top_k: int | None
    top_p: float | None
    temperature: float | None
    seed: int | None
    candidates: int | None
    rhyme: str | None
    tones: str | None
    acrostic: str | None
    lines: int | None
    book: str | None


_TEXT, _WHOLE, _NUMBER, _WORDS = "text", "a whole number", "a number", "a list of words, or text"
#: What each option has to be, in words for people.
KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("form", "dynasty", "author", "rhyme", "tones", "acrostic", "book"), _TEXT),
    **dict.fromkeys(("length", "top_k", "seed", "candidates", "lines"), _WHOLE),
    **dict.fromkeys(("top_p", "temperature"), _NUMBER),
    "keywords": _WORDS,
}


def is_of_kind(value: object, kind: str) -> bool:
    """Whether a value is what `kind` says; numbers of numpy are numbers, True and False are none.

    >>> is_of_kind(1.5, "a whole number"), is_of_kind(1, "a number"), is_of_kind(True, "a number")
    (False, True, False)
    """
    if kind == _TEXT:
        return isinstance(value, str)
    if kind == _WORDS:
        words = isinstance(value, Sequence) and all(isinstance(word, str) for word in value)
        return words and not isinstance(value, (bytes, bytearray))
    return isinstance(value, Integral if kind == _WHOLE else Real) and not isinstance(value, bool)


def check_options(options: Mapping[str, object]) -> Options:
    """Options of the right names and types, without those that are None; raises UsageError for others.

    >>> check_options({"top_k": 3, "form": None, "keywords": "明月、酒"})
    {'top_k': 3, 'keywords': ['明月', '酒']}
    """
    if unknown := options.keys() - KINDS.keys():
        raise UsageError(f"{', '.join(sorted(unknown))}: no such option; choose of {', '.join(KINDS)}")
    checked: dict[str, Any] = {}
    for name, value in options.items():
        if value is None:
            continue
        if not is_of_kind(value, KINDS[name]):
            raise UsageError(Option(name, value), f": give {KINDS[name]}")
        if isinstance(value, Integral) and (KINDS[name] == _WHOLE or abs(int(value)) < 2**53):
            checked[name] = int(value)
        elif isinstance(value, Real):
            try:
                checked[name] = float(value)
            except OverflowError:
                raise UsageError(Option(name, value), ": give a smaller number") from None
        elif name == "keywords":
            checked[name] = split_keywords(value) if isinstance(value, str) else list(cast(Sequence[str], value))
        else:
            checked[name] = value
    return cast(Options, checked)


def split_keywords(text: str) -> list[str]:
    """Words with commas, 、 or spaces between them.

    >>> split_keywords("明月, 故乡、酒")
    ['明月', '故乡', '酒']
    """
    return re.sub("[,，、;；]", " ", text).split()


@dataclass(frozen=True)
class Request:
    """What to write.

    `form` is one of FORM_NAMES, or a tune (词牌), with the number of its shape where that is not the commonest
    (水调歌头:2). `rhyme` is "auto" (the model chooses), "off", or a rhyme of the book
    that the form rhymes by (东, 一东, 第一部); `tones` is "strict" or "off". `acrostic` gives the first character of
    each line, from the first on. `lines` counts the lines of forms that have no number of their own (0: the form's
    usual).
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
    book: str = "auto"


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


def plan(
    request: Request,
    length: int,
    tunes: Mapping[str, Template] | None = None,
    profile: CorpusProfile | None = None,
) -> Plan:
    """Resolve a request's form; raises UsageError where there is no such form, or where options do not go together.

    "auto" takes the regulated form that has `length` characters with its punctuation, and no form where there is none;
    the poem has exactly `length` characters. With an acrostic it takes the shortest form of seven characters a line
    that has lines enough. Forms with a template have a length of their own; others end where the model ends them, after
    at most `length` characters. `tunes` are the templates of the checkpoint, and `profile` is that of its corpus: where
    that has no regulated verse, "auto" asks for the form that most of its poems have, and the model ends the poem.

    >>> plan(Request("春晓"), 64).header.form, plan(Request("春晓", form="五绝"), 64).length
    ('七律', 24)
    >>> plan(Request("四时", acrostic="春夏秋冬"), 64).form
    '七绝'
    """
    _check(request)
    form = _automatic(request, length, profile) if request.form == "auto" else request.form
    template = _template_of(form, request, tunes or {})
    header = _header_of(form, template, request)
    if template is None:
        return _untamed(request, header, length, may_end=request.form != "auto" or not has_regulated(profile))
    if request.acrostic and len(request.acrostic) > len(template.lengths):
        count, lines = len(request.acrostic), len(template.lengths)
        raise UsageError(
            Option("acrostic", request.acrostic),
            f": {count} characters, but {form} has {lines} lines; ",
            _roomier(count),
        )
    template = template.by(request.book) if request.book != "auto" else template
    chosen = _rhyme(request.rhyme, template)
    template = template.relaxed(tones=request.tones != "off", rhyme=request.rhyme != "off")
    return Plan(header, template.size, template.open, template, chosen, request.acrostic)


def _check(request: Request) -> None:
    if request.tones not in ("strict", "off"):
        raise UsageError(Option("tones", request.tones), ": choose strict or off")
    if request.book not in ("auto", *BOOKS):
        raise UsageError(Option("book", request.book), f": choose one of auto, {', '.join(BOOKS)}")
    if request.lines and not (2 <= request.lines <= MOST_LINES and request.lines % 2 == 0):
        raise UsageError(Option("lines", request.lines), f": give an even number from 2 to {MOST_LINES}")


def has_regulated(profile: CorpusProfile | None) -> bool:
    """Whether a model can write regulated verse, by its corpus; one that is not known is taken for classical."""
    return profile is None or profile.regulated


def _automatic(request: Request, length: int, profile: CorpusProfile | None) -> str:
    if request.lines:
        return {4: "七绝", 8: "七律"}.get(request.lines, "七排")
    if lines := len(request.acrostic):
        return "七绝" if lines <= 4 else "七律" if lines <= 8 else "七排"
    if profile is not None and not profile.regulated:
        return profile.usual_form
    return next((form for form, (count, chars) in SHAPES.items() if count * (chars + 1) == length), "")


def _roomier(lines: int) -> Message:
    """What to ask for where an acrostic has more lines than the form."""
    if lines > MOST_LINES:
        return Message("give fewer")
    form = (
        (Option("form", "七律"),) if lines <= 8 else (Option("form", "七排"), " ", Option("lines", lines + lines % 2))
    )
    return Message("give ", *form, ", or leave ", Option("form"), " out")


def _template_of(form: str, request: Request, tunes: Mapping[str, Template]) -> Template | None:
    """The rules of a form, None where it has none; raises UsageError."""
    lines = request.lines
    if lines and form not in (*LONG, *OLD) and request.form != "auto":
        lines_of = f" goes with {', '.join([*LONG, *OLD])}"
        raise UsageError(Option("lines", lines), f": {form} has its own length; ", Option("lines"), lines_of)
    if form in SHAPES:
        return regulated(form)
    if form in LONG:
        needed = len(request.acrostic) + len(request.acrostic) % 2
        return regulated(form, lines or max(12, needed if needed <= MOST_LINES else 0))
    if form in OLD:
        return old_style(OLD[form], lines)
    if form in ("", "free", *FORMS):
        return None
    return _tune_of(form, tunes, request.rhyme)


def _tune_of(form: str, tunes: Mapping[str, Template], rhyme: str) -> Template:
    """The template of the shape of a tune that was asked for, else of the commonest that can rhyme so.

    Raises UsageError where there is no such tune or shape.
    """
    name, colon, number = form.partition(":")
    shapes = tune_shapes(name, tunes)
    option = Option("form", form)
    if not shapes and name in tune_names():
        raise UsageError(option, f": {name} names no one pattern, in no book of tunes; choose another tune, or 词")
    if not shapes:
        raise no_such_form(name)
    if not colon:
        templates = [shape.template for shape in shapes]
        return next((template for template in templates if _takes_rhyme(rhyme, template)), templates[0])
    if not (number.isdecimal() and 1 <= int(number) <= len(shapes)):
        has = f"{len(shapes)} shapes, from {name}:1 to {name}:{len(shapes)}" if len(shapes) > 1 else "one shape"
        raise UsageError(option, f": {name} has {has}; see poetgen sample --list-forms {name}")
    return shapes[int(number) - 1].template


def no_such_form(name: str) -> UsageError:
    """The error for a name that is no form's, with those that look like it."""
    choose = f"choose {', '.join(FORM_NAMES)} or a tune, as poetgen sample --list-forms shows"
    return UsageError(Option("form", name), f": no such form; {way_out(near_names(name, FORM_NAMES), choose)}")


def _takes_rhyme(rhyme: str, template: Template) -> bool:
    try:
        _rhyme(rhyme, template)
    except UsageError:
        return False
    return True


def _header_of(form: str, template: Template | None, request: Request) -> Header:
    tune = template.form if template is not None and template.book == CILIN else ""
    if tune:
        name = "词"
    elif template is not None:
        name = form_of_shape(template.lengths) if request.lines or not template.open else "古体"
    else:
        name = "" if form in ("", "free") else form
    keywords = request.keywords or images(request.title)
    return Header(name, request.dynasty, tune, request.author, keywords, request.title)


def _untamed(request: Request, header: Header, length: int, may_end: bool) -> Plan:
    """A plan without rules; raises UsageError where some were asked for."""
    rhyme = "" if request.rhyme in ("auto", "off") else request.rhyme
    book = "" if request.book == "auto" else request.book
    for option in (Option("acrostic", request.acrostic), Option("rhyme", rhyme), Option("book", book)):
        if option.value:
            what = f"{header.form} has no rules" if header.form else "no form is asked for"
            another = " or another of poetgen sample --list-forms"
            raise UsageError(option, f": {what}; give ", Option("form", "七绝"), another)
    return Plan(header, length, may_end)


def _rhyme(text: str, template: Template) -> frozenset[str]:
    """The rhymes that a text names, for the first foot of a template; empty for any. Raises UsageError."""
    if text in ("auto", "off"):
        return frozenset()
    first = [next((line for line in variant if line.rhyme == 0), None) for variant in template.variants]
    foot_tones = {alternative[-1] for line in first if line for alternative in line.tones}
    tone = foot_tones.pop() if len(foot_tones) == 1 else ANY  # some tunes are sung to either
    if template.book in MODERN_BOOKS:
        return _modern_rhyme(text, tone, template)
    possible = [name for name in categories() if tone in (ANY, LEVEL if is_level(name) else OBLIQUE)]
    named = [name for name in categories() if name == text or (len(text) == 1 and name.endswith(text))]
    fitting = [name for name in named if name in possible]
    if template.book == CILIN and text in group_names():
        rhymes = frozenset({text})
    elif template.book == CILIN and fitting:
        rhymes = frozenset(group for name in fitting for group in _groups_of(name, text))
    else:
        # Any character stands for its rhymes.
        rhymes = frozenset(fitting) or feet(text, tone, template.book)
    if rhymes:
        return rhymes
    option = Option("rhyme", text)
    if named or feet(text, ANY, template.book):
        raise UsageError(option, f": not of the {TONE_NAMES[tone]} tone, on which {template.form} rhymes")
    choices = group_names() if template.book == CILIN else possible
    raise UsageError(option, f": no such rhyme; give a character of it, or one of {', '.join(choices)}")


def _modern_rhyme(text: str, tone: str, template: Template) -> frozenset[str]:
    """The groups of a book of today that a text names, or that a character belongs to; raises UsageError."""
    names = modern_group_names(template.book)
    named = frozenset(name for name in names if text in (name, name[-1])) or feet(text, tone, template.book)
    if not named and feet(text, ANY, template.book):
        raise UsageError(
            Option("rhyme", text), f": not of the {TONE_NAMES[tone]} tone, on which {template.form} rhymes"
        )
    if not named:
        choices = ", ".join(names)
        raise UsageError(Option("rhyme", text), f": no such rhyme; give a character of it, or one of {choices}")
    return named


def _groups_of(rhyme: str, text: str) -> frozenset[str]:
    """The groups of the 词林正韵 that a rhyme of the 平水韵 belongs to, or of it the character that names it."""
    return frozenset().union(*(groups_of(char, rhyme) for char in (text if len(text) == 1 else characters(rhyme))))


def without_rules(plan: Plan, tones: bool, rhyme: bool) -> Plan:
    """The same plan with only the rules that are kept."""
    if plan.template is None:
        return plan
    return replace(plan, template=plan.template.relaxed(tones, rhyme))
