"""Templates of tunes (词牌), learned from the poems that were written to them.

    the poems of a tune ──▶ the commonest line lengths ──▶ which line ends rhyme ──▶ the tone of every place

A 词谱 was made in just this way: by laying the poems of a tune side by side and noting where they agree. Nearly
every place of a tune has nine poems in ten on one side, or is free; nearly every two line ends rhyme in nine poems
of ten, or as often as chance has it, which is one in ten. docs/tunes.md compares the outcome with the tune books.

Shapes: P poems of one line pattern, C characters of each, L lines.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from poetgen.errors import CheckpointError
from poetgen.prosody.feet import feet
from poetgen.prosody.rhymes import ANY, CILIN, LEVEL, OBLIQUE, PINGSHUI, tones
from poetgen.prosody.template import Line, Template

FORMAT: Final = 1

#: A tune is learned from so many poems at least, of which so many have the commonest line lengths.
LEAST_POEMS, LEAST_ALIKE = 20, 12
#: A place has a tone that this share of the poems give it; characters read in both tones are left out of the count.
FIXED: Final = 0.9
#: The same among the poems of one alternative of a line, which are few enough to agree by chance.
FIRM: Final = 0.96
#: Two line ends rhyme with each other that do so in this share of the poems.
LINKED: Final = 0.6
#: A tune is sung to level and to oblique rhymes where this share of its poems, and LEAST_ALIKE, have the rarer kind;
#: a line has alternatives where this share of the poems, and LEAST_SIDE, have the rarer one.
RARER, LEAST_SIDE = 0.08, 25
#: Tunes of fewer characters have one stanza, and those of fewer than the second number if their halves differ.
TWO_STANZAS, SURELY_TWO = 36, 40

# What a file of tunes may hold, which keeps a broken or hostile one from filling the memory.
_MAX_BYTES, _MAX_TUNES, _MAX_LINES, _MAX_LENGTH, _MAX_CHOICES, _MAX_NAME = 16 << 20, 5_000, 100, 40, 16, 40

_LINE = re.compile("([^，。？！；：\n]+)([，。？！；：\n]*)")
_FULL_STOPS: Final = frozenset("。？！\n")
_MARKS: Final = frozenset("，。")

Counts = NDArray[np.int64]

#: Other names of tunes, by the name that anthologies list them under. Source: the notes 又名 of the 钦定词谱 (1715).
ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        alias: name
        for name, others in {
            "念奴娇": "酹江月 百字令 百字谣 壶中天 壶中天慢 大江东去 赤壁词",
            "贺新郎": "金缕曲 金缕词 金缕歌 贺新凉 乳燕飞 貂裘换酒",
            "蝶恋花": "凤栖梧 鹊踏枝 黄金缕 卷珠帘 一箩金",
            "采桑子": "丑奴儿 丑奴儿令 罗敷媚 罗敷艳歌",
            "江城子": "江神子 村意远",
            "忆江南": "望江南 江南好 梦江南 梦江口 望江梅 谢秋娘",
            "南歌子": "南柯子 望秦川 风蝶令",
            "浣溪沙": "浣沙溪 浣纱溪 减字浣溪沙 小庭花",
            "山花子": "摊破浣溪沙 添字浣溪沙 南唐浣溪沙",
            "减字木兰花": "减兰 木兰香 天下乐令",
            "玉楼春": "木兰花 木兰花令 惜春容 归朝欢令",
            "鹧鸪天": "思佳客 剪朝霞 骊歌一叠 醉梅花",
            "临江仙": "雁后归 画屏春 庭院深深",
            "菩萨蛮": "重叠金 巫山一片云 花间意",
            "西江月": "步虚词 江月令",
            "清平乐": "忆萝月 醉东风",
            "虞美人": "虞美人令 一江春水 玉壶冰",
            "如梦令": "忆仙姿 宴桃源",
            "点绛唇": "点樱桃 寻瑶草 沙头雨",
            "卜算子": "百尺楼 眉峰碧 楚天遥",
            "忆秦娥": "秦楼月 碧云深 双荷叶",
            "浪淘沙": "浪淘沙令 卖花声 过龙门",
            "阮郎归": "醉桃源 碧桃春",
            "一斛珠": "醉落魄 一斛夜明珠 怨春风",
            "鹊桥仙": "鹊桥仙令 金风玉露相逢曲 广寒秋",
            "谒金门": "空相忆 花自落 出塞",
            "满庭芳": "满庭霜 锁阳台",
            "沁园春": "洞庭春色 寿星明",
            "水龙吟": "龙吟曲 小楼连苑 庄椿岁 鼓笛慢",
            "水调歌头": "水调歌 元会曲 凯歌",
            "满江红": "伤春曲 念良游",
            "摸鱼儿": "摸鱼子 买陂塘 迈陂塘 陂塘柳",
            "齐天乐": "台城路 五福降中天 如此江山",
            "八声甘州": "甘州 潇潇雨",
            "声声慢": "胜胜慢 人在楼上",
            "一翦梅": "一剪梅 腊梅香 玉簟秋",
            "唐多令": "糖多令 南楼令 箜篌曲",
            "多丽": "绿头鸭 陇头泉",
            "忆王孙": "豆叶黄 阑干万里心",
            "诉衷情": "诉衷情令 渔父家风 一丝风",
            "桃源忆故人": "虞美人影",
            "长相思": "长相思令 双红豆 吴山青",
            "踏莎行": "踏雪行 柳长春",
            "生查子": "楚云深 梅溪渡",
            "更漏子": "付金钗",
            "扫地游": "扫花游",
            "人娇": "殢人娇",
            "琐窗寒": "锁窗寒 琐寒窗",
            "捣练子": "捣练子令 深院月",
            "调笑令": "调笑",
            "柳梢青": "陇头月 早春怨",
            "小重山": "小重山令 小冲山 柳色新",
            "苏幕遮": "鬓云松令 鬓云松",
            "庆清朝": "庆清朝慢",
            "一落索": "一落萦 一络索 洛阳春 玉连环",
            "定风波": "定风流 定风波令",
            "破阵子": "十拍子",
            "暗香": "红情",
            "疏影": "绿意",
        }.items()
        for alias in others.split()
    }
)


@dataclass(frozen=True, slots=True)
class Learned:
    """A tune's template, the poems it was learned from, and the share of them that have its line lengths."""

    template: Template
    poems: int
    share: float


def listed(name: str) -> str:
    """The name that a tune is listed under, which is the name itself where it is no other tune's second one.

    >>> listed("酹江月"), listed("念奴娇"), listed("自度曲")
    ('念奴娇', '念奴娇', '自度曲')
    """
    return ALIASES.get(name, name)


# Learning --------------------------------------------------------------------------------------------------------


def learn(poems: Iterable[tuple[str, str]]) -> dict[str, Learned]:
    """The tunes that (tune, body) pairs teach, by their listed names, the ones with most poems first.

    Left out are tunes with too few poems, or too few alike (LEAST_POEMS, LEAST_ALIKE), and those whose last line
    does not rhyme by what the poems show. A character that no rhyme book knows fits every tone and counts for none.

    >>> spring = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
    >>> lines = learn([("春晓", spring)] * 20)["春晓"].template.variants[0]
    >>> [line.rhyme for line in lines], lines[2].tones, lines[2].mark
    ([0, 0, None, 0], ('仄平平仄平',), '，')
    >>> learn([("春晓", spring)] * 19)
    {}
    """
    bodies: dict[str, list[str]] = {}
    for name, body in poems:
        bodies.setdefault(listed(name), []).append(body)
    learned: dict[str, Learned] = {}
    for name in sorted(bodies, key=lambda name: (-len(bodies[name]), name)):
        if len(bodies[name]) >= LEAST_POEMS and len(name) <= _MAX_NAME:
            found = _learn_tune(name, bodies[name])
            if found is not None:
                learned[name] = found
    return learned


@dataclass(frozen=True)
class _Poems:
    """P poems of one line pattern.

    `tones` and `feet` are bit sets: (P, C) 1 for level and 2 for oblique, and (P, L) of the rhymes of each line's end.
    """

    lengths: tuple[int, ...]
    tones: Counts
    feet: Counts

    def select(self, chosen: NDArray[np.bool_]) -> _Poems:
        return _Poems(self.lengths, self.tones[chosen], self.feet[chosen])

    @property
    def ends(self) -> Counts:
        """(L,) the place of each line's last character."""
        return np.cumsum(self.lengths) - 1


def _learn_tune(name: str, bodies: Sequence[str]) -> Learned | None:
    cuts = [_LINE.findall(body) for body in bodies]
    shapes = Counter(tuple(len(text) - text.count("、") for text, _ in cut) for cut in cuts)
    lengths, alike = min(shapes.items(), key=lambda item: (-item[1], item[0]))
    if alike < LEAST_ALIKE or not 1 < len(lengths) <= _MAX_LINES or not 0 < min(lengths) <= max(lengths) <= _MAX_LENGTH:
        return None
    chosen = [cut for cut in cuts if tuple(len(text) - text.count("、") for text, _ in cut) == lengths]
    poems = _measure(["".join(text.replace("、", "") for text, _ in cut) for cut in chosen], lengths)
    layout = [_layout([cut[number] for cut in chosen]) for number in range(len(lengths))]
    variants = []
    for kind in _kinds(poems):
        rhymes = _rhymes(kind.feet)
        if rhymes[-1] is None:
            continue
        starts = [0, *accumulate(lengths)]
        variants.append(
            tuple(
                Line(_choices(kind.tones[:, start:end]), rhyme, mark, pause)
                for (start, end), rhyme, (mark, pause) in zip(pairwise(starts), rhymes, layout, strict=True)
            )
        )
    if not variants:
        return None
    template = Template(name, tuple(dict.fromkeys(variants)), CILIN, _stanzas(variants[0]))
    return Learned(template, len(bodies), round(alike / len(bodies), 3))


def _measure(texts: Sequence[str], lengths: tuple[int, ...]) -> _Poems:
    """Look up every character's tones and every line end's rhymes, each character once."""
    points = np.frombuffer("".join(texts).encode("utf-32-le"), dtype="<u4").reshape(len(texts), sum(lengths))
    known, inverse = np.unique(points, return_inverse=True)
    characters = [chr(point) for point in known.tolist()]
    bits: dict[str, int] = {}
    rhymes = [
        sum(1 << bits.setdefault(name, len(bits)) for name in feet(character, ANY, CILIN)) for character in characters
    ]
    sides = [(LEVEL in found) + 2 * (OBLIQUE in found) for found in map(tones, characters)]
    places = inverse.reshape(points.shape)
    return _Poems(lengths, np.array(sides, dtype=np.int64)[places], np.array(rhymes)[places[:, np.cumsum(lengths) - 1]])


def _layout(lines: Sequence[tuple[str, str]]) -> tuple[str, int]:
    """The mark after a line and the place of the pause in it, as most poems have them."""
    stops = sum(bool(_FULL_STOPS & set(marks)) for _, marks in lines)
    pauses = Counter(text.find("、") for text, _ in lines)
    pause, count = max(pauses.items(), key=lambda item: (item[1], -item[0]))
    return "。" if 2 * stops > len(lines) else "，", max(0, pause) if 2 * count > len(lines) else 0


def _rhymes(found: Counts) -> list[int | None]:
    """(L,) the number of each line's rhyme: line ends that agree in most poems, and what agrees with those."""
    count = found.shape[1]
    number: list[int | None] = [None] * count
    known = found != 0
    both = known.T.astype(np.int64) @ known.astype(np.int64)
    agree = np.stack([((found[:, [end]] & found) != 0).sum(axis=0) for end in range(count)])
    linked = agree >= LINKED * np.maximum(both, 1)
    np.fill_diagonal(linked, False)
    for end in range(count):
        if number[end] is None and linked[end].any():
            group, reached = {end}, [end]
            while reached:
                new = set(np.flatnonzero(linked[reached.pop()]).tolist()) - group
                group |= new
                reached.extend(new)
            following = 1 + max((taken for taken in number if taken is not None), default=-1)
            for member in group:
                number[member] = following
    return number


def _tones(found: Counts, share: float = FIXED) -> str:
    """The tone of each of C places that so large a share of the poems gives it."""
    level, oblique = (found == 1).sum(axis=0), (found == 2).sum(axis=0)
    least = share * np.maximum(level + oblique, 1)
    return "".join(np.where(level >= least, LEVEL, np.where(oblique >= least, OBLIQUE, ANY)).tolist())


def _choices(found: Counts, whole: str = "", splits: int = 2) -> tuple[str, ...]:
    """What may stand in a line, of tones (P, C): alternatives where places go together, as in 平平中仄平 仄平平仄平.

    The poems are parted by the tone of the place that leaves the fewest tone patterns open, if it is a quarter fewer;
    each part at most once more. `whole` is what is known already.
    """
    whole = whole or _tones(found)
    best, chosen = 0.76 * 2 ** whole.count(ANY), []
    for place in [place for place, tone in enumerate(whole) if tone == ANY] if splits else []:
        pair = [found[found[:, place] == side] for side in (1, 2)]
        if min(map(len, pair)) >= max(LEAST_SIDE, RARER * len(found)):
            closer = [_closer(whole, part) for part in pair]
            left = sum(2 ** tones.count(ANY) for tones in closer)
            if left < best:
                best, chosen = left, list(zip(pair, closer, strict=True))
    found_choices = (choice for part, tones in chosen for choice in _choices(part, tones, splits - 1))
    return tuple(dict.fromkeys(found_choices)) or (whole,)


def _closer(whole: str, part: Counts) -> str:
    """The tones of some of the poems of a line, places that are free in the whole of them being held more firmly."""
    return "".join(
        firm if tone == ANY else own for tone, own, firm in zip(whole, _tones(part), _tones(part, FIRM), strict=True)
    )


def _kinds(poems: _Poems) -> Iterator[_Poems]:
    """The poems of each kind of rhyme, level and oblique, the commoner first; and within them, of each kind of tones.

    A tune whose feet have a tone each, one level and another oblique (西江月), is of one kind.
    """
    rhymed = np.array([number is not None for number in _rhymes(poems.feet)])
    sides = poems.tones[:, poems.ends[rhymed]]
    level, oblique = (sides == 1).sum(axis=0), (sides == 2).sum(axis=0)
    rarer = np.minimum(level, oblique) / np.maximum(level + oblique, 1)
    mixed = sides[:, rarer > 0.02]
    lean = (mixed == 1).sum(axis=1) - (mixed == 2).sum(axis=1)
    parts = sorted((lean > 0, lean < 0), key=lambda part: -int(part.sum()))
    enough = [poems.select(part) for part in parts if part.sum() >= max(LEAST_ALIKE, RARER * len(lean))]
    # Feet that lean to neither side within most poems tell no two kinds apart.
    if sum(len(part.tones) for part in enough) < 0.8 * len(lean):
        enough = [poems]
    for part in enough:
        yield from _openings(part)


def _openings(poems: _Poems) -> Iterator[_Poems]:
    """The poems of each way to begin, where the whole poem turns on it: 瑞鹧鸪 is regulated verse and has two.

    A way that few poems take is left out.
    """
    whole = _tones(poems.tones)
    best, chosen = len(whole) - whole.count(ANY) + 0.25 * len(whole), [poems]
    for place in [place for place, tone in enumerate(whole[: poems.lengths[0]]) if tone == ANY]:
        pair = [poems.select(poems.tones[:, place] == side) for side in (1, 2)]
        parts = sorted(pair, key=lambda part: -len(part.tones))
        parts = [part for part in parts if len(part.tones) >= LEAST_ALIKE]
        fixed = min((len(whole) - _tones(part.tones).count(ANY) for part in parts), default=0)
        if fixed > best and sum(len(part.tones) for part in parts) >= 0.6 * len(poems.tones):
            best, chosen = fixed, parts
    yield from chosen


def _stanzas(lines: Sequence[Line]) -> tuple[int, ...]:
    """Lines of each stanza: the second repeats the first (重头), or all but its opening lines (换头).

    They part after a rhyme, where the ends of both halves are alike for long and the halves of nearly one size.
    """
    sizes = [0, *accumulate(map(len, lines))]

    def alike(cut: int) -> int:
        """Characters of the lines, from the end of both halves, that have one length, one kind of foot and tone."""
        total = 0
        for first, second in zip(reversed(lines[:cut]), reversed(lines[cut:]), strict=False):
            if (len(first), first.rhyme is None) != (len(second), second.rhyme is None):
                break
            if {first.tones[0][-1], second.tones[0][-1]} == {LEVEL, OBLIQUE}:
                break
            total += len(first)
        return total

    cuts = [cut for cut in range(1, len(lines)) if lines[cut - 1].rhyme is not None and lines[cut - 1].mark == "。"]
    if not cuts:
        return (len(lines),)
    score, cut = max((alike(cut) - abs(2 * sizes[cut] - sizes[-1]), -cut) for cut in cuts)
    if sizes[-1] < (TWO_STANZAS if 4 * score > sizes[-1] else SURELY_TWO):
        return (len(lines),)
    return -cut, len(lines) + cut


# On disk ---------------------------------------------------------------------------------------------------------


def to_json(tunes: Mapping[str, Learned]) -> str:
    """The text of forms.json, one tune a line."""
    rows = [
        {
            "name": name,
            "poems": tune.poems,
            "share": tune.share,
            "book": tune.template.book,
            "stanzas": tune.template.stanzas,
            "variants": [[asdict(line) for line in variant] for variant in tune.template.variants],
        }
        for name, tune in tunes.items()
    ]
    text = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f'{{"format": {FORMAT}, "tunes": [\n{text}\n]}}\n'


def load(path: Path) -> dict[str, Learned]:
    """Read a forms.json; none where there is no such file.

    Raises CheckpointError where it is broken, of another version, or larger than any tune book.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES >> 20} MB")
        data = json.loads(raw)
        version = data["format"]
        if version != FORMAT:
            raise CheckpointError(f"{path}: tunes of format {version}; this poetgen reads format {FORMAT}")
        rows = data["tunes"]
        if not isinstance(rows, list) or len(rows) > _MAX_TUNES:
            raise ValueError(f"tunes must be a list of at most {_MAX_TUNES}")
        return {tune.template.form: tune for tune in map(_tune, rows)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise CheckpointError(
            f"{path}: not a file of tunes ({reason}); copy the folder again, or delete the file to do without"
        ) from error


def _tune(row: Any) -> Learned:
    """One tune of a file; raises ValueError, KeyError or TypeError."""
    name, poems, share, book, stanzas = (row[key] for key in ("name", "poems", "share", "book", "stanzas"))
    _require(isinstance(name, str) and 0 < len(name) <= _MAX_NAME, "a tune without a name")
    _require(type(poems) is int and poems >= 0, f"{name}: poems must be a count")
    _require(isinstance(share, int | float) and 0 <= share <= 1, f"{name}: share must be from 0 to 1")
    _require(book in (CILIN, PINGSHUI), f"{name}: no such rhyme book")
    variants = tuple(tuple(_line(line, name) for line in _bounded(variant, name)) for variant in row["variants"][:16])
    _require(len(variants) > 0, f"{name}: no variants")
    shapes = {tuple(map(len, variant)) for variant in variants}
    _require(len(shapes) == 1, f"{name}: variants of different line lengths")
    _require(
        isinstance(stanzas, list)
        and all(type(count) is int and count > 0 for count in stanzas)
        and sum(stanzas) in (0, len(variants[0])),
        f"{name}: stanzas must add up to the lines",
    )
    return Learned(Template(name, variants, book, tuple(stanzas)), poems, float(share))


def _line(row: Any, name: str) -> Line:
    choices, rhyme, mark, pause = (row[key] for key in ("tones", "rhyme", "mark", "pause"))
    _require(
        isinstance(choices, list)
        and 0 < len(choices) <= _MAX_CHOICES
        and all(isinstance(tone, str) and set(tone) <= {LEVEL, OBLIQUE, ANY} for tone in choices)
        and len({len(tone) for tone in choices}) == 1
        and 0 < len(choices[0]) <= _MAX_LENGTH,
        f"{name}: tones must be strings of {LEVEL}, {OBLIQUE} and {ANY}, of one length",
    )
    _require(rhyme is None or (type(rhyme) is int and 0 <= rhyme < _MAX_LINES), f"{name}: rhyme must be a number")
    _require(mark in _MARKS, f"{name}: a line ends in ， or 。")
    _require(type(pause) is int and 0 <= pause < len(choices[0]), f"{name}: pause must stand inside the line")
    return Line(tuple(choices), rhyme, mark, pause)


def _bounded(variant: Any, name: str) -> list[Any]:
    _require(isinstance(variant, list) and 0 < len(variant) <= _MAX_LINES, f"{name}: too many lines, or none")
    return list(variant)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
