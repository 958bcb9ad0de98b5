"""What follows from a request: the header, the form's template, what is given of the poem, and the length.

Request("春夜", form="七绝", rhyme="东")  ──plan──▶  [七绝] [TITLE] 春 夜 [BODY], template of 七绝, rhyme 一东

A request that names no form may be carried out in several; the first that can hold what is given is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from poetgen.data.profile import CorpusProfile
from poetgen.data.sequence import Header
from poetgen.errors import Message, Option, UsageError
from poetgen.humanize import way_out
from poetgen.prosody.forms import FORMS, SHAPES, form_of_shape
from poetgen.prosody.rhymes import ANY, BOOKS, CILIN
from poetgen.prosody.template import LONG, Template, TemplateLine, old_style, regulated
from poetgen.prosody.tune_book import known_tunes, tune_shapes
from poetgen.prosody.tune_names import near_names, tune_names
from poetgen.text import CLAUSE_ENDS, LOST
from poetgen.writing.demands import can_hold, holdings
from poetgen.writing.images import images
from poetgen.writing.pattern import (
    DIAGONAL,
    LAST,
    Layer,
    acrostic_layer,
    characters_of,
    is_given,
    overlaid,
    parse_pattern,
    wrong_length,
)
from poetgen.writing.request import FORM_NAMES, MOST_LINES, OLD, Request
from poetgen.writing.rhyme_choice import rhymes_asked

#: Forms by the characters of a line.
_LONG_BY_LENGTH: Final = {length: form for form, length in LONG.items()}
_OLD_BY_LENGTH: Final = {length: form for form, length in OLD.items()}
_BY_SHAPE: Final = {shape: form for form, shape in SHAPES.items()}


@dataclass(frozen=True)
class Plan:
    """How a request is carried out.

    `template` holds the rules that apply, None where none do; `rhyme` names the rhymes that the first foot may be of,
    all where it is empty. `length` is the most characters; the model may end before where `may_end`. `held` is what is
    given of the lines, and `layers` the options that give it; `words` have to find a place. `start` is how a poem
    without rules begins. `note` is what there is to say about all this.
    """

    header: Header
    length: int
    may_end: bool
    template: Template | None = None
    rhyme: frozenset[str] = frozenset()
    layers: tuple[Layer, ...] = ()
    held: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    start: str = ""
    note: Message = Message()

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

    "auto" takes the form of the lines that are given, or has as many as other options ask for; else it takes the
    regulated form that has `length` characters with its punctuation, and no form where there is none: the poem then
    has the whole lines that `length` characters hold. Forms with a template have a length of their own; others end
    where the model ends them, after at most `length` characters. `tunes` are the templates of the checkpoint, and
    `profile` is that of its corpus: where that has no regulated verse, "auto" asks for the form that most of its poems
    have, and the model ends the poem.

    >>> plan(Request("春晓"), 64).header.form, plan(Request("春晓", form="五绝"), 64).length
    ('七律', 24)
    >>> plan(Request("四时", acrostic="春夏秋冬"), 64).form, plan(Request(begin="床前明月光，"), 64).form
    ('七绝', '五律')
    """
    _check(request)
    known = tunes or {}
    automatic = request.form == "auto"
    if automatic:
        templates, form = _automatic(request, length, profile, known)
    else:
        templates, form = _templates_of(request.form, request, known), request.form
    if not templates:
        return _untamed(request, form, length, may_end=not automatic or not has_regulated(profile))
    wrong: UsageError | None = None
    for template in templates:
        try:
            planned = _carried_out(request, template)
        except UsageError as error:
            wrong = wrong or error
            continue
        if wrong and automatic:
            note = Message(Option("form", template.form), f": taken, for {templates[0].form} cannot hold what is given")
            planned = replace(planned, note=note)
        return planned
    assert wrong is not None
    raise wrong


def _carried_out(request: Request, template: Template) -> Plan:
    """A request in one form; raises UsageError."""
    header = _header_of(template, request)
    template = template.by(request.book) if request.book != "auto" else template
    chosen = rhymes_asked(request.rhyme, template)
    layers = [parse_pattern(name, text) for name in ("pattern", "begin") if (text := getattr(request, name))]
    ways_out = Message("give lines as long as those of the form, or leave ", Option("form"), " out")
    for layer in layers:
        if wrong := wrong_length(layer, template.form, template.lengths, ways_out):
            raise wrong
    if count := len(request.acrostic):
        if count > len(template.lengths):
            has = f": {count} characters, but {template.form} has {len(template.lengths)} lines; "
            raise UsageError(Option("acrostic", request.acrostic), has, _roomier(count))
        layers.append(acrostic_layer(request.acrostic, request.place, template.lengths))
    if request.feet:
        template, feet = _with_feet(template, request.feet)
        layers.append(feet)
    template = template.relaxed(tones=request.tones != "off", rhyme=request.rhyme != "off")
    planned = Plan(header, template.size, template.open, template, chosen, tuple(layers), overlaid(layers))
    if planned.held and not any(can_hold(template, planned.held, chosen, usual) for usual in (True, False)):
        raise misfit(planned)
    words = tuple(word for word in request.keywords if not any(word in line for line in planned.held))
    return replace(planned, words=words)


def _with_feet(template: Template, feet: str) -> tuple[Template, Layer]:
    """The variants of a form that have as many feet, with what is given of them; raises UsageError."""
    places = [
        tuple(n for n, line in enumerate(variant) if line.rhyme is not None and not any(line.repeats[-1:]))
        for variant in template.variants
    ]
    fitting = [numbers for numbers in places if len(numbers) == len(feet)]
    if not fitting:
        counts = " or ".join(map(str, sorted(set(map(len, places)))))
        raise UsageError(
            Option("feet", feet), f": {len(feet)} characters, but {template.form} has {counts} feet; give as many"
        )
    kept = tuple(v for v, numbers in zip(template.variants, places, strict=True) if numbers == fitting[0])
    by_line = dict(zip(fitting[0], feet, strict=True))
    lines = tuple(LOST * (length - 1) + by_line[n] if n in by_line else "" for n, length in enumerate(template.lengths))
    return replace(template, variants=kept), Layer("feet", feet, lines)


def misfit(plan: Plan) -> UsageError:
    """The error for a form that cannot hold what is given."""
    assert plan.template is not None
    found = holdings(plan.template, plan.held, usual=False)
    if number := max(holding.broken for holding in found) if all(holding.broken for holding in found) else 0:
        line = plan.held[number - 1]
        options = [layer.named for layer in plan.layers if is_given("".join(layer.lines[number - 1 : number]))]
        why = f": no line {number} of {plan.form} takes {line} by its tones; give another, or "
        return UsageError(*_listed(options), why, Option("tones", "off"))
    feet = {char for holding in found if not holding.broken for char in holding.feet}
    ends = [characters_of(line)[-1] for line in plan.held if is_given(line)]
    chars = " ".join(char for char in dict.fromkeys(ends) if char in feet)
    options = [layer.named for layer in plan.layers]
    on = f"on {'、'.join(sorted(plan.rhyme))} " if plan.rhyme else ""
    why = f": the lines end on {chars}, which do not rhyme {on}by the {plan.template.book}; give others, or "
    return UsageError(*_listed(options), why, Option("rhyme", "off"))


def _listed(options: Sequence[Option]) -> Sequence[object]:
    """Options with commas between them, as the parts of a message."""
    return [part for option in options for part in (", ", option)][1:]


def _check(request: Request) -> None:
    if request.tones not in ("strict", "off"):
        raise UsageError(Option("tones", request.tones), ": choose strict or off")
    if request.book not in ("auto", *BOOKS):
        raise UsageError(Option("book", request.book), f": choose one of auto, {', '.join(BOOKS)}")
    if request.lines and not (2 <= request.lines <= MOST_LINES and request.lines % 2 == 0):
        raise UsageError(Option("lines", request.lines), f": give an even number from 2 to {MOST_LINES}")
    if request.place != "1" and not request.acrostic:
        raise UsageError(Option("place", request.place), ": says where ", Option("hidden"), " stands; give both")
    if request.place not in (LAST, DIAGONAL) and not (
        request.place.isdecimal() and len(request.place) < 4 and int(request.place) > 0
    ):
        raise UsageError(Option("place", request.place), f": give a number from 1, {LAST} or {DIAGONAL}")


def has_regulated(profile: CorpusProfile | None) -> bool:
    """Whether a model can write regulated verse, by its corpus; one that is not known is taken for classical."""
    return profile is None or profile.regulated


# Forms -----------------------------------------------------------------------------------------------------------


def _automatic(
    request: Request, length: int, profile: CorpusProfile | None, tunes: Mapping[str, Template]
) -> tuple[list[Template], str]:
    """The forms that a request may be carried out in, and the name of one without rules where there are none."""
    if not has_regulated(profile) and not (request.pattern or request.lines or request.acrostic or request.feet):
        assert profile is not None
        return [], profile.usual_form
    lengths, whole = _lengths_given(request)
    if lengths and (whole or request.begin) and not (set(lengths) == {lengths[0]} and lengths[0] in _LONG_BY_LENGTH):
        return _tunes_by_lengths(request, lengths, whole, tunes), ""
    asked = request.lines or {2: 4, 3: 4, 4: 8, 5: 8}.get(len(request.feet), 2 * len(request.feet))
    asked = asked or (len(lengths) if whole else 0)
    if not asked and request.acrostic:
        characters = len(request.acrostic)
        asked = next((count for count in (4, 8, 12) if characters <= count), min(characters, MOST_LINES))
    if not asked and not lengths:
        form = next((form for form, (count, chars) in SHAPES.items() if count * (chars + 1) == length), "")
        return _templates_of(form, request, tunes), form
    chars = lengths[0] if lengths else 7
    count = asked or (4 if length == 4 * (chars + 1) else 8)
    if not whole:
        while count <= len(lengths):  # there has to be something to go on with
            count += 4
        count += count % 2
    if count % 2 or count > MOST_LINES:
        raise _no_form(request, f"has {count} lines")
    shape = _BY_SHAPE.get((count, chars))
    templates = [regulated(shape) if shape else regulated(_LONG_BY_LENGTH[chars], count)]
    return [*templates, *([old_style(chars, count)] if request.pattern or request.begin else [])], ""


def _lengths_given(request: Request) -> tuple[list[int], bool]:
    """The characters of the lines that are given whole, and whether these are all lines of the poem."""
    name = "pattern" if request.pattern else "begin"
    if not (text := getattr(request, name)):
        return [], False
    lines = parse_pattern(name, text).lines
    counts = [len(characters_of(line)) for line in lines]
    if name == "begin" and lines[-1][-1] not in CLAUSE_ENDS and counts[-1] not in (*counts[:-1][:1], *_LONG_BY_LENGTH):
        counts.pop()  # a part of a line
    return counts, name == "pattern"


def _tunes_by_lengths(
    request: Request, lengths: list[int], whole: bool, tunes: Mapping[str, Template]
) -> list[Template]:
    """The shapes of tunes that have these lines, those of most poems first; raises UsageError where there are none."""
    shapes = [
        shape
        for name, found in known_tunes(tunes).items()
        for shape in found
        if whole and shape.template.lengths == tuple(lengths) and shape.tune == name
    ]
    if not shapes:
        raise _no_form(request, f"has lines of {', '.join(map(str, lengths))} characters")
    return [shape.template for shape in sorted(shapes, key=lambda shape: -shape.poems)]


def _no_form(request: Request, has: str) -> UsageError:
    name = "pattern" if request.pattern else "begin" if request.begin else "feet" if request.feet else "acrostic"
    ways_out = (
        ("give ", Option("form", "free"), " to hold nothing but the lines")
        if request.pattern
        else ("name a tune with ", Option("form"))
    )
    return UsageError(Option(name, getattr(request, name)), f": no form {has}; ", *ways_out)


def _roomier(lines: int) -> Message:
    """What to ask for where an acrostic has more lines than the form."""
    if lines > MOST_LINES:
        return Message("give fewer")
    form = (
        (Option("form", "七律"),) if lines <= 8 else (Option("form", "七排"), " ", Option("lines", lines + lines % 2))
    )
    return Message("give ", *form, ", or leave ", Option("form"), " out")


def _templates_of(form: str, request: Request, tunes: Mapping[str, Template]) -> list[Template]:
    """The rules of a form, of a tune those of each shape; none where it has none. Raises UsageError."""
    lines = request.lines
    if lines and form not in (*LONG, *OLD) and request.form != "auto":
        lines_of = f" goes with {', '.join([*LONG, *OLD])}"
        raise UsageError(Option("lines", lines), f": {form} has its own length; ", Option("lines"), lines_of)
    given = _lengths_given(request)[0] if form in (*LONG, *OLD) else []
    needed = max(len(request.acrostic), len(given))
    needed += needed % 2
    needed = 2 * len(request.feet) or (needed if needed <= MOST_LINES else 0)
    if form in SHAPES:
        return [regulated(form)]
    if form in LONG:
        exact = bool(request.feet or request.pattern)
        return [regulated(form, lines or (needed if exact else max(12, needed)))]
    if form in OLD:
        return [old_style(OLD[form], lines or (needed if request.feet or request.pattern else 0))]
    if form in ("", "free", *FORMS):
        return [_literal(form, request)] if request.pattern else []
    return _tune_of(form, tunes)


def _literal(form: str, request: Request) -> Template:
    """The rules of a form without any: lines as long as those of the pattern, with its marks."""
    lines = parse_pattern("pattern", request.pattern).lines
    marks = [line[-1] if line[-1] in CLAUSE_ENDS else "" for line in lines]
    usual = ["。" if number % 2 or number + 1 == len(lines) else "，" for number in range(len(lines))]
    return Template(
        "" if form == "free" else form,
        (
            tuple(
                TemplateLine((ANY * len(characters_of(line)),), None, mark or default)
                for line, mark, default in zip(lines, marks, usual, strict=True)
            ),
        ),
    )


def _tune_of(form: str, tunes: Mapping[str, Template]) -> list[Template]:
    """The templates of the shape of a tune that was asked for, else of all its shapes, the commonest first.

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
        return [shape.template for shape in shapes]
    if not (number.isdecimal() and 1 <= int(number) <= len(shapes)):
        has = f"{len(shapes)} shapes, from {name}:1 to {name}:{len(shapes)}" if len(shapes) > 1 else "one shape"
        raise UsageError(option, f": {name} has {has}; see poetgen sample --list-forms {name}")
    return [shapes[int(number) - 1].template]


def no_such_form(name: str) -> UsageError:
    """The error for a name that is no form's, with those that look like it."""
    choose = f"choose {', '.join(FORM_NAMES)} or a tune, as poetgen sample --list-forms shows"
    return UsageError(Option("form", name), f": no such form; {way_out(near_names(name, FORM_NAMES), choose)}")


def _header_of(template: Template, request: Request) -> Header:
    tune = template.form if template.book == CILIN else ""
    if tune:
        name = "词"
    elif template.form in ("", *FORMS) and template.form not in SHAPES:
        name = template.form
    else:
        name = "古体" if template.open else form_of_shape(template.lengths)
    return _header(name, tune, request)


def _header(form: str, tune: str, request: Request) -> Header:
    words = (*request.keywords, *request.about) or images(request.title)
    return Header(form, request.dynasty, tune, request.author, words, request.title)


def _untamed(request: Request, form: str, length: int, may_end: bool) -> Plan:
    """A plan without rules; raises UsageError where some were asked for."""
    name = "" if form in ("", "free") else form
    rhyme = "" if request.rhyme in ("auto", "off") else request.rhyme
    book = "" if request.book == "auto" else request.book
    asked = {"acrostic": request.acrostic, "feet": request.feet, "rhyme": rhyme, "book": book}
    for option in (Option(name, value) for name, value in asked.items() if value):
        what = f"{name} has no rules" if name else "no form is asked for"
        another = " or another of poetgen sample --list-forms"
        raise UsageError(option, f": {what}; give ", Option("form", "七绝"), another)
    if len(request.begin.replace("\n", "")) >= length:
        has = f": has {len(request.begin):,} characters, and the poem no more than {length:,}; give a larger "
        raise UsageError(Option("begin", request.begin), has, Option("length"))
    layers = (Layer("begin", request.begin, (request.begin,)),) if request.begin else ()
    header, note = _header(name, "", request), Message()
    if request.keywords:
        words = Option("keywords", " ".join(request.keywords))
        note = Message(
            words, ": they colour the poem, and need not stand in it, for it has no form with places for them"
        )
    return Plan(header, length, may_end, layers=layers, start=request.begin, note=note)


def without_rules(plan: Plan, tones: bool, rhyme: bool) -> Plan:
    """The same plan with only the rules that are kept."""
    if plan.template is None:
        return plan
    return replace(plan, template=plan.template.relaxed(tones, rhyme))
