"""Build poetgen/corpus/words_to_traditional.tsv: which traditional character a simplified one stands for, by its words.

    python scripts/context_words.py corpora/chinese-poetry-master.zip

The poems that are in traditional script testify. OpenCC tells which of their characters are one in simplified script
(里 and 裏, 云 and 雲); the commoner one is the rule. Words of two characters that have another in `--share` of at least
`--least` places are exceptions, and words of three characters where those of two still err.

It prints how often the table is right, learned from nine tenths of the poems and tried on the others, and how often
OpenCC is.
"""

from __future__ import annotations

import argparse
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pingshui import converter

from poetgen.corpus import Cleaner, documents, paired, read
from poetgen.corpus.script import fold_variants, tell
from poetgen.errors import PoetgenError
from poetgen.files import write_atomic
from poetgen.text import is_han

TABLE = Path(__file__).parents[1] / "poetgen" / "corpus" / "words_to_traditional.tsv"
HEADER = """\
# Simplified characters that are several in traditional script: the character, what it is, and in which words (two or
# three characters, in simplified script; ^ opens the name of an author); without words, what it is as a rule.
# Made by scripts/context_words.py, do not edit. Source: {places:,} places in {poems:,} poems of the chinese-poetry
# archive that are in traditional script; what has several there, by OpenCC (t2s).
"""
#: The characters that are several words. Others that have several shapes (闲: 閑, 閒) poets write as they please, and
#: OpenCC's rule stands for them.
SEVERAL = (
    "丑丰于云余仆冲几凶制升占卷历发只台合向后咸咽复夸姜尸尽岳干并幸帘弥征御志愿才托斗昆曲术朴松栗欲汇沈游漓筑系"
    "致舍范荡获蒙谷辟郁采里钟面须饥准吁胜涂表借"
)
#: Younger shapes that OpenCC leaves as they are, and hardly a book of verse has.
YOUNGER = {"着": "著"}
#: Words that verse has too seldom to testify.
PROSE = {
    "云": "诗云 书云 古云 或云 所云 人云 谁云 孰云 皆云 俗云 岂云 虽云 云何 云云 云胡 曷云 岁云 云亡",
    "后": "母后 太后 皇后 王后 后羿",
    "干": "若干 相干",
    "幹": "骨干 树干 躯干 主干 干练",
    "隻": "船只",
    "捨": "取舍 舍弃 舍得 舍命",
    "複": "重复 复杂 复道 复叠",
    "游": "上游 中游 下游 浮游 游鱼 游泳",
    "錶": "手表 怀表",
    "穀": "辟谷 稻谷 谷物",
    "里": "故里 乡里 邻里 闾里 公里",
    "丑": "丑时 丑年 小丑",
    "鬥": "战斗 奋斗 斗争",
    "裏": "表里 里面 这里 那里 哪里",
    "製": "制造 制作",
    "餘": "其余 业余",
    "曆": "日历 农历 历法",
    "鬚": "胡须",
    "徵": "征求 征召 征集 征聘 特征 象征",
}
#: Family names that are written otherwise than the rule has it.
FAMILY_NAMES = {**dict.fromkeys("余于云范游岳姜郁谷后干曲台涂丰咸朴占卷", ""), "钟": "鍾"}


@dataclass
class Testimony:
    """How often which traditional character stands for a simplified one: at all, and in words with its neighbours."""

    single: dict[str, Counter[str]] = field(default_factory=dict)
    words: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    def add(self, place: Place) -> None:
        self.single.setdefault(place.char, Counter())[place.stands_for] += 1
        for word in place.words:
            self.words.setdefault((place.char, word), Counter())[place.stands_for] += 1


@dataclass(frozen=True)
class Place:
    """One character of a poem: simplified, as the poem has it, and with the neighbours that it has in its line."""

    char: str
    stands_for: str
    before: str
    behind: str

    @property
    def words(self) -> list[str]:
        """Three characters, the two before, the two behind: the order in which they decide."""
        both = [self.before + self.char + self.behind] if self.before and self.behind else []
        left = [self.before + self.char] if self.before else []
        return both + left + ([self.char + self.behind] if self.behind else [])


def places(body: str, simplified: str) -> Iterator[Place]:
    """Every place of a poem where the simplified character is one of SEVERAL."""
    for at, char in enumerate(simplified):
        if char in SEVERAL:
            beside = simplified[max(0, at - 1) : at], simplified[at + 1 : at + 2]
            before, behind = (other if other and is_han(other) else "" for other in beside)
            yield Place(char, body[at], before, behind)


def read_bodies(sources: list[Path]) -> list[str]:
    """The poems that are in traditional script, in standard shapes."""
    cleaner = Cleaner("keep")
    return [
        fold_variants(poem.body, "traditional")
        for document in paired(documents(sources))
        for _, poem in cleaner.clean_all(read(document))
        if tell(poem.body) > 0
    ]


def simplified_shapes(bodies: list[str]) -> dict[int, str]:
    """How the characters of the poems are simplified, one by one."""
    simplify = converter("t2s")
    return {ord(char): simplify(char) for char in {*"".join(bodies)}}


@dataclass
class Rules:
    """The table as it is made: character -> the rule; (character, word) -> the exception."""

    usual: dict[str, str]
    exceptions: dict[tuple[str, str], str]

    def choose(self, place: Place) -> str:
        found = (self.exceptions.get((place.char, word)) for word in place.words)
        return next((char for char in found if char), self.usual[place.char])


def learn(testimony: Testimony, least: int, share: float) -> Rules:
    """The rules of a testimony."""
    usual = {char: counts.most_common(1)[0][0] for char, counts in testimony.single.items()}
    rules = Rules(usual, {})
    for length in (2, 3):
        found = {}
        for (char, word), counts in testimony.words.items():
            if len(word) != length:
                continue
            best, times = counts.most_common(1)[0]
            at = word.index(char)
            place = Place(char, best, word[:at], word[at + 1 :])
            if times >= share * counts.total() and counts.total() >= least and best != rules.choose(place):
                found[char, word] = best
        rules.exceptions |= found
    return rules


def rows(rules: Rules) -> Iterator[str]:
    simplify = converter("t2s")
    for char, usual in sorted((rules.usual | YOUNGER).items()):
        yield f"{char}\t{usual}\t\n"
        words: dict[str, list[str]] = {}
        if char in FAMILY_NAMES and (FAMILY_NAMES[char] or char) != usual:
            words[FAMILY_NAMES[char] or char] = [f"^{char}"]
        by_hand = {word: other for other, listed in PROSE.items() for word in listed.split() if char in word}
        by_hand = {word: other for word, other in by_hand.items() if simplify(other) == char}
        found = {word: other for (of, word), other in rules.exceptions.items() if of == char}
        for word, other in (found | by_hand).items():
            words.setdefault(other, []).append(word)
        for other, listed in sorted(words.items()):
            yield f"{char}\t{other}\t{' '.join(sorted(listed))}\n"


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path, help="files, folders or archives of poems")
    parser.add_argument("--least", type=int, default=5, help="places that a word must have (default: 5)")
    parser.add_argument("--share", type=float, default=0.7, help="share of them that must agree (default: 0.7)")
    parser.add_argument("--out", type=Path, default=TABLE, help="where the table goes (default: into the package)")
    options = parser.parse_args()
    try:
        bodies = read_bodies(options.sources)
        simplified = simplified_shapes(bodies)
        whole, most, others = Testimony(), Testimony(), list[Place]()
        for body in bodies:
            tried = zlib.crc32(body.encode()) % 10 == 0
            for place in places(body, body.translate(simplified)):
                whole.add(place)
                (others.append if tried else most.add)(place)
        rules = learn(whole, options.least, options.share)
        total = sum(counts.total() for counts in whole.single.values())
        write_atomic(options.out, HEADER.format(places=total, poems=len(bodies)) + "".join(rows(rules)))
    except PoetgenError as error:
        raise SystemExit(f"context_words: {error}") from None
    print(f"{options.out}: {len(rules.usual)} characters, {len(rules.exceptions):,} words")
    learned, convert = learn(most, options.least, options.share), converter("s2t")
    right = sum(learned.choose(place) == place.stands_for for place in others if place.char in learned.usual)
    by_opencc = sum(
        convert(place.before + place.char + place.behind)[len(place.before)] == place.stands_for for place in others
    )
    shares = [f"{count / len(others):.1%}" for count in (right, by_opencc)]
    print(f"of {len(others):,} places: right by the table {shares[0]}, by OpenCC {shares[1]}")


if __name__ == "__main__":
    main()
