"""Build poetgen/prosody/parallel.tsv: which characters answer each other in couplets, learned from those of poets.

    pip install scipy scikit-learn
    python scripts/parallel_pairs.py chinese-poetry-master.zip

The sources are any that `preprocess` reads. Of regulated shape with a level rhyme, poems of eight lines testify with
their two middle couplets, which custom wants parallel. Where x stands above y at one place, the pair counts. Of

    P(x, y) / (P(x) P(y))  =  1 + v(x) · v(y)

the vectors v are the best of `--dims` dimensions: correspondence analysis, by the largest eigenvectors of the
symmetric matrix P(x, y) / sqrt(P(x) P(y)) without its trivial one. They are kept as whole numbers of one byte, with a
scale for each character. A couplet is the more parallel the higher the mean of log(1 + v(x) · v(y)) over its places;
two weights make a probability of that, fitted by logistic regression to real middle couplets against equally many
shuffled ones (an upper line above the lower one of another poem, in the same tones) and last couplets.

The class of a character (noun, verb …) is that of its nearest seeds below, by the cosine of the vectors.

Every twentieth poem, by a hash, is held out: the weights are fitted on one half of them, figures printed of the other.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pingshui import converter

from poetgen.corpus import documents, read
from poetgen.errors import PoetgenError
from poetgen.files import write_atomic
from poetgen.prosody import SHAPES, categories, characters, shared_rhyme, usual_tones
from poetgen.prosody.parallel import CLASSES, SAME, UNLIKE, doublings
from poetgen.text import clauses, is_han

TABLE = Path(__file__).parents[1] / "poetgen" / "prosody" / "parallel.tsv"

HEADER = """\
# Which characters answer each other in parallel couplets: a character and its other shapes, its class, the scale and
# the whole numbers of its vector (base64, one signed byte each). Made by scripts/parallel_pairs.py, do not edit.
# Source: {couplets:,} middle couplets of {poems:,} poems of eight lines in the chinese-poetry archive.
"""

#: A character must stand in middle couplets so often, and what is added to its count against chance.
LEAST, SMOOTHING = 30, 20

SEEDS = {
    "n": "山水江河天地日月星云雨雪风霜露花草木树松竹梅柳鸟鱼马牛龙凤虎人客僧翁儿女臣王家门窗楼台亭寺城桥路舟船车衣冠酒"
    "茶诗书琴棋剑笔心头眼手身泪梦魂声影春秋夏冬朝暮年岁时节事业功名国沙石泉波",
    "v": "来去归行坐卧立看望听闻见知识飞落流生开闭起伏入出登临渡穿逐随送迎携倚拂照映染惊破思忆爱恨愁怜问答歌唱吟饮醉眠"
    "醒扫卷垂折种采耕读写藏寻觅抱掩",
    "a": "高低深浅长短大小远近新旧寒暖冷热清浊明暗轻重老少多闲忙静寂幽芳凉疏密细微薄厚浓淡肥瘦美好奇圆稀",
    "m": "一二三四五六七八九十百千万双两半几",
    "f": "上下东西南北前后内外中间里边左右",
    "c": "红黄绿青白黑紫碧翠朱丹苍素玄赤",
    "d": "不未已曾犹尚更又亦再便即忽渐初乍偏最自相共皆只惟岂空徒欲将应须休莫",
    "r": "我尔汝吾余予他其此彼谁何孰",
    "u": "之乎者也而于以所则且",
}

Couplet = tuple[str, str]


def poems(sources: list[str]) -> Iterator[list[str]]:
    """The lines of each poem of eight lines that has the shape and a rhyme of a 律诗, simplified, each once."""
    simplified = converter("t2s")
    seen: set[str] = set()
    for document in documents(sources):
        for record in read(document):
            lines = clauses("".join(record.paragraphs))
            if len(lines) != 8 or len(set(map(len, lines))) > 1 or (8, len(lines[0])) not in SHAPES.values():
                continue
            body = simplified(" ".join(lines))
            if body in seen or not all(map(is_han, body.replace(" ", ""))):
                continue
            seen.add(body)
            lines = body.split(" ")
            if shared_rhyme(lines):
                yield lines


def held_out(lines: list[str]) -> bool:
    return hashlib.sha1("".join(lines).encode()).digest()[0] % 20 == 0


def middle(lines: list[str]) -> list[Couplet]:
    return [(lines[2], lines[3]), (lines[4], lines[5])]


def shuffled(couplets: list[Couplet], seed: int) -> list[Couplet]:
    """Upper lines with lower ones of other couplets, of the same length and the same tone at the second place."""
    draw = np.random.default_rng(seed)
    alike = defaultdict(list)
    for number, (_, lower) in enumerate(couplets):
        alike[len(lower), usual_tones(lower[1])].append(number)
    found: list[Couplet] = []
    for numbers in alike.values():
        found += [
            (couplets[one][0], couplets[other][1])
            for one, other in zip(numbers, draw.permutation(numbers), strict=True)
        ]
    return found


def vectors(couplets: Iterable[Couplet], dims: int) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64]]:
    """The characters, their vectors (V, dims) as whole numbers, and the scale (V,) of each."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import eigsh

    pairs = Counter(pair for upper, lower in couplets for pair in zip(upper, lower, strict=True))
    uses: Counter[str] = Counter()
    for pair, count in pairs.items():
        for char in pair:
            uses[char] += count
    chars = sorted(char for char, count in uses.items() if count >= LEAST)
    places = {char: place for place, char in enumerate(chars)}
    found = [(places[x], places[y], count) for (x, y), count in pairs.items() if x in places and y in places]
    rows, cols, counts = (np.array(column) for column in zip(*found, strict=True))
    both = coo_matrix((counts.astype(float), (rows, cols)), (len(chars), len(chars))).tocsr()
    both = (both + both.T) / (2 * counts.sum())
    scale = 1 / np.sqrt(np.asarray(both.sum(axis=1)).ravel() + SMOOTHING / counts.sum())
    both = both.multiply(scale[:, None]).multiply(scale[None, :]).tocsr()
    values, eigenvectors = eigsh(both, dims + 1, which="LA", v0=np.ones(len(chars)))
    order = np.argsort(-values)[1:]  # the first says only how often a character stands
    exact = eigenvectors[:, order] * scale[:, None] * np.sqrt(values[order])
    scales = np.array([float(f"{most:.3g}") for most in np.abs(exact).max(axis=1) / 127])
    return chars, np.clip(np.rint(exact / scales[:, None]), -127, 127).astype(int), scales


def classes(chars: list[str], found: NDArray[np.float64]) -> str:
    """The class of each character, by its five nearest seeds."""
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    places = {char: place for place, char in enumerate(chars)}
    seeds = [(name, places[char]) for name, row in SEEDS.items() for char in row if char in places]
    near = unit @ unit[[place for _, place in seeds]].T
    out = []
    for row in near:
        votes: Counter[str] = Counter()
        for seed in np.argsort(-row)[:5]:
            votes[seeds[seed][0]] += max(float(row[seed]), 0) ** 2
        out.append(votes.most_common(1)[0][0])
    own = {char: name for name, row in SEEDS.items() for char in row}
    return "".join(own.get(char, name) for char, name in zip(chars, out, strict=True))


def features(couplets: list[Couplet], chars: list[str], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2): the mean over the places, and the doublings that are not answered; as parallel.py has them."""
    places = {char: place for place, char in enumerate(chars)}
    rows = []
    for upper, lower in couplets:
        likeness = [
            SAME if x == y else float(np.log(max(UNLIKE, 1 + found[places[x]] @ found[places[y]])))
            for x, y in zip(upper, lower, strict=True)
            if x == y or (x in places and y in places)
        ]
        rows.append((float(np.mean(likeness)) if likeness else 0.0, len(doublings(upper) ^ doublings(lower))))
    return np.array(rows)


def main() -> None:
    """Write the table, and print what the weights are and how well they tell."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="files, folders or archives of poems")
    parser.add_argument("--dims", type=int, default=32, help="numbers a character (default: 32)")
    parser.add_argument("--out", type=Path, default=TABLE, help="where the table goes (default: into the package)")
    options = parser.parse_args()
    try:
        everything = list(poems(options.sources))
        known = [lines for lines in everything if not held_out(lines)]
        couplets = [couplet for lines in known for couplet in middle(lines)]
        chars, whole, scales = vectors(couplets, options.dims)
        found = whole * scales[:, None]
        kinds = classes(chars, found)
        assert set(kinds) <= set(CLASSES)
        write_atomic(options.out, table(chars, kinds, whole, scales, len(known), len(couplets)))
    except PoetgenError as error:
        parser.error(str(error))
    new = [lines for lines in everything if held_out(lines)]
    kinds_of_couplets = {
        "middle": [couplet for lines in new for couplet in middle(lines)],
        "shuffled": shuffled([couplet for lines in new for couplet in middle(lines)], seed=1),
        "last": [(lines[6], lines[7]) for lines in new],
        "first": [(lines[0], lines[1]) for lines in new],
        "third": [(lines[4], lines[5]) for lines in new],
    }
    measured = {name: features(some, chars, found) for name, some in kinds_of_couplets.items()}
    half = {name: len(rows) // 2 for name, rows in measured.items()}
    real, shuffles, lasts = (measured[name][: half[name]] for name in ("middle", "shuffled", "last"))
    others = np.concatenate([shuffles[::2], lasts])
    model = LogisticRegression(C=100, class_weight="balanced")
    model.fit(np.concatenate([real, others]), [1] * len(real) + [0] * len(others))
    print(f"{len(everything):,} poems, {len(new):,} held out")
    print(f"weights {model.coef_[0].round(2)}, {model.intercept_[0]:.2f}")
    sure = {name: model.predict_proba(rows[half[name] :])[:, 1] for name, rows in measured.items()}
    for name, values in sure.items():
        ahead = roc_auc_score([1] * len(sure["middle"]) + [0] * len(values), [*sure["middle"], *values])
        low = ", ".join(f"below {limit}: {np.mean(values < limit):.1%}" for limit in (0.05, 0.5))
        print(f"{name:9} {len(values):,} couplets, {low}" + (f", AUC {ahead:.3f}" if name != "middle" else ""))


def table(
    chars: list[str], kinds: str, whole: NDArray[np.int64], scales: NDArray[np.float64], poems: int, couplets: int
) -> str:
    """The text of the table; shapes of a character are those of the rhyme book that simplify to it."""
    simplified = converter("t2s")
    shapes: dict[str, str] = {char: char for char in chars}
    for char in dict.fromkeys("".join(map(characters, categories()))):
        plain = simplified(char)
        if char not in shapes and plain in shapes:
            shapes[plain] += char
    rows = [
        f"{shapes[char]}\t{kind}\t{scale:g}\t{base64.b64encode(row.astype(np.int8).tobytes()).decode()}"
        for char, kind, row, scale in zip(chars, kinds, whole, scales, strict=True)
    ]
    return HEADER.format(poems=poems, couplets=couplets) + "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
