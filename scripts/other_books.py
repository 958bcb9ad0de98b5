"""Readings of characters by two other books, as rhymes of the 平水韵: to compare the table of pingshui.py with.

- the 廣韻 (1008), from which the 平水韵 was joined: the facts of the package tshet-uinh (MIT)
- how a character is read today, by the package pypinyin (MIT)
- the table of 平水韵 and 词林正韵 in the public project hulbji/couyun (MIT)
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from poetgen.errors import PoetgenError

#: Rhymes of the 廣韻 by their level names, and the rhymes of the 平水韵 in which they joined: level, rising, departing,
#: entering; "-" where there is none. Those of 祭 泰 夬 廢 have a departing tone alone.
_JOINED = """
東 一东 一董 一送 一屋
冬鍾 二冬 二肿 二宋 二沃
江 三江 三讲 三绛 三觉
支脂之 四支 四纸 四寘 -
微 五微 五尾 五未 -
魚 六鱼 六语 六御 -
虞模 七虞 七麌 七遇 -
齊 八齐 八荠 八霁 -
祭 - - 八霁 -
泰 - - 九泰 -
佳皆 九佳 九蟹 十卦 -
夬 - - 十卦 -
灰咍 十灰 十贿 十一队 -
廢 - - 十一队 -
真臻 十一真 十一轸 十二震 四质
文殷 十二文 十二吻 十三问 五物
元魂痕 十三元 十三阮 十四愿 六月
寒 十四寒 十四旱 十五翰 七曷
刪山 十五删 十五潸 十六谏 八黠
先仙 一先 十六铣 十七霰 九屑
蕭宵 二萧 十七筱 十八啸 -
肴 三肴 十八巧 十九效 -
豪 四豪 十九皓 二十号 -
歌 五歌 二十哿 二十一个 -
麻 六麻 二十一马 二十二祃 -
陽唐 七阳 二十二养 二十三漾 十药
庚耕清 八庚 二十三梗 二十四敬 十一陌
青 九青 二十四迥 二十五径 十二锡
蒸登 十蒸 二十四迥 二十五径 十三职
尤侯幽 十一尤 二十五有 二十六宥 -
侵 十二侵 二十六寝 二十七沁 十四缉
覃談 十三覃 二十七感 二十八勘 十五合
鹽添嚴 十四盐 二十八俭 二十九艳 十六叶
咸銜凡 十五咸 二十九豏 三十陷 十七洽
"""
_TONES = "平上去入"


@cache
def _rhyme_of() -> dict[tuple[str, str], str]:
    rows = (line.split() for line in _JOINED.split("\n") if line)
    joined = {
        (name, tone): rhyme
        for names, *rhymes in rows
        for name in names
        for tone, rhyme in zip(_TONES, rhymes, strict=True)
    }
    return joined | {("嚴", "入"): "十七洽"}  # 業 stands with 洽


@cache
def guangyun(char: str) -> frozenset[str]:
    """The readings that the 廣韻 has of a (traditional) character."""
    from tshet_uinh import 資料

    return frozenset(_rhyme_of()[found.音韻地位.韻, found.音韻地位.聲] for found in 資料.query字頭(char))


def couyun(folder: Path, names: Sequence[str]) -> dict[str, frozenset[str]]:
    """Character -> its readings in the table of couyun; `names` are the 106 rhymes in the order of the book.

    The file assigns lists of (characters, tone, rhyme, group, number of the rhyme); it is parsed and never run.
    """
    path = folder / "couyun" / "hanzi" / "hanzi_class.py"
    try:
        rows = [
            ast.literal_eval(node.value)
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign)
        ]
        pairs = [(char, names[row[-1] - 1]) for row in rows for char in row[0]]
    except (OSError, SyntaxError, ValueError, IndexError, TypeError) as error:
        raise PoetgenError(f"{path}: not the table of hulbji/couyun ({error})") from error
    readings: dict[str, set[str]] = {}
    for char, name in pairs:
        if not char.isspace():
            readings.setdefault(char, set()).add(name)
    return {char: frozenset(found) for char, found in readings.items()}


def modern(char: str) -> str:
    """How a character is read today, in the commonest way, such as zhong1.

    >>> modern("氧")
    'yang3'
    """
    from pypinyin import Style, lazy_pinyin

    return lazy_pinyin(char, style=Style.TONE3, neutral_tone_with_five=True)[0]
