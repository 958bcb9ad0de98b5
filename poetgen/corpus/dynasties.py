"""Dynasties: the names that readers meet, brought to one set."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

#: The one set of names, in the order of time.
DYNASTIES: Final = ("先秦", "汉", "魏晋", "南北朝", "隋", "唐", "五代", "宋", "辽", "金", "元", "明", "清", "近现代")

_NAMES: Final[dict[str, str]] = {
    name: dynasty
    for dynasty, names in {
        "先秦": "先秦 周 西周 东周 春秋 战国 商 夏 秦 xianqin pre-qin preqin qin zhou",
        "汉": "汉 两汉 西汉 东汉 汉末 秦汉 han",
        "魏晋": "魏晋 魏 晋 西晋 东晋 三国 曹魏 weijin wei-jin weijindynasty jin(265-420)",
        "南北朝": "南北朝 南朝 北朝 南朝宋 刘宋 南齐 齐 梁 陈 北魏 北齐 北周 "
        "魏晋南北朝 nanbeichao nanbei southernandnorthern southernandnortherndynasties northernandsouthern "
        "northernandsoutherndynasties weijinnanbei",
        "隋": "隋 sui",
        "唐": "唐 初唐 盛唐 中唐 晚唐 武周 唐末 tang",
        "五代": "五代 五代十国 南唐 后蜀 前蜀 吴越 后唐 后晋 后汉 后周 wudai fivedynasties",
        "宋": "宋 北宋 南宋 两宋 宋末 宋末元初 song sung",
        "辽": "辽 liao",
        "金": "金 金末 jin",
        "元": "元 元末 金末元初 yuan",
        "明": "明 明末 元末明初 明末清初 ming",
        "清": "清 清末 清初 清末民初 清末近现代初 清末民国初 qing ching",
        "近现代": "近现代 近代 现代 当代 民国 民国末当代初 近现代末当代初 modern contemporary republic republicofchina",
    }.items()
    for name in names.split()
}

_TRADITIONAL: Final = str.maketrans("漢魏晉東後劉齊陳遼兩國現當吳戰", "汉魏晋东后刘齐陈辽两国现当吴战")

#: Where a source keeps its poems, when the poems do not say: the folders of chinese-poetry and their like.
_PLACES: Final = tuple(
    (re.compile(pattern), dynasty)
    for pattern, dynasty in (
        (r"poet\.tang\b|全唐[诗詩]|唐[诗詩]", "唐"),
        (r"poet\.song\b|全宋[诗詩词詞]|ci\.song\b|宋[词詞]", "宋"),
        (r"五代[诗詩]?[词詞]?|花[间間]集|huajianji|南唐|nantang", "五代"),
        (r"元曲|yuanqu", "元"),
        (r"[诗詩][经經]|shijing|楚[辞辭]|chuci", "先秦"),
        (r"曹操|caocao", "汉"),
        (r"[纳納][兰蘭]性德|nalanxingde", "清"),
    )
)


def dynasty(name: str) -> str:
    """The dynasty that a field names, one of DYNASTIES, or "" when it names none that is known.

    >>> dynasty("Tang"), dynasty("〔宋代〕"), dynasty("清朝"), dynasty("遼"), dynasty("?")
    ('唐', '宋', '清', '辽', '')
    """
    return _dynasty(name) if name else ""


@lru_cache(maxsize=1024)
def _dynasty(name: str) -> str:
    name = re.sub(r"[\s()（）〔〕\[\]【】_・·]", "", name).lower().translate(_TRADITIONAL)
    for end in ("", "代", "朝", "时期", "dynasty"):
        found = _NAMES.get(name.removesuffix(end))
        if found:
            return found
    return ""


@lru_cache(maxsize=1024)
def dynasty_of_place(name: str) -> str:
    """The dynasty that the name of a file and its folders imply, or "". The file's own name speaks first.

    >>> dynasty_of_place("all.zip:全唐诗/poet.song.0.json"), dynasty_of_place("五代诗词/nantang/poetrys.json")
    ('宋', '五代')
    """
    for part in reversed(re.split(r"[/\\:]", name)):
        for pattern, found in _PLACES:
            if pattern.search(part):
                return found
    return ""
