"""Free text as people paste it: pages of the web, exam sheets, chat messages, e-books. Each layout gives its poems."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from poetgen.corpus.clean import Cleaner
from poetgen.corpus.text_reader import text_records

JING = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。"
DENG = "白日依山尽，黄河入海流。\n欲穷千里目，更上一层楼。"
CHUN = "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。"
JING_T = "床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。"
DENG_T = "白日依山盡，黃河入海流。\n欲窮千里目，更上一層樓。"
DA_FENG = "大风起兮云飞扬，威加海内兮归故乡，安得猛士兮守四方。"
JUE_1 = "堂西长笋别开门，堑北行椒却背村。\n梅熟许同朱老吃，松高拟对阮生论。"
JUE_3 = "两个黄鹂鸣翠柳，一行白鹭上青天。\n窗含西岭千秋雪，门泊东吴万里船。"
RU_MENG = "昨夜雨疏风骤，浓睡不消残酒。试问卷帘人，却道海棠依旧。知否，知否，应是绿肥红瘦。"
MAN_JIANG = (
    "怒发冲冠，凭栏处，潇潇雨歇。抬望眼，仰天长啸，壮怀激烈。三十功名尘与土，八千里路云和月。莫等闲，白了少年头，空悲切！\n"
    "靖康耻，犹未雪。臣子恨，何时灭！驾长车，踏破贺兰山缺。壮志饥餐胡虏肉，笑谈渴饮匈奴血。待从头，收拾旧山河，朝天阙。"
)
SHAN_JU = "空山新雨后，天气晚来秋。\n明月松间照，清泉石上流。\n竹喧归浣女，莲动下渔舟。\n随意春芳歇，王孙自可留。"


def one(poem: str) -> str:
    """A poem on one line."""
    return poem.replace("\n", "")


def bare(poem: str) -> str:
    """A poem without marks, a line each."""
    return "\n".join(re.findall(r"\w+", poem))


#: text, then of each poem: title, author, dynasty, verse
LAYOUTS: dict[str, tuple[str, list[tuple[str, str, str, str]]]] = {
    "book titles, dynasty and author": (
        f"《登鹳雀楼》 唐·王之涣\n{DENG}\n\n《春晓》（孟浩然）\n{CHUN}\n\n《静夜思》[唐]李白\n{JING}",
        [("登鹳雀楼", "王之涣", "唐", DENG), ("春晓", "孟浩然", "", CHUN), ("静夜思", "李白", "唐", JING)],
    ),
    "author before the book title": (
        f"李白《静夜思》\n{JING}\n\n唐·王之涣《登鹳雀楼》\n{DENG}\n\n[唐] 孟浩然 《春晓》\n{CHUN}\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "唐", DENG), ("春晓", "孟浩然", "唐", CHUN)],
    ),
    "markdown": (
        f"# 唐诗三首\n\n## 登鹳雀楼\n\n**王之涣**\n\n> {DENG.replace(chr(10), chr(10) + '> ')}\n\n---\n\n"
        f"## 静夜思\n*李白*\n\n```\n{JING}\n```\n",
        [("登鹳雀楼", "王之涣", "", DENG), ("静夜思", "李白", "", JING)],
    ),
    "markdown by author": (
        f"# 李白\n\n## 静夜思\n\n{JING}\n\n# 孟浩然\n\n## 春晓\n\n{CHUN}\n",
        [("静夜思", "李白", "", JING), ("春晓", "孟浩然", "", CHUN)],
    ),
    "markdown list": (
        f"- **静夜思** 李白\n  {one(JING)}\n- **登鹳雀楼** 王之涣\n  {one(DENG)}\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG)],
    ),
    "numbers with points": (
        f"1. 登鹳雀楼\n{DENG}\n2. 春晓\n{CHUN}\n3. 静夜思\n{JING}\n",
        [("登鹳雀楼", "", "", DENG), ("春晓", "", "", CHUN), ("静夜思", "", "", JING)],
    ),
    "numbers in Han": (
        f"一、静夜思\n李白\n{JING}\n\n二、登鹳雀楼\n王之涣\n{DENG}\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG)],
    ),
    "numbers in brackets, before the verse": (
        f"（一）{one(JING)}\n（二）{one(DENG)}\n（三）{one(DA_FENG)}\n",
        [("", "", "", JING), ("", "", "", DENG), ("", "", "", DA_FENG)],
    ),
    "numbers before the verse": (
        f"1. {one(JING)}\n2. {one(DENG)}\n3. {DA_FENG}\n",
        [("", "", "", JING), ("", "", "", DENG), ("", "", "", DA_FENG)],
    ),
    "no blank lines": (
        f"登鹳雀楼\n王之涣\n{DENG}\n春晓\n孟浩然\n{CHUN}\n静夜思\n李白\n{JING}",
        [("登鹳雀楼", "王之涣", "", DENG), ("春晓", "孟浩然", "", CHUN), ("静夜思", "李白", "", JING)],
    ),
    "blank lines everywhere": (
        f"登鹳雀楼\n\n王之涣\n\n{DENG}\n\n\n静夜思\n\n李白\n\n{JING}\n",
        [("登鹳雀楼", "王之涣", "", DENG), ("静夜思", "李白", "", JING)],
    ),
    "a series": (
        f"绝句四首\n杜甫\n\n其一\n{JUE_1}\n\n其三\n{JUE_3}\n\n静夜思\n李白\n{JING}",
        [("绝句四首 其一", "杜甫", "", JUE_1), ("绝句四首 其三", "杜甫", "", JUE_3), ("静夜思", "李白", "", JING)],
    ),
    "a series of numbers": (
        f"绝句四首\n唐·杜甫\n（一）\n{JUE_1}\n（三）\n{JUE_3}\n",
        [("绝句四首 其一", "杜甫", "唐", JUE_1), ("绝句四首 其三", "杜甫", "唐", JUE_3)],
    ),
    "a series, the part before the verse": (
        f"绝句四首  杜甫\n其一：{one(JUE_1)}\n其三：{one(JUE_3)}\n",
        [("绝句四首 其一", "杜甫", "", JUE_1), ("绝句四首 其三", "杜甫", "", JUE_3)],
    ),
    "signed below": (
        f"{one(JING)}\n——李白《静夜思》\n\n{one(DENG)}\n——王之涣《登鹳雀楼》\n\n{DA_FENG}\n—— 刘邦《大风歌》\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG), ("大风歌", "刘邦", "", DA_FENG)],
    ),
    "signed below with a dynasty": (
        f"{JING}\n——［唐］李白《静夜思》\n\n{DENG}\n——唐代·王之涣《登鹳雀楼》\n",
        [("静夜思", "李白", "唐", JING), ("登鹳雀楼", "王之涣", "唐", DENG)],
    ),
    "signed on the line": (
        f"{one(JING)}——李白《静夜思》\n{one(DENG)}——王之涣《登鹳雀楼》\n{one(CHUN)}（孟浩然《春晓》）\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG), ("春晓", "孟浩然", "", CHUN)],
    ),
    "speakers": (
        f"{one(JING)}\n——李世民\n\n{one(DENG)}\n——武则天\n",
        [("", "李世民", "", JING), ("", "武则天", "", DENG)],
    ),
    "labels": (
        f"题目：静夜思\n作者：李白\n朝代：唐\n正文：{one(JING)}\n\n题目：登鹳雀楼\n作者：王之涣\n朝代：唐\n正文：\n{DENG}\n",
        [("静夜思", "李白", "唐", JING), ("登鹳雀楼", "王之涣", "唐", DENG)],
    ),
    "labels on one line, traditional": (
        f"題目：靜夜思　作者：李白　朝代：唐代\n{JING_T}\n\n題目：登鸛雀樓　作者：王之渙　朝代：唐代\n{DENG_T}\n",
        [("靜夜思", "李白", "唐", JING_T), ("登鸛雀樓", "王之渙", "唐", DENG_T)],
    ),
    "labels in brackets, with notes": (
        f"【题目】静夜思\n【作者】李白\n【原文】\n{JING}\n【注释】\n①疑：好像。\n②举头：抬头。\n【译文】\n"
        f"明亮的月光洒在窗户纸上，好像地上泛起了一层霜。\n【赏析】\n这首诗写的是在寂静的月夜思念家乡的感受。\n\n"
        f"【题目】登鹳雀楼\n【作者】王之涣\n【原文】\n{DENG}\n【译文】\n夕阳依傍着西山慢慢地沉没。\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG)],
    ),
    "a page of the web": (
        f"首页 > 诗文\n静夜思\n唐代：李白\n{one(JING)}\n\n译文及注释\n译文\n明亮的月光洒在窗户纸上。\n注释\n"
        f"疑：好像。\n\n"
        f"登鹳雀楼\n唐代：王之涣\n{one(DENG)}\n\n赏析\n这首诗是唐代五言诗的压卷之作，写诗人登高望远。\n",
        [("静夜思", "李白", "唐", JING), ("登鹳雀楼", "王之涣", "唐", DENG)],
    ),
    "an exam sheet": (
        "小学生必背古诗\n班级：____ 姓名：____\n\n"
        f"1、《静夜思》（唐·李白）\n{JING}\n\n2、《登鹳雀楼》（唐·王之涣）\n{DENG}\n"
        f"\n3、《春晓》（唐·孟浩然）\n{CHUN}\n\n第1页 共2页\n",
        [("静夜思", "李白", "唐", JING), ("登鹳雀楼", "王之涣", "唐", DENG), ("春晓", "孟浩然", "唐", CHUN)],
    ),
    "a chat": (
        f"大家好！今天给大家分享几首唐诗：\n\n静夜思（李白）\n{one(JING)}\n\n这首我最喜欢了，你们觉得呢？\n\n"
        f"登鹳雀楼（王之涣）\n{one(DENG)}\n\n谢谢大家的收藏和转发！\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG)],
    ),
    "an e-book with contents": (
        f"唐诗选\n\n目录\n静夜思……………1\n登鹳雀楼…………2\n山居秋暝…………3\n\n卷一 五言\n\n静夜思\n李白\n{JING}\n\n- 1 -\n\n"
        f"登鹳雀楼\n王之涣\n{DENG}\n\n山居秋暝\n王维\n{SHAN_JU}\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG), ("山居秋暝", "王维", "", SHAN_JU)],
    ),
    "contents without pages": (
        f"目录\n静夜思\n登鹳雀楼\n山居秋暝\n\n静夜思\n李白\n{JING}\n\n登鹳雀楼\n王之涣\n{DENG}\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG)],
    ),
    "an e-book, indented": (
        f"　　静夜思\n　　　　[唐] 李 白\n　　{JING.replace(chr(10), chr(10) + '　　')}\n\n"
        f"　　登鹳雀楼\n　　　　[唐] 王之涣\n"
        f"　　{DENG.replace(chr(10), chr(10) + '　　')}\n",
        [("静夜思", "李白", "唐", JING), ("登鹳雀楼", "王之涣", "唐", DENG)],
    ),
    "black brackets": (
        f"【静夜思】\n【唐】李白\n{JING}\n\n【登鹳雀楼】\n【唐】王之涣\n{DENG}\n",
        [("静夜思", "李白", "唐", JING), ("登鹳雀楼", "王之涣", "唐", DENG)],
    ),
    "title and author on a line": (
        f"静夜思  李白\n{JING}\n\n登鹳雀楼 [唐] 王之涣\n{DENG}\n\n春晓 - 孟浩然\n{CHUN}\n\n大风歌 · 刘邦\n{DA_FENG}",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "唐", DENG), ("春晓", "孟浩然", "", CHUN)]
        + [("大风歌", "刘邦", "", DA_FENG)],
    ),
    "one poem a line, with headings": (
        f"静夜思：{one(JING)}\n《登鹳雀楼》王之涣：{one(DENG)}\n春晓::孟浩然::{one(CHUN)}\n{DA_FENG}\n",
        [
            ("静夜思", "", "", JING),
            ("登鹳雀楼", "王之涣", "", DENG),
            ("春晓", "孟浩然", "", CHUN),
            ("", "", "", DA_FENG),
        ],
    ),
    "one poem a line, spaces between": (
        f"静夜思 李白 {one(JING)}\n登鹳雀楼 王之涣 {one(DENG)}\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG)],
    ),
    "one poem a line, below the name of a book": (
        f"唐诗三百首\n{one(JING)}\n{one(DENG)}\n{DA_FENG}\n{one(CHUN)}\n",
        [("", "", "", JING), ("", "", "", DENG), ("", "", "", DA_FENG), ("", "", "", CHUN)],
    ),
    "no marks": (
        f"静夜思\n李白\n{bare(JING)}\n\n登鹳雀楼\n王之涣\n{bare(DENG)}\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG)],
    ),
    "no marks and no blank lines": (
        f"静夜思\n李白\n{bare(JING)}\n登鹳雀楼\n王之涣\n{bare(DENG)}\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG)],
    ),
    "marks at the ends of couplets": (
        f"静夜思\n李白\n{JING.replace('，', chr(10))}\n\n登鹳雀楼\n王之涣\n{DENG.replace('，', chr(10))}\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG)],
    ),
    "author below": (
        f"静夜思\n{JING}\n李白\n\n登鹳雀楼\n{DENG}\n王之涣\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG)],
    ),
    "author above the title": (
        f"李白\n静夜思\n{JING}\n\n王之涣\n登鹳雀楼\n{DENG}\n",
        [("静夜思", "李白", "", JING), ("登鹳雀楼", "王之涣", "", DENG)],
    ),
    "tunes of two stanzas": (
        f"满江红·写怀\n岳飞\n\n{MAN_JIANG}\n\n如梦令\n李清照\n\n{RU_MENG}\n",
        [("满江红·写怀", "岳飞", "", MAN_JIANG), ("如梦令", "李清照", "", RU_MENG)],
    ),
    "markdown with a list of labels": (
        f"### 1. 《静夜思》\n- **作者**：李白\n- **朝代**：唐\n\n{JING}\n\n"
        f"### 2. 《春晓》\n- **作者**：孟浩然\n- **朝代**：唐\n\n{CHUN}\n",
        [("静夜思", "李白", "唐", JING), ("春晓", "孟浩然", "唐", CHUN)],
    ),
    "a group that talks": (
        f"李老师 10:23\n静夜思\n李白\n{JING}\n\n王同学 10:25\n真好！\n\n李老师 10:30\n春晓\n孟浩然\n{CHUN}\n",
        [("静夜思", "李白", "", JING), ("春晓", "孟浩然", "", CHUN)],
    ),
    "a numbered anthology": (
        f"五言绝句\n\n001 静夜思\n李白\n{JING}\n\n002 春晓\n孟浩然\n{CHUN}\n",
        [("静夜思", "李白", "", JING), ("春晓", "孟浩然", "", CHUN)],
    ),
    "volumes and numbers": (
        f"卷1_1 「帝京篇十首」李世民\n{one(JING)}\n\n卷1_2 「饮马长城窟行」李世民\n{one(DENG)}\n",
        [("帝京篇十首", "李世民", "", JING), ("饮马长城窟行", "李世民", "", DENG)],
    ),
    "sounds between the lines": (
        "静夜思\njìng yè sī\n李白\nlǐ bái\n床前明月光，\nchuáng qián míng yuè guāng\n"
        "疑是地上霜。\nyí shì dì shàng shuāng\n"
        "举头望明月，\njǔ tóu wàng míng yuè\n低头思故乡。\ndī tóu sī gù xiāng\n",
        [("静夜思", "李白", "", JING)],
    ),
    "full-width numbers, traditional": (
        f"１．靜夜思　　李白\n{JING_T}\n２．登鸛雀樓　　王之渙\n{DENG_T}\n",
        [("靜夜思", "李白", "", JING_T), ("登鸛雀樓", "王之渙", "", DENG_T)],
    ),
    "clauses set apart by spaces": (
        f"静夜思 李白\n{JING.replace('，', ' ').replace('。', '')}\n\n"
        f"春晓 孟浩然\n{CHUN.replace('，', ' ').replace('。', '')}\n",
        [("静夜思", "李白", "", JING), ("春晓", "孟浩然", "", CHUN)],
    ),
    "a tune without marks": (
        f"如梦令\n李清照\n\n{bare(RU_MENG)}\n",
        [("如梦令", "李清照", "", RU_MENG)],
    ),
    "characters set apart": (
        f"{' '.join(one(JING))}\n{' '.join(one(DENG))}\n",
        [("", "", "", JING), ("", "", "", DENG)],
    ),
    "stanzas apart": (
        f"满江红\n岳飞\n\n{MAN_JIANG.replace(chr(10), chr(10) * 2)}\n\n如梦令\n李清照\n\n{RU_MENG}\n",
        [("满江红", "岳飞", "", MAN_JIANG), ("如梦令", "李清照", "", RU_MENG)],
    ),
}


def poems_of(text: str) -> list[tuple[str, str, str, str]]:
    """Title, author, dynasty and verse of each poem, without marks."""
    cleaner = Cleaner("keep", min_chars=1)
    return [
        (poem.title, poem.author, poem.dynasty, "".join(re.findall(r"\w", poem.body)))
        for record, poem in cleaner.clean_all(text_records(text, "", Counter()))
        if record.verse
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_poems_as_people_paste_them(layout: str) -> None:
    text, expected = LAYOUTS[layout]
    assert poems_of(text) == [(*head, "".join(re.findall(r"\w", verse))) for *head, verse in expected]


@pytest.mark.parametrize(
    "text",
    [
        "第一回\n\n　　话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。及秦灭之后，楚、汉分争，又并入于汉。"
        "汉朝自高祖斩白蛇而起义，一统天下，后来光武中兴，传至献帝，遂分为三国。\n",
        "学而第一\n\n子曰：“学而时习之，不亦说乎？有朋自远方来，不亦乐乎？人不知而不愠，不亦君子乎？”\n"
        "有子曰：“其为人也孝弟，而好犯上者，鲜矣；不好犯上，而好作乱者，未之有也。”\n子曰：“巧言令色，鲜矣仁。”\n",
        "曲曲折折的荷塘上面，弥望的是田田的叶子。叶子出水很高，像亭亭的舞女的裙。\n",
        "甲：你好，你去哪里？\n乙：我去学校，你呢？\n甲：我去买菜。\n",
        "# A title\n\nRoses are red, violets are blue.\n\n- one\n",
        "HAMLET: To be, or not to be.\nOPHELIA: Good my lord,\n",
        "En un lugar de la Mancha,\nde cuyo nombre no quiero acordarme\n",
        "古池や蛙飛びこむ水の音\n夏草や兵どもが夢の跡\n",
    ],
)
def test_prose_and_other_languages_stay_as_they_are(text: str) -> None:
    read = list(text_records(text, "", Counter()))
    assert not any(record.verse for record in read)
    assert "".join("\n".join(record.paragraphs) for record in read) == text.strip("\n")


def test_one_irregular_poem_does_not_make_many_one() -> None:
    poems = [one(JING), one(DENG), one(CHUN)] * 170 + [DA_FENG, one(JING), MAN_JIANG.split("\n")[0]]
    assert len(poems_of("\n".join(poems))) == len(poems)


def test_what_is_left_out_is_counted() -> None:
    left_out: Counter[str] = Counter()
    text = f"目录\n静夜思……1\n\n这几首唐诗我都喜欢。\n\n静夜思\n{JING}\n注释：\n疑：好像。\n"
    assert len(list(text_records(text, "", left_out))) == 1
    assert left_out == {"prose between poems": 3, "notes on poems": 2}


def test_verse_with_a_translation_below_it() -> None:
    english = {
        "静夜思": "THOUGHTS ON A STILL NIGHT\n\nSo bright a gleam on my bed,\nCould there have been a frost?",
        "登鹳雀楼": "AT HERON LODGE\n\nMountains cover the white sun,\nAnd oceans drain the golden river.",
    }
    poems = (("静夜思", "李白", JING), ("登鹳雀楼", "王之涣", DENG))
    text = "\n\n\n".join(
        f"{number:03}\n五言绝句\n{author}\n{title}\n\n{verse}\n\n\n{english[title]}"
        for number, (title, author, verse) in enumerate(poems, 1)
    )
    records = list(text_records(text, "", Counter()))
    assert [(record.title, record.author) for record in records] == [("静夜思", "李白"), ("登鹳雀楼", "王之涣")]
    assert [one("".join(record.paragraphs)) for record in records] == [one(JING), one(DENG)]


def test_numbers_of_pages_and_records_part_no_poem() -> None:
    upper, lower = SHAN_JU.split("\n")[:2], SHAN_JU.split("\n")[2:]
    text = "\n".join(
        [
            "第1筆",
            "　　　　山居秋暝　王维",
            *upper,
            "[12]",
            *lower,
            "[頁]卷,冊....[12]1,1",
            "第2筆",
            "　　　　登鹳雀楼　太宗皇帝[16]",
            DENG,
        ]
    )
    records = list(text_records(text, "", Counter()))
    assert [(record.title, record.author) for record in records] == [("山居秋暝", "王维"), ("登鹳雀楼", "太宗皇帝")]
    assert [one("".join(record.paragraphs)) for record in records] == [one(SHAN_JU), one(DENG)]


def test_of_two_names_the_author_stands_where_authors_stand() -> None:
    """乌衣巷 and 归嵩山 begin like names of people, too."""
    poems = (("李白", "静夜思", JING), ("王之涣", "登鹳雀楼", DENG), ("刘禹锡", "乌衣巷", CHUN))
    above = list(
        text_records("\n\n".join(f"{author}\n{title}\n{verse}" for author, title, verse in poems), "", Counter())
    )
    below = list(
        text_records("\n\n".join(f"{title}\n{author}\n{verse}" for author, title, verse in poems), "", Counter())
    )
    for records in (above, below):
        assert [(record.author, record.title) for record in records] == [poem[:2] for poem in poems]


def test_a_series_is_parted_once() -> None:
    """Its poems have as many lines as it has poems."""
    text = f"過舊宅二首　太宗皇帝\n{JING_T}\n\n{DENG_T}\n"
    records = list(text_records(text, "", Counter()))
    assert [record.title for record in records] == ["過舊宅二首 其一", "過舊宅二首 其二"]
    assert [one("".join(record.paragraphs)) for record in records] == [one(JING_T), one(DENG_T)]


def test_a_series_without_numbers_and_a_preface_in_wrapped_lines() -> None:
    text = f"""　　　　帝京篇二首（并序）　太宗皇帝
　　予以萬幾之暇，游息藝文，觀列代之皇王，考當時之行事，軒昊舜禹
　　之上，信無間然矣，至於秦皇周穆，漢武魏明，峻宇雕牆，窮侈極麗
　　，征稅殫於宇宙，轍跡遍於天下。
{JING_T}

{DENG_T}

　　　　晚秋喜雨　李嶠
　　咸亨原年，自四月不雨至于九月，王畿之內，嘉穀不滋，君子小人
　　，惶惶如也。
{CHUN}

夜來風雨聲，花落知多少。
春眠不覺曉，處處聞啼鳥。
"""
    left_out: Counter[str] = Counter()
    records = list(text_records(text, "", left_out))
    assert [record.title for record in records] == ["帝京篇二首（并序） 其一", "帝京篇二首（并序） 其二", "晚秋喜雨"]
    bodies = [one("".join(record.paragraphs)) for record in records]
    assert bodies[:2] == [one(JING_T), one(DENG_T)] and bodies[2].startswith(one(CHUN)), "stanzas are of one poem"
    assert left_out["prose between poems"] == 5
