"""The 词林正韵, the rhyme book of 词: 19 groups, each of several rhymes of the 平水韵.

In groups one to fourteen the level, rising and departing tones of a group stand together, so that a 词 may turn from a
level foot to an oblique one within its rhyme (西江月); groups fifteen to nineteen hold the entering tone alone. Nine
rhymes of the 平水韵 divide between two groups, as they joined two or three rhymes of the older 广韵, and are told
apart by character: 灰 keeps 回 with 支 and gives 来 to 佳; 元 keeps 言 with 寒 and gives 门 to 真; and so on.

Source: Ge Zai (戈载), 词林正韵 (1821), by the rhymes of the 平水韵; which rhyme of the 广韵 a character of a divided
rhyme comes from, after the package tshet-uinh (MIT).
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from poetgen.prosody.rhymes import LEVEL, OBLIQUE, is_level, rhymes

#: The groups in order, with the rhymes that belong to each as a whole.
_WHOLE: Final = MappingProxyType(
    {
        "第一部": "一东 二冬 一董 二肿 一送 二宋",
        "第二部": "三江 七阳 三讲 二十二养 三绛 二十三漾",
        "第三部": "四支 五微 八齐 四纸 五尾 八荠 四寘 五未 八霁",
        "第四部": "六鱼 七虞 六语 七麌 六御 七遇",
        "第五部": "九蟹",
        "第六部": "十一真 十二文 十一轸 十二吻 十二震 十三问",
        "第七部": "十四寒 十五删 一先 十四旱 十五潸 十六铣 十五翰 十六谏 十七霰",
        "第八部": "二萧 三肴 四豪 十七筱 十八巧 十九皓 十八啸 十九效 二十号",
        "第九部": "五歌 二十哿 二十一个",
        "第十部": "六麻 二十一马 二十二祃",
        "第十一部": "八庚 九青 十蒸 二十三梗 二十四迥 二十四敬 二十五径",
        "第十二部": "十一尤 二十五有 二十六宥",
        "第十三部": "十二侵 二十六寝 二十七沁",
        "第十四部": "十三覃 十四盐 十五咸 二十七感 二十八俭 二十九豏 二十八勘 二十九艳 三十陷",
        "第十五部": "一屋 二沃",
        "第十六部": "三觉 十药",
        "第十七部": "四质 十一陌 十二锡 十三职 十四缉",
        "第十八部": "五物 六月 七曷 八黠 九屑 十六叶",
        "第十九部": "十五合 十七洽",
    }
)

#: The rhymes that divide: the group that has most of the rhyme, the group that has the rest, and that rest.
_DIVIDED: Final = MappingProxyType(
    {
        "九佳": ("第五部", "第十部", "佳涯娲媧蜗蝸娃哇蛙洼緺騧䯄鼃喎㖞"),
        "十灰": (
            "第三部",
            "第五部",
            "開埃臺苔該才材財裁來萊栽哉災猜胎台孩駘垓陔騋徠皚欸絯崍郲唉鮐炱荄纔邰頦能儓薹侅峐咍抬賅咳菑偲鰓腮獃鎧顋哀哎剴祴籉"
            "开该财来莱骀徕皑崃鲐颏赅鳃呆铠灾剀",
        ),
        "十三元": (
            "第七部",
            "第六部",
            "魂渾褌溫孫門尊存蹲敦墩暾屯豚村盆奔論坤昏婚閽痕根恩吞啍焞昆崑琨鯤縕捫蓀飧惇芚賁惛跟垠驐掄軘鞎睧鼲沄轀璊虋亹"
            "嶟薞鷷繜燉蜳飩臀庉湓棔噴拫沌純囤炖錕騉髡髠煇緷餛猻薀蘊樽鵾罇邨犇裩昬瘟們崙崐崘溷㹠魨晜涒涽黁呑禈緼輼藴"
            "浑裈温孙门论阍鲲缊扪荪贲抡辒𫞩饨喷锟𫘥𪸩馄狲蕰蕴鹍纯们仑𫜄鲀𪨧",
        ),
        "十贿": (
            "第三部",
            "第五部",
            "改采彩綵採睬踩海在宰醢載鎧愷待怠迨殆倍寀紿詒蓓鼐頦駘欸塏亥乃廼迺凱闓胲茝僾靉靆閡佁歹载铠恺绐诒颏骀垲凯闿叆叇阂",
        ),
        "十三阮": (
            "第七部",
            "第六部",
            "本損袞遯穩穏閫梱捆壼鯀悃輥緄滾鱒撙很狠懇墾畚盾腯刌混沌噂焜棍渾緷錕笨懣齦忖囤㾕䔿畽稇稛苯蔉蓘鯶"
            "损衮稳阃壸鲧辊绲滚鳟恳垦浑锟懑龈𩽼𦈉",
        ),
        "九泰": (
            "第五部",
            "第三部",
            "會最貝沛兌繪檜膾鱠澮獪儈襘旝鄶禬薈霈蛻濊翽噦酹狽茷祋旆眛沬昧駾蕞梖斾絵会贝兑绘桧脍鲙浍狯侩𫋻郐荟蜕翙哕狈𪱷",
        ),
        "十卦": ("第五部", "第十部", "卦挂畫画罣絓詿诖"),
        "十一队": (
            "第三部",
            "第五部",
            "塞愛代載態菜採采縡礙戴襶貸黛玳袋賚逮岱埭溉慨愾概槩嘅賽耐鼐褦曖靉僾薆鎧閡在再欬瀣睞徠簺瑇勑裁靆儗栽劾"
            "爱载态碍贷赉忾赛暧叆铠阂睐徕叇𠡠𫉁",
        ),
        "十四愿": (
            "第七部",
            "第六部",
            "論恨寸困頓遯遁鈍悶遜嫩嫰溷巽噀潠噴歕艮敦坌慁惛褪搵諢奔犇鐏硍焌论顿钝闷逊喷揾诨𨱔",
        ),
    }
)
#: In both of the groups between which their rhyme divides.
_BOTH: Final = "涯外話话"

_NONE: Final[frozenset[tuple[str, str]]] = frozenset()


def names() -> tuple[str, ...]:
    """The 19 groups in order.

    >>> names()[0], names()[-1], len(names())
    ('第一部', '第十九部', 19)
    """
    return tuple(_WHOLE)


def group(char: str, rhyme: str) -> frozenset[str]:
    """The groups that a character belongs to by one of its rhymes of the 平水韵: one, or two for very few.

    >>> group("来", "十灰"), group("回", "十灰")
    (frozenset({'第五部'}), frozenset({'第三部'}))
    """
    whole = _group_by_rhyme().get(rhyme)
    if whole is not None:
        return frozenset({whole})
    most, rest, listed = _DIVIDED[rhyme]
    if char in _BOTH:
        return frozenset({most, rest})
    return frozenset({rest if char in listed else most})


@cache
def groups(char: str) -> frozenset[tuple[str, str]]:
    """Every group of the 词林正韵 that holds the character, each with the tone that it has there: 平 or 仄.

    Empty if the book does not know the character.

    >>> sorted(groups("看"))
    [('第七部', '仄'), ('第七部', '平')]
    >>> groups("月") == {("第十八部", "仄")}
    True
    """
    readings = rhymes(char)
    if not readings:
        return _NONE
    return frozenset((name, LEVEL if is_level(rhyme) else OBLIQUE) for rhyme in readings for name in group(char, rhyme))


@cache
def _group_by_rhyme() -> Mapping[str, str]:
    return {rhyme: name for name, members in _WHOLE.items() for rhyme in members.split()}
