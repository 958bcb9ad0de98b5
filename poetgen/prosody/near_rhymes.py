"""Which groups of the 词林正韵 poets of the Song let rhyme with each other (通押).

Source: Lu Guoyao (鲁国尧), 论宋词韵及其与金元词韵的比较 (1991), and the 词 of the chinese-poetry archive, where
these are the commonest mixtures.
"""

from functools import cache
from typing import Final

_TOGETHER: Final = (
    "第三部 第五部",
    "第三部 第四部",
    "第四部 第九部",
    "第六部 第七部",
    "第七部 第十四部",
    "第六部 第十一部 第十三部",
    "第八部 第十二部",
    "第九部 第十部",
    "第十五部 第十六部 第十七部 第十八部 第十九部",
)


def near_rhyme(names: frozenset[str], group: str) -> bool:
    """Whether a foot of some groups of the 词林正韵 may stand among feet of another one, by the custom of Song poets.

    >>> near_rhyme(frozenset({"第十七部"}), "第十八部"), near_rhyme(frozenset({"第一部"}), "第六部")
    (True, False)
    """
    return bool(names & _near().get(group, frozenset()))


@cache
def _near() -> dict[str, frozenset[str]]:
    near: dict[str, frozenset[str]] = {}
    for together in map(str.split, _TOGETHER):
        for group in together:
            near[group] = near.get(group, frozenset()) | set(together) - {group}
    return near
