"""Forms of verse, told apart by the lengths of the lines alone.

Lines are clauses without punctuation: 白日依山尽，黄河入海流。 is two lines of five characters.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from poetgen.text import clauses

FORMS: Final = ("五绝", "七绝", "五律", "七律", "古体", "词", "杂言", "散文")

SHAPES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"五绝": (4, 5), "七绝": (4, 7), "五律": (8, 5), "七律": (8, 7)}
)
"""The regulated forms: number of lines, characters a line."""

_FORM_OF_SHAPE: Final = {shape: form for form, shape in SHAPES.items()}

# Lines of one length are verse from three characters (三字经) to seven (古风); longer ones are a curiosity.
_SHORTEST, _LONGEST = 3, 7

# Verse of mixed lines has a long line now and then (蜀道难 has one of eleven characters), but its lines are short on
# the whole. Prose runs longer. Prose of short clauses (论语) cannot be told from verse by lengths, and passes for it.
_LONGEST_MIXED = 11
_LONGEST_MIXED_MEAN = 7


def recognise(lines: Sequence[str]) -> str:
    """The form of a poem, one of FORMS.

    The four regulated forms are a matter of shape here; whether rhyme and meter keep the rules is for `check` to say,
    so an old-style quatrain counts as 绝句, as in anthologies. 词 is never the answer: a tune's lines look like any
    mixed verse, and only the source knows the tune. A line alone has no form yet, and is prose here.

    >>> recognise(["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"])
    '五绝'
    >>> recognise(["关关雎鸠", "在河之洲", "窈窕淑女", "君子好逑"])
    '古体'
    >>> recognise(["君不见", "黄河之水天上来", "奔流到海不复回"])
    '杂言'
    >>> recognise(["先帝创业未半而中道崩殂", "今天下三分", "益州疲弊", "此诚危急存亡之秋也"])
    '散文'
    """
    count = len(lines)
    if count < 2:
        return "散文"
    lengths = [len(line) for line in lines]
    length = lengths[0]
    if lengths.count(length) == count:
        form = _FORM_OF_SHAPE.get((count, length))
        if form is not None:
            return form
        return "古体" if _SHORTEST <= length <= _LONGEST else "散文"
    if max(lengths) > _LONGEST_MIXED or sum(lengths) > _LONGEST_MIXED_MEAN * count:
        return "散文"
    return "杂言"


#: How full and traditional names of forms differ from those of FORMS and their like.
_TRADITIONAL: Final = str.maketrans("絕詩體雜詞長風", "绝诗体杂词长风")
_KINDS: Final = MappingProxyType(
    {"绝句": "绝", "律诗": "律", "排律": "排", "长律": "排", "古诗": "古", "古风": "古", "古体诗": "古", "古体": "古"}
)


def short_form(name: str) -> str:
    """The short name of a form that is given by its full one, or in traditional characters; others as they are.

    >>> short_form("七言律诗"), short_form("七絕"), short_form("五言古詩"), short_form("古詩"), short_form("水调歌头")
    ('七律', '七绝', '五古', '古体', '水调歌头')
    """
    plain = "".join(name.split()).translate(_TRADITIONAL)
    if plain in ("古诗", "古风", "古体诗"):
        return "古体"
    if plain in FORMS:
        return plain
    length, _, kind = plain.partition("言") if "言" in plain else (plain[:1], "", plain[1:])
    short = length + _KINDS.get(kind, kind)
    return short if length in ("五", "七") and kind and short[1:] in ("绝", "律", "排", "古") else name


def full_names() -> dict[str, str]:
    """The full names of forms with their short ones.

    >>> full_names()["七言绝句"], full_names()["五言排律"]
    ('七绝', '五排')
    """
    names = {f"{length}言{kind}": length + short for length in "五七" for kind, short in _KINDS.items()}
    return names | {"古诗": "古体", "古风": "古体"}


def form_of(body: str, tune: str = "") -> str:
    """The form of a poem, one of FORMS: 词 where its tune is known, else what the lengths of its lines say.

    >>> form_of("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    '五绝'
    """
    return "词" if tune else recognise(clauses(body))


def form_of_shape(lengths: Sequence[int]) -> str:
    """The form of a poem whose lines have these lengths.

    >>> form_of_shape([7] * 4), form_of_shape([7] * 12)
    ('七绝', '古体')
    """
    return recognise(["字" * length for length in lengths])
