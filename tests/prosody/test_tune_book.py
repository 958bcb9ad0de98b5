"""The book of tunes, and poems laid over its shapes."""

import random
from itertools import accumulate

import pytest

from poetgen.corpus import Poem
from poetgen.data.vocab import Vocab
from poetgen.judging.checking import explain_poem
from poetgen.network.registry import boxed
from poetgen.prosody.tune_book import known_tunes, parse_shape, tune_shapes
from poetgen.prosody.tune_fitting import best_fit
from poetgen.text import clauses
from poetgen.writing.constraint import constrain
from poetgen.writing.masks import Masks
from poetgen.writing.planning import plan
from poetgen.writing.request import Request

MAN_JIANG_HONG = (
    "怒发冲冠，凭栏处，潇潇雨歇。抬望眼，仰天长啸，壮怀激烈。三十功名尘与土，八千里路云和月。莫等闲，白了少年头，空悲切！"
    "靖康耻，犹未雪。臣子恨，何时灭！驾长车，踏破贺兰山缺。壮志饥餐胡虏肉，笑谈渴饮匈奴血。待从头，收拾旧山河，朝天阙。"
)
RU_MENG_LING = "昨夜雨疏风骤，浓睡不消残酒。试问卷帘人，却道海棠依旧。知否，知否，应是绿肥红瘦。"
YU_LOU_CHUN = (
    "东城渐觉风光好，縠皱波纹迎客棹。绿杨烟外晓寒轻，红杏枝头春意闹。"
    "浮生长恨欢娱少，肯爱千金轻一笑。为君持酒劝斜阳，且向花间留晚照。"
)


def judged(tune: str, text: str) -> list[tuple[str, int]]:
    found = explain_poem(Poem(text, tune=tune, form="词"))
    return [(note.name, note.line) for note in found.faults]


@pytest.mark.slow
def test_every_shape_holds_together() -> None:
    tunes = known_tunes()
    assert len(tunes) > 800
    for name, shapes in tunes.items():
        assert shapes, name
        for shape in shapes:
            lines = shape.template.variants[0]
            assert sum(shape.template.stanzas) == len(lines), name
            starts = [0, *accumulate(map(len, lines))]
            for line, start in zip(lines, starts, strict=False):
                assert len({len(tones) for tones in line.tones}) == 1 and max(line.pause, line.lead) < len(line)
                assert all(back <= start + place for place, back in enumerate(line.repeats))


def test_commas_do_not_count_but_characters_do() -> None:
    assert judged("满江红", MAN_JIANG_HONG) == []
    assert judged("满江红", MAN_JIANG_HONG.replace("凭栏处，", "凭栏处、")) == []
    assert judged("满江红", MAN_JIANG_HONG.replace("空悲切", "空切")) == [("字数", 8)]
    fit = best_fit(clauses(MAN_JIANG_HONG), tune_shapes("满江红"))
    assert fit is not None and fit.whole and "凭栏处潇潇雨歇" in fit.lines


def test_a_tune_wins_over_the_look_of_its_lines() -> None:
    assert judged("玉楼春", YU_LOU_CHUN) == []
    assert explain_poem(Poem(YU_LOU_CHUN, title="玉楼春·春景", tune="玉楼春", form="词")).tune == "玉楼春"


def test_what_a_tune_repeats_is_asked_for() -> None:
    assert judged("如梦令", RU_MENG_LING) == []
    assert judged("如梦令", RU_MENG_LING.replace("知否，知否", "知否，花否")) == []  # another form of the book
    tiao_xiao = "胡马，胡马，远放燕支山下。跑沙跑雪独嘶，东望西望路迷。迷路，迷路，边草无穷日暮。"
    assert judged("调笑令", tiao_xiao) == []
    assert ("叠句", 2) in judged("调笑令", tiao_xiao.replace("胡马，胡马", "胡马，白马"))


def test_shapes_as_they_are_written() -> None:
    with pytest.raises(ValueError, match="no line of a tune: pq!"):
        parse_shape("ppz, pq!")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["如梦令", "忆秦娥", "调笑令", "水调歌头:2", "钗头凤", "西江月", "永遇乐", "莺啼序"])
def test_walks_through_a_tune_of_the_book_keep_it(form: str) -> None:
    vocab = Vocab.load(boxed() / "vocab.json")
    masks = Masks(vocab)
    planned = plan(Request(form=form), 64)
    start, note = constrain(planned, masks)
    assert note == "" and planned.template is not None
    draw = random.Random(form)
    for _ in range(3):
        machine, text = start.copy(), ""
        while not machine.done:
            row, banned = machine.mask(), set(machine.banned())
            ids = [int(id) for id in masks.table[row].nonzero()[0] if id not in banned]
            assert ids, f"no way on after {text}"
            token = draw.choice(ids)
            machine.push(token)
            text += vocab.tokens[token]
        lines = clauses(text)
        assert tuple(map(len, lines)) == planned.template.lengths
        whole = "".join(lines)
        at = 0
        for line in planned.template.variants[0]:
            for place, back in enumerate(line.repeats):
                assert not back or whole[at + place] == whole[at + place - back], text
            at += len(line)


def test_no_word_is_broken_over_a_pause() -> None:
    vocab = Vocab.load(boxed() / "vocab.json")
    start, _ = constrain(plan(Request(form="七绝"), 64), Masks(vocab))
    machine = start.copy()
    for char in "朝辞白帝":
        machine.push(vocab.id(char))
    avoided = {vocab.tokens[id] for id in machine.avoided()}
    assert "王" in avoided and "彩" not in avoided, "帝王 is a word"
