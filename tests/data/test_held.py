"""What is held of a poem, as a field of its header."""

import re
from pathlib import Path

import numpy as np
import pytest

from poetgen.data.dataset import Dataset
from poetgen.data.held import Marks, draw_held, encode_held
from poetgen.data.sequence import CONTROL, Column, Header, Layout
from poetgen.data.vocab import Vocab

POEM = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
VOCAB = Vocab.build(dict.fromkeys(POEM, 1), CONTROL)
MARKS = Marks.of(VOCAB)


def read(column: Column, row: int = 0) -> str:
    ids = column.tokens[column.starts[row] : column.starts[row] + column.sizes[row]]
    return VOCAB.decode(ids.tolist()).replace("[SEP]", "/").replace("[GAP]", "_")


@pytest.mark.parametrize(
    ("pattern", "field"),
    [
        ("_____，____流。_____，____楼。", "/_流//_楼"),
        ("白____，黄____。欲____，更____。", "白_/黄_/欲_/更_"),
        ("_____，_____。__千里_，_____。", "//_千里_"),
        ("白日依山尽，_____。_____，_____。", "白日依山尽"),
        ("_日_山_，_____。_____，_____。", "_日_山_"),
        ("_____，_____。_____，_____。", ""),
        (POEM, "白日依山尽/黄河入海流/欲穷千里目/更上一层楼"),
    ],
)
def test_lines_are_written_with_a_gap_for_what_is_free(pattern: str, field: str) -> None:
    held = np.array([char != "_" for char in pattern])
    assert read(encode_held(Column.of([VOCAB.encode(POEM)]), held, MARKS)) == field


def test_what_is_drawn_fits_the_poem_it_was_drawn_from() -> None:
    bodies = Column.of([VOCAB.encode(POEM), VOCAB.encode(POEM[:12])] * 500)
    drawn = draw_held(bodies, MARKS, np.random.default_rng(1))
    fields = [read(drawn, row) for row in range(1000)]
    for row, field in enumerate(fields):
        lines = re.split("[，。]", POEM if row % 2 == 0 else POEM[:12])
        for given, line in zip(field.split("/"), lines, strict=False):
            assert not given or re.fullmatch(given.replace("_", ".+"), line), (field, line)
    assert len(set(fields)) > 200
    assert {"/_流//_楼", "白_/黄_/欲_/更_", "白日依山尽", "", "_千里_"} & set(fields) >= {
        "/_流//_楼",
        "白_/黄_/欲_/更_",
        "",
    }
    kinds = [fields[::2].count("/_流//_楼"), fields[::2].count("白_/黄_/欲_/更_")]
    assert kinds[0] / 500 == pytest.approx(0.25, abs=0.06) and kinds[1] / 500 == pytest.approx(0.6 * 0.15, abs=0.06)


def test_a_dataset_holds_parts_of_poems_whose_form_is_known(prepared: Path) -> None:
    split = Dataset.load(prepared).train
    drawn = draw_held(split.body, Marks.of(split.layout.vocab), np.random.default_rng(2))
    assert (drawn.sizes > 0).mean() > 0.8
    bodies = split.body_sizes
    assert (drawn.sizes <= bodies).all(), "no longer than the poem"


def test_it_stands_before_the_rhyme() -> None:
    held = tuple(VOCAB.encode("白"))
    text = VOCAB.decode(Layout(VOCAB).encode(Header("五绝", title="山", held=held, rhyme="流")))
    assert text == "[五绝][TITLE]山[HELD]白[RHYME]流[BODY]"
