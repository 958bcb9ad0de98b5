"""对仗 and 对联: what is said of couplets that should be parallel.

In 律诗 these are the second and the third couplet, in 排律 all but the first and the last. A 对联 is a couplet alone:

    尾字     the upper line ends oblique, the lower one level
    失对     at the even places, and at the ends of clauses, the tones of both lines are opposed
    重字     no character stands in both lines, nor twice in one, unless the other repeats its own at the same places
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from poetgen.language import Phrase
from poetgen.prosody.explainer import unruled
from poetgen.prosody.explanation import FAULT, REMARK, Explanation, Note
from poetgen.prosody.parallel import CoupletJudgement, judge_couplet, word_class
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhymes import LEVEL, OBLIQUE, TONE_NAMES
from poetgen.prosody.schools import School

#: The name of the form.
COUPLET: Final = "对联"
#: So sure must it be that a couplet is not parallel to call that a fault, and so sure that the first one of a poem is
#: to say that it makes good what the second lacks.
_SURE_FAULT, _SURE_PARALLEL = 0.05, 0.9


def couplet_notes(lines: Sequence[str]) -> tuple[tuple[tuple[int, CoupletJudgement], ...], list[Note]]:
    """The middle couplets of regulated verse, each with the number of its upper line, and what is to be said."""
    judged = [(place + 1, judge_couplet(lines[place], lines[place + 1])) for place in range(2, len(lines) - 2, 2)]
    notes: list[Note] = []
    for number, couplet in judged:
        notes += _doubles(couplet, number, number + 1)
        if couplet.parallel:
            continue
        if number == 3 and len(lines) == 8:
            if judge_couplet(lines[0], lines[1]).sure >= _SURE_PARALLEL:
                notes.append(Note(REMARK, "偷春格", Phrase("the first couplet is parallel instead of the second"), 3))
                continue
            if judged[1][1].parallel:
                notes.append(Note(REMARK, "蜂腰格", Phrase("of the middle couplets the third alone is parallel"), 3))
                continue
        notes += _unlike(couplet, number, number + 1)
    return tuple(judged), notes


def _unlike(couplet: CoupletJudgement, upper: int, lower: int, place: int = 0) -> Iterator[Note]:
    """What is said of a couplet that is not parallel; `place` counts the characters of the line before it."""
    at = couplet.weakest
    if not at:
        return
    pair = [
        Phrase("{char} ({kind})", char=char, kind=kind) if kind else char
        for char in (couplet.upper[at - 1], couplet.lower[at - 1])
        for kind in (word_class(char),)
    ]
    why = Phrase(
        "lines {upper} and {lower} are not parallel ({sure:.0%} sure), least where {one} meets {other}",
        upper=upper,
        lower=lower,
        sure=1 - couplet.sure,
        one=pair[0],
        other=pair[1],
    )
    if couplet.sure < _SURE_FAULT:
        yield Note(FAULT, "对仗", why, lower, (place + at,))
    elif not couplet.parallel:
        yield Note(REMARK, "对仗", why, lower, (place + at,))


def _doubles(couplet: CoupletJudgement, upper: int, lower: int) -> Iterator[Note]:
    """合掌, and characters that answer themselves."""
    if couplet.repeated:
        chars = [couplet.upper[place - 1] for place in couplet.repeated]
        why = Phrase("{chars} answers itself in lines {upper} and {lower}", chars=chars, upper=upper, lower=lower)
        yield Note(FAULT, "同字", why, lower, couplet.repeated)
    if couplet.says_twice:
        pairs = [f"{couplet.upper[place - 1]}/{couplet.lower[place - 1]}" for place in couplet.same]
        why = Phrase("line {lower} says what line {upper} says: {pairs}", lower=lower, upper=upper, pairs=pairs)
        yield Note(FAULT, "合掌", why, lower, couplet.same)


# 对联 ------------------------------------------------------------------------------------------------------------


def is_couplet(lines: Sequence[str], reader: Reader) -> bool:
    """Whether two lines alone, of one length from four on, end as those of a 对联."""
    return (
        len(lines) == 2
        and len(lines[0]) == len(lines[1]) >= 4
        and OBLIQUE in reader.tones(lines[0])[-1]
        and LEVEL in reader.tones(lines[1])[-1]
    )


def explain_couplet(clauses: Sequence[str], reader: Reader, school: School) -> Explanation:
    """A 对联: the first half of its clauses are the upper line, the others the lower one."""
    half = len(clauses) // 2
    uppers, lowers = clauses[:half], clauses[half:]
    notes = list(_of_shape(clauses))
    judged: tuple[tuple[int, CoupletJudgement], ...] = ()
    if not notes:
        pairs = list(enumerate(zip(uppers, lowers, strict=True), start=1))
        judged = tuple((number, judge_couplet(upper, lower)) for number, (upper, lower) in pairs)
        for number, couplet in judged:
            notes += _opposed(couplet, number, half, reader)
            notes += _doubles(couplet, number, half + number)
            if not couplet.parallel:
                notes += _unlike(couplet, number, half + number)
        notes += _ends(clauses, half, reader)
        notes += _repeated("".join(uppers), "".join(lowers))
    return Explanation(
        form=COUPLET,
        tune="",
        pattern="",
        book=reader.book,
        category=(),
        lines=tuple(unruled(clause, reader) for clause in clauses),
        notes=tuple(sorted(school.judged(notes), key=lambda note: (note.kind, note.line or len(clauses) + 1))),
        ruled=True,
        tonal=True,
        verdict=None,
        couplets=judged,
    )


def _of_shape(clauses: Sequence[str]) -> Iterator[Note]:
    half, odd = divmod(len(clauses), 2)
    if odd or not half:
        yield Note(FAULT, "句数", Phrase("{count} clauses cannot be parted into two lines", count=len(clauses)))
        return
    for number, (upper, lower) in enumerate(zip(clauses, clauses[half:], strict=False), start=1):
        if len(upper) != len(lower):
            why = Phrase(
                "{count} characters, where line {line} has {asked}", count=len(lower), line=number, asked=len(upper)
            )
            yield Note(FAULT, "字数", why, half + number)


def _opposed(couplet: CoupletJudgement, number: int, half: int, reader: Reader) -> Iterator[Note]:
    """The even places of clauses of four to seven characters, and the ends of all but the last, are opposed."""
    length = len(couplet.upper)
    rhythms = [range(2, length, 2)] if 4 <= length <= 7 else [range(0)]
    if half > 1 and length in (5, 7):  # one character leads on to the others (领字)
        rhythms.append(range(3, length, 2))
    ends = {length} if number < half else set()
    same = min((_same_tones(couplet, ends.union(rhythm), reader) for rhythm in rhythms), key=len)
    if same:
        chars = [f"{couplet.upper[place - 1]}/{couplet.lower[place - 1]}" for place in same]
        why = Phrase("the tones of {chars} are the same, where they should be opposed", chars=chars)
        yield Note(FAULT, "失对", why, half + number, tuple(same))


def _same_tones(couplet: CoupletJudgement, places: set[int], reader: Reader) -> list[int]:
    """Those of some places at which both lines have one and the same tone."""
    tones = list(zip(reader.tones(couplet.upper), reader.tones(couplet.lower), strict=True))
    return [
        place
        for place in sorted(places)
        if tones[place - 1][0] == tones[place - 1][1] and len(tones[place - 1][0]) == 1
    ]


def _ends(clauses: Sequence[str], half: int, reader: Reader) -> Iterator[Note]:
    for number, asked in ((half, OBLIQUE), (2 * half, LEVEL)):
        line = clauses[number - 1]
        known = reader.tones(line)[-1]
        if known and asked not in known:
            why = Phrase("{char} is not {tone}, as the line must end", char=line[-1], tone=TONE_NAMES[asked])
            yield Note(FAULT, "尾字", why, number, (len(line),))


def _repeated(upper: str, lower: str) -> Iterator[Note]:
    both = [char for char in dict.fromkeys(upper) if char in lower and not _answers_itself(char, upper, lower)]
    if both:
        yield Note(FAULT, "重字", Phrase("stands in both lines: {chars}", chars=both))
    uneven = [
        char
        for line, other in ((upper, lower), (lower, upper))
        for char, count in Counter(line).items()
        if count > 1 and len({answer for one, answer in zip(line, other, strict=True) if one == char}) > 1
    ]
    if uneven:
        yield Note(FAULT, "重字", Phrase("comes twice, and what answers it does not: {chars}", chars=uneven))


def _answers_itself(char: str, upper: str, lower: str) -> bool:
    """Whether the character stands in both lines at the same places alone, which is told as 同字."""
    return all((one == char) == (other == char) for one, other in zip(upper, lower, strict=True))
