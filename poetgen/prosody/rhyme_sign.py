"""The rhyme of a whole poem, named by one character: the last of its rhyme's name in the 平水韵, 东 for 一东.

The 106 names end in 106 different characters, each of its own rhyme. A poem whose rhyme changes has no sign.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import pairwise

from poetgen.prosody.cilin import groups_of
from poetgen.prosody.feet import feet
from poetgen.prosody.rhymes import ANY, CILIN, LEVEL, OBLIQUE, PINGSHUI, categories, characters, is_level
from poetgen.text import CLAUSE_ENDS, SENTENCE_ENDS, clauses


@cache
def rhyme_signs() -> Mapping[str, str]:
    """Sign -> rhyme of the 平水韵.

    >>> rhyme_signs()["东"], len(rhyme_signs())
    ('一东', 106)
    """
    return {name[-1]: name for name in categories()}


def rhymes_of_sign(sign: str, book: str) -> frozenset[str]:
    """The rhymes by `book` that a sign may stand for: one of the 平水韵, the groups that it goes to in the 词林正韵.

    >>> rhymes_of_sign("灰", PINGSHUI), rhymes_of_sign("灰", CILIN) == {"第三部", "第五部"}
    (frozenset({'十灰'}), True)
    """
    name = rhyme_signs()[sign]
    return _groups(name) if book == CILIN else frozenset({name})


def tone_of_sign(sign: str) -> str:
    """The tone of a sign's rhyme: 平 or 仄.

    >>> tone_of_sign("灰"), tone_of_sign("筱")
    ('平', '仄')
    """
    return LEVEL if is_level(rhyme_signs()[sign]) else OBLIQUE


@cache
def _groups(name: str) -> frozenset[str]:
    return frozenset().union(*(groups_of(char, name) for char in characters(name)))


def sign_of_poem(body: str, form: str) -> str:
    """The sign of the rhyme that a poem keeps to the end; empty where it keeps none, or changes it.

    In verse of even lines it is the rhyme of the 平水韵 that the ends of all even lines share. In 词 and mixed verse
    it is the commonest rhyme of the group of the 词林正韵 that the last line ends on, and more than half of the
    sentences with it.

    >>> sign_of_poem("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。", "五绝")
    '尤'
    >>> sign_of_poem("春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。", "五绝")
    '筱'
    >>> sign_of_poem("红藕香残玉簟秋。轻解罗裳，独上兰舟。", "词")
    '尤'
    """
    if form in ("词", "杂言"):
        return _of_mixed(body)
    ends = [_usual(line[-1:]) for line in clauses(body)[1::2]]
    common = frozenset.intersection(*ends) if ends else frozenset[str]()
    return next((name[-1] for name in categories() if name in common), "") if common else ""


def _of_mixed(body: str) -> str:
    ends = [(char, mark) for char, mark in pairwise(body) if mark in CLAUSE_ENDS]
    if len(ends) < 3:
        return ""
    groups = [(feet(char, ANY, CILIN, usual=True), mark) for char, mark in ends]
    last, _ = groups[-1]
    group = max(sorted(last), key=lambda group: sum(group in of_end for of_end, _ in groups), default="")
    sentences = [group in of_end for of_end, mark in groups if mark in SENTENCE_ENDS]
    if not group or 2 * sum(sentences) <= len(sentences):
        return ""
    feet_of_it = (name for char, _ in ends for name in _usual(char) if group in groups_of(char, name))
    return Counter(feet_of_it).most_common(1)[0][0][-1]


def _usual(char: str) -> frozenset[str]:
    return feet(char, ANY, PINGSHUI, usual=True)
