"""Telling encodings apart: UTF-8, UTF-16, GB18030 and Big5.

A byte-order mark decides. Without one, bytes that are strict UTF-8 are UTF-8: Chinese text in another encoding
practically never is. For the rest each candidate decodes a sample, and the one whose text is richest in the commonest
characters of Chinese verse wins: they make up three quarters of any poem, while a wrong guess yields rare characters,
so that a few words suffice.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from poetgen.errors import SourceError

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

#: Bytes that are looked at to tell an encoding.
_SAMPLE: Final = 1 << 16

#: Below this share of common characters nothing was recognised. Real text reaches 0.6, random bytes 0.06.
_ENOUGH: Final = 0.25

#: The commonest characters of verse in both scripts, counted over the chinese-poetry archive, and full-width marks.
_COMMON: Final = frozenset(
    """
    不人一山無无有風风天日何來来如生花中春自年我月時时雲云知水上此爲为相得心未是清君子今老三行去事歸归下江雨可見见千
    明秋白在空長长寒高家已玉與与夜萬万道詩诗作酒青更前金多欲客新南成之誰谁出落處处流古香看地深西門门公書书聲声世能十
    里裏朝身意東东重亦入平同大然名光飛飞頭头似從从雪開开百方林間间石草到小路非當当思莫色分城情盡尽好笑猶犹復复海正黄
    黃塵尘言遠远安愁應应氣气還还真衣聞闻醉難难將将獨独向文外五過过以仙馬马吾須须起回初夢梦望物故四神所舊旧坐後后幾几
    歌龍龙竹滿满少陽阳歲岁豈岂眼晚先餘余其紅红半又幽留華华兩两二溪樹树北霜松只若問问九王孤兮曾遊游隨随吟梅樂乐湖手枝
    陰阴却卻野語语傳传堂柳邊边者官翠共便喜久碧居尚露休足別别葉叶且波逢影木驚惊閑闲微樓楼浮國国和舟吹泉使苦芳常照終终
    煙烟他了窗經经也那尋寻數数暮用近窮穷忽太容本懷怀士州輕轻兒儿夫至首鳥鸟庭功對对病著往綠绿學学元期絕绝卷興兴魚鱼河
    要但堪星斷断登合定恨臨临信依而待關关面六曲晴蒼苍車车因亭雖虽勝胜田丹臺台池死早翁昔動动寄離离通漢汉識识鳴鸣忘直聽
    听雙双解覺觉句紫垂令鄉乡力都愛爱會会才靈灵節节易送殘残連连說说曉晓的畫画倚立火惟沙賢贤轉转景於于燕想蕭萧桃虛虚憐
    怜你散度宮宫川觀观悲冷破論论主佳皆遺遗親亲園园鶴鹤把峰峯寂念取食夕靜静收德舞字僧目端憂忧女發发步浪屋許许教俗交筆
    笔八奇化珠冰爾尔章師师斜楚紛纷民載载疑疏杯求藏口底聊敢宜燈灯憶忆橫横諸诸巖岩乃郎始荒悠暗英聖圣薄凉涼船帝閒乘肯寧
    宁宿異异隔願愿飲饮唱陵音爭争鼓及移細细全翻村皇骨带帶亂乱朱必李妙指牛尺斗鬥放良恩息冠土命衰住嗟美消根持志惜遲迟侯
    精洞法霞昏胡折眉貴贵尊蓬羣群壁虎失結结理呼眠恐閣阁素緣缘種种即謝谢守由七鳳凤髮这這最短勞劳錦锦急岸徒徑径枕漫吳吴
    雁味辭辞蘭兰圖图臣魂點点周甘極极絲丝機机顔颜甚顧顾原走傾倾倒賦赋逐俱低谷軒轩飄飘卧臥比感乾干啼秦兵報报禪禅盤盘舉
    举伴角貧贫琴孫孙洗末淚泪泥羅罗催鬢鬓寶宝暖計计耳狂迎羽引殿佛歡欢幸寺室哉談谈變变追任永迷斯雄參参存市榮荣秀傷伤片
    藥药戶户被題题投沈危形修或桂橋桥梁傍淡第試试菊京个個衆众封隠武接扶富抱
    ，。、？！；：“”「」『』（）《》　·
    """.replace("\n", "").replace(" ", "")
)

_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_ASCII_TEXT: Final = re.compile(r"[\t\n\r\x20-\x7e]")


def decode(data: bytes, name: str) -> str:
    """The text that some bytes hold, with line ends as "\\n". `name` stands for them in the error.

    A few broken bytes become U+FFFD; the poems that hold one are dropped and counted in cleaning.

    Raises SourceError for binary data, and for text in none of the four encodings.
    """
    text = _decode(data, name)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _decode(data: bytes, name: str) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    sample = data[:_SAMPLE]
    # Any text in UTF-16 that holds a line end, a space or a letter holds zero bytes, and no other text does.
    if sample.count(0) * 100 > len(sample):
        candidates = ["utf-16-le", "utf-16-be"]
    else:
        try:
            text = data.decode("utf-8")
            if len(_CONTROL.findall(text, 0, _SAMPLE)) * 100 <= min(len(text), _SAMPLE):
                return text
            raise SourceError(_binary(name))
        except UnicodeDecodeError:
            text = sample.decode("utf-8", errors="replace")
            if text.count("\ufffd") * 50 < len(text):
                return data.decode("utf-8", errors="replace")
        candidates = ["gb18030", "big5hkscs", "utf-16-le", "utf-16-be"]
    share, encoding = max(((_share(sample, encoding), encoding) for encoding in candidates), key=lambda pair: pair[0])
    if share < _ENOUGH:
        raise SourceError(_binary(name))
    return data.decode(encoding, errors="replace")


def _share(sample: bytes, encoding: str) -> float:
    """The share of common characters in a sample read in an encoding, ASCII left out where it tells nothing."""
    text = sample.decode(encoding, errors="replace")
    if encoding.startswith("utf-16"):
        return (sum(map(_COMMON.__contains__, text)) + len(_ASCII_TEXT.findall(text))) / max(len(text), 1)
    text = _ASCII_TEXT.sub("", text)
    return sum(map(_COMMON.__contains__, text)) / max(len(text), 1)


def _binary(name: str) -> str:
    return (
        f"{name}: this is not text in UTF-8, UTF-16, GB18030 or Big5. "
        "Give text, JSON, CSV or a .zip archive of them; if it is text, save it as UTF-8."
    )
