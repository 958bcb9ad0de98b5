"""Poems with faults, and the smallest part of them that is written anew."""

from pathlib import Path

import pytest
import torch

from poetgen.config import ModelConfig
from poetgen.corpus import Poem
from poetgen.data.vocab import Vocab
from poetgen.errors import UsageError
from poetgen.judging.checking import explain_poem
from poetgen.judging.mending import mend
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.model import PoetModel
from poetgen.prosody.forms import form_of
from poetgen.writing.writer import Writer

VOCAB = Vocab.load(Path(__file__).parents[2] / "checkpoints" / "tang-song" / "vocab.json")


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Writer:
    """A writer that knows all characters and nothing of verse."""
    torch.manual_seed(0)
    model = PoetModel(ModelConfig(len(VOCAB), layers=1, hidden=8, embed=8)).eval()
    return Writer(Checkpoint(tmp_path_factory.mktemp("none"), model, VOCAB, {}, "none"))


def poem(text: str) -> Poem:
    return Poem(text, form=form_of(text))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("白日依山尽，黄河入海流。欲穷千里目，更上一层花。", "白日依山尽，黄河入海流。欲穷千里目，更上一层"),
        ("白日依山尽，黄河入海流。欲穷千里目，再登一层楼。", "白日依山尽，黄河入海流。欲穷千里目，"),
        ("朝辞白帝彩云间，千里江陵一日还。两岸猿声啼不断，轻舟已过万重川。", "朝辞白帝彩云间，千里江陵一日还。"),
    ],
)
def test_no_more_is_changed_than_is_at_fault(writer: Writer, text: str, kept: str) -> None:
    mended = mend(writer, poem(text), seed=1, candidates=1)
    assert mended.left == () and not explain_poem(poem(mended.poem.body)).faults
    assert mended.poem.body.startswith(kept) and mended.poem.body != text
    changed = sum(old != new for old, new in zip(text, mended.poem.body, strict=True))
    assert changed <= 2
    assert all(change.before in text and change.after in mended.poem.body for change in mended.changes)


def test_what_has_no_fault_stays(writer: Writer) -> None:
    text = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
    mended = mend(writer, poem(text), seed=1)
    assert (mended.poem.body, mended.sample, mended.changes) == (text, None, ())


def test_lines_of_a_wrong_length_are_not_mended(writer: Writer) -> None:
    with pytest.raises(UsageError, match="name another with --form"):
        mend(writer, poem("白日依山尽，黄河入海。欲穷千里目，更上一层楼。"), form="五绝")
