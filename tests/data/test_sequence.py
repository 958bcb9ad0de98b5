"""Headers: what is known of a poem before its first character."""

import pytest

from poetgen.corpus.dynasties import DYNASTIES
from poetgen.data.sequence import CONTROL, Header, Layout, control
from poetgen.data.vocab import UNK, Vocab
from poetgen.prosody.forms import FORMS, form_of

VOCAB = Vocab.build(dict.fromkeys("静夜思李白明月故乡水调歌头", 1), CONTROL)
LAYOUT = Layout(VOCAB)


def read(header: Header) -> str:
    return VOCAB.decode(LAYOUT.encode(header))


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (Header(), "[BODY]"),
        (Header(title="静夜思"), "[TITLE]静夜思[BODY]"),
        (Header(form="五绝", title="静夜思"), "[五绝][TITLE]静夜思[BODY]"),
        (Header(dynasty="唐"), "[唐][BODY]"),
        (Header(keywords=("明月",)), "[KEYWORDS]明月[BODY]"),
        (
            Header("词", "宋", "水调歌头", "李白", ("明月", "故乡"), "静夜思"),
            "[词][宋][TUNE]水调歌头[AUTHOR]李白[KEYWORDS]明月[SEP]故乡[TITLE]静夜思[BODY]",
        ),
    ],
)
def test_a_header_holds_what_is_known_in_one_order(header: Header, text: str) -> None:
    assert read(header) == text


def test_unknown_characters_of_a_header_are_read_as_unk() -> None:
    assert LAYOUT.encode(Header(title="龘")) == [VOCAB.id("[TITLE]"), UNK, VOCAB.id("[BODY]")]


def test_every_form_and_dynasty_has_its_own_token() -> None:
    assert len(set(CONTROL)) == len(CONTROL)
    for name in (*FORMS, *DYNASTIES):
        assert control(name) in CONTROL
        assert VOCAB.id(control(name)) != UNK
    assert {token for token in VOCAB.tokens if len(token) > 1} == {"[PAD]", "[UNK]", *CONTROL}


def test_the_form_is_told_from_the_lines_unless_the_tune_is_known() -> None:
    quatrain = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
    assert form_of(quatrain) == "五绝"
    assert form_of(quatrain + quatrain) == "五律"
    assert form_of(quatrain, tune="生查子") == "词"
    assert form_of("白日、依山，黄河入海。欲穷千里，更上层楼。") == "古体", "a pause does not end a line"
