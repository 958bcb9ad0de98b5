"""What editors, scribes and scanners added to verse: notes, brackets, singers' names, sources, signs of loss.

Rules from text to text; those named check_… only look. A rule raises Dropped where a text cannot be kept.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from poetgen.corpus.characters import LETTER, UNREADABLE
from poetgen.corpus.counts import Dropped
from poetgen.prosody.forms import SHAPES, recognise
from poetgen.text import HAN_RANGES, LOST, PUNCTUATION, SENTENCE_ENDS

# ---- notes and editorial marks

_OPENING: Final = "(〔【〖"
_CLOSING: Final = ")〕】〗"
_BRACKET: Final = re.compile(r"[()〔〕【】〖〗]")
_NOTE: Final = re.compile("|".join(rf"\{a}[^()〔〕【】〖〗]*\{b}" for a, b in zip(_OPENING, _CLOSING, strict=True)))
_SUPPLIED: Final = re.compile(f"〔([{HAN_RANGES}])〕")


#: Signs of an editor in a bracket.
_EDITORIAL: Final = re.compile(
    "[《》「」『』〈]|[一某各他]本|[一又或亦]作|[注註按案][:：]|[原自][注註]|[以][上下](?:缺|[一二三四五六七八九十]+首)|[上下]缺|缺[字句]"
)
_CLAUSE_OR_MARK: Final = re.compile(r"[^，。！？；：,.!?;:\n]*[，。！？；：,.!?;:\n]*")
_LINE_END: Final = re.compile(r"[，。！？；：,.!?;:\n]*$")
#: Han characters behind a bracket that is never closed, from which on they are too many for a note.
_LONG_NOTE: Final = 20


def remove_notes(text: str, of_plays: bool = False) -> str:
    """Take out notes in round, tortoise-shell and black brackets, nested ones with the note they stand in.

    A single character in 〔〕 was supplied by the editor and stays, and so do lines without which the poem would not be
    whole. A bracket that is never closed opens a note as far as the editor speaks, in plays (`of_plays`) to the end.
    Where that cannot be told, or where a bracket closes nothing, the text is dropped.

    >>> remove_notes("空(一作「虛」)度可憐宵。\\n(《藝林伐山》十七。\\n又《玉屑》(卷三)。\\n)。")
    '空度可憐宵。\\n。'
    >>> remove_notes("冰姿玉骨，自是清凉〔态〕。\\n(以下缺")
    '冰姿玉骨，自是清凉态。\\n'
    >>> remove_notes("床前明月光，疑是地上霜。\\n(举头望明月，低头思故乡。")
    '床前明月光，疑是地上霜。\\n举头望明月，低头思故乡。'
    """
    text = _SUPPLIED.sub(r"\1", text)
    if not _BRACKET.search(text):
        return text
    whole = _BRACKET.sub("", text)
    outside = _NOTE.sub("", text)
    if outside != text and recognise(_clauses(whole)) in SHAPES and not _EDITORIAL.search(text):
        return whole if recognise(_clauses(outside)) not in SHAPES else outside
    text = outside
    kept: list[str] = []
    depth, place = 0, 0
    for match in _BRACKET.finditer(text):
        if depth == 0:
            kept.append(text[place : match.start()])
            opened = match.start()
        if match[0] in _OPENING:
            depth += 1
        elif depth:
            depth -= 1
        else:
            raise Dropped("a bracket that closes nothing")
        place = match.end()
    if depth == 0:
        kept.append(text[place:])
    elif not of_plays:
        kept.append(_behind_note("".join(kept), text[opened + 1 :]))
    return "".join(kept)


def _behind_note(before: str, rest: str) -> str:
    """The verse behind a bracket that is never closed: all, or what follows the note; raises Dropped."""
    while (shorter := _NOTE.sub("", rest)) != rest:
        rest = shorter
    rest = _BRACKET.sub("", rest)
    lengths = {*map(len, _clauses(before))}
    # Where all lines are of one length, verse shows itself by it.
    regular = len(lengths) == 1
    pieces = _CLAUSE_OR_MARK.findall(rest)
    noted = next((count for count in range(len(pieces), 0, -1) if _EDITORIAL.search(pieces[count - 1])), 0)
    verse = "".join(pieces[noted:])
    found = {*map(len, _clauses(verse))}
    if found and noted <= 1 and (not regular or found <= lengths):
        return (_LINE_END.findall(pieces[0])[0] if noted else "") + verse
    if len(_NOT_HAN.sub("", verse)) >= _LONG_NOTE:
        raise Dropped("a bracket that is never closed")
    return ""


def _clauses(text: str) -> list[str]:
    """The clauses of a text as it was written, Han characters alone."""
    return [clause for part in _CLAUSE_END.split(text) if (clause := _NOT_HAN.sub("", part))]


_SPEECH: Final = re.compile(r"[(\[][^()\[\]]{0,12}[云白科介念]了?[)\]]")
_ROLES: Final = re.compile(r"[(\[][生旦净丑末外众合贴老小副占太卜儿杂内上下唱前同正、]{1,6}[)\]]")


def remove_roles(text: str) -> str:
    """Take the singers' names out of the songs of a play; drop a scene where speech stands among the songs.

    Only for plays (元曲): elsewhere 「(白)」 is a note, and cannot be told from one.

    >>> remove_roles("[生上]乐守清贫，恭承严训，十年灯火相亲。")
    '乐守清贫，恭承严训，十年灯火相亲。'
    """
    if _SPEECH.search(text):
        raise Dropped("a scene of a play, with speech")
    return _ROLES.sub("", text)


_VERSE_MARK: Final = re.compile(f"[，{SENTENCE_ENDS},.?!]")


_SONGS: Final = re.compile("元曲|散曲|yuanqu")


def check_torn(title: str, origin: str) -> None:
    """Drop a song whose first lines were torn off into its title: 「普天乐・意绯徊，心忧虑。知他在科场应举，」.

    Only for 元曲, where the archive has some 1,900 of them, and for a title that ends in a comma; elsewhere titles may
    well hold one, whatever their dynasty.
    """
    if _VERSE_MARK.search(title) and (_SONGS.search(origin) or title.rstrip().endswith(("，", ","))):
        raise Dropped("verse torn off into the title")


_EDITED: Final = re.compile(r"\[([^\[\]\n]*)\]")
_NUMBER: Final = re.compile(r"[一二三四五六七八九十○〇0-9]+")
_TEXTUAL: Final = re.compile(f"[{HAN_RANGES}{PUNCTUATION} ,.?!;:]*")


def resolve_editorial(text: str) -> str:
    """Keep what editors restored in [..], take out their note numbers, drop what they could only describe.

    >>> resolve_editorial("徒知觀衞玉，詎肯挂秦[金]。首旬發定鼎[一]，")
    '徒知觀衞玉，詎肯挂秦金。首旬發定鼎，'
    """
    if "{" in text or "}" in text or "<" in text or ">" in text:
        raise Dropped("a character that is only described")

    def resolved(match: re.Match[str]) -> str:
        if _NUMBER.fullmatch(match[1]):
            return ""
        if _TEXTUAL.fullmatch(match[1]) or LOST in match[1]:
            return match[1]
        raise Dropped("a character that is only described")

    text = _EDITED.sub(resolved, text)
    # Left over from a pair that was not one: the characters around it are verse all the same.
    return text.replace("[", "").replace("]", "") if "[" in text or "]" in text else text


# The lines that follow end a poem, for they say where it was found: 「附注：…」, 「元陳世隆《宋詩拾遺》卷七。」
_SOURCE_LINE: Final = re.compile(
    r"^(?:附注|附註|按語|按|案|出處|出处|校記|校记)[:：]"
    r"|《[^《》\n]+》(?:[前後后續续別别外]集)?卷[一二三四五六七八九十百○〇上中下]"
    r"|^ff?[.。]$"
)
# Editors at work: index entries, collations, biographies.
_APPARATUS: Final = re.compile(
    r"首句[:：]|[詩诗][題题][:：]|出[處处][:：]"
    r"|[」》][^，。\n]{0,6}作「|[原本卷校集錄当當應应]作「|〈|《[^《》\n]*》[^，。\n]{0,4}(?:引|云|所[載引錄])|[見见]《"
    r"|名不[詳详]|[。\n][詩诗][一二三四五六七八九十]+[首句]。?$"
)
# Prose of old quotes the classics, and lets masters speak: 「子曰：」, 「《诗》云：」. No editor does.
_CLASSICS: Final = re.compile(
    "《(?:[诗詩书書易礼禮乐樂传傳语語志记記]|[诗詩书書易礼禮]经|[诗詩书書易礼禮]經|[周国國]?[风風颂頌]|[大小]雅|尚书|尚書|周易|春秋|"
    "[论論][语語]|孟子|老子|[孝道]经|[孝道]經|[左公][传傳]|中庸|大学|大學|[^《》\\n]{1,3}[诰誥誓命谟謨])》"
)
_SPEAKER: Final = re.compile(f"^[{HAN_RANGES}]{{0,3}}(?:子|公|王)[{HAN_RANGES}]{{0,2}}[曰问問][:：，“「]")
_MAY_BE_SOURCE: Final = re.compile(r"[《「〈:：]|不[詳详]|ff?[.。]|[首句]。?$")


def cut_sources(text: str) -> str:
    """Cut a text at the first line that only says where the poem was found; drop it when an editor goes on talking.

    >>> cut_sources("信脚到太古。\\n《誠齋集》卷一一四《詩話》ff。")
    '信脚到太古。'
    >>> cut_sources("《诗》云：“如切如磋，如琢如磨。”")
    '《诗》云：“如切如磋，如琢如磨。”'
    """
    if not _MAY_BE_SOURCE.search(text):
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _SOURCE_LINE.search(line):
            text = "\n".join(lines[:number])
            break
    if not text.strip() or (_APPARATUS.search(_CLASSICS.sub("", text)) and not _SPEAKER.match(text)):
        raise Dropped("an editor's words, not verse")
    return text


_FOOTNOTE: Final = re.compile(
    r"\[[0-9一二三四五六七八九十]{1,3}\]|[\u2460-\u2473]|[(（〔【](?:注|註|按|编者|編者|作者|译者|譯者|选自|選自|原载|原載)[^()（）〔〕【】\n]*[)）〕】]"
)


def remove_footnotes(text: str) -> str:
    """Take out of modern verse what an editor adds: numbers of notes, and brackets that say that they are a note.

    >>> remove_footnotes("她走了[1]（她说不要走）（注：写于北京）")
    '她走了（她说不要走）'
    """
    return _FOOTNOTE.sub("", text)


# ---- holes

HOLE: Final = re.compile(f"[{LOST}○◯■●◎◇△▢〓囗⿰-⿻\u2160-\u2188]")
"""What editions print for a character that is lost."""

_LATIN: Final = re.compile(r"[0-9A-Za-z\u00c0-\u024f\u2460-\u24ff]+(?:[ .'/%-]*[0-9A-Za-z\u00c0-\u024f]+)*")


def check_holes(text: str) -> None:
    """Drop a text with a mark for a lost character, one that no font shows, or a foreign letter in its place."""
    if UNREADABLE.search(text):
        raise Dropped("characters that cannot be read")
    if HOLE.search(text):
        raise Dropped("lost characters")


_LOST_TODAY: Final = re.compile(f"[{HAN_RANGES}][{LOST}▢〓⿰-⿻]|[{LOST}▢〓⿰-⿻][{HAN_RANGES}]")


def check_lost(text: str) -> None:
    """Drop modern verse with a mark for a lost character; other signs part its stanzas, or are meant."""
    if UNREADABLE.search(text):
        raise Dropped("characters that cannot be read")
    if _LOST_TODAY.search(text):
        raise Dropped("lost characters")


#: What stands for a character that nobody could type: a sign, or a code of letters and digits. Any of them may as well
#: be a mark, or have strayed into a line, which the length of the line tells.
_PLACEHOLDER: Final = re.compile("[0-9A-Za-z\u00c0-\u024f\u2460-\u24ff?*_…+=#@$%&^~×]+")
_CODE: Final = re.compile("[A-Za-z*_×]")
_CODE_INSIDE: Final = re.compile(f"(?<=[{HAN_RANGES}])[0-9]*[A-Za-z*_×][A-Za-z0-9*_×]*(?=[{HAN_RANGES}])")
_CLAUSE_END: Final = re.compile(r"[，。！？；：,.!;:|/\n]+")
_NOT_HAN: Final = re.compile(f"[^{HAN_RANGES}]+")


def check_placeholders(text: str) -> None:
    """Drop a text with a sign or a code in the place of a lost character: 「翠濤過玉z1」, 「更上一?楼」, 「但闻X鸟」.

    In verse of one length it stands for what a line lacks; a line that is whole without it has a stray one, and a
    question mark between whole lines is a mark. In mixed lines a code of letters between two characters counts.
    """
    if not _PLACEHOLDER.search(text):
        return
    clauses = [clause for clause in _CLAUSE_END.split(text) if clause.strip()]
    sizes = Counter(len(_NOT_HAN.sub("", clause)) for clause in clauses if not _PLACEHOLDER.search(clause))
    length, count = sizes.most_common(1)[0] if sizes else (0, 0)
    if count < 2 or 5 * count < 3 * sizes.total():
        if _CODE_INSIDE.search(text):
            raise Dropped("lost characters")
        return
    for clause in clauses:
        signs = _PLACEHOLDER.findall(clause)
        pieces = [len(_NOT_HAN.sub("", piece)) for piece in _PLACEHOLDER.split(clause)]
        whole = sum(pieces)
        if not signs or not whole or whole == length or {*pieces} <= {0, length}:
            continue
        if length in (whole + len(signs), whole + sum(map(len, signs))) or whole < length and _CODE.search(clause):
            raise Dropped("lost characters")


def check_letters(text: str) -> None:
    """Drop Chinese verse with letters that are neither Han nor Latin: 「开遍荼コ」 once held a rare character."""
    if LETTER.search(text):
        raise Dropped("foreign letters for lost characters")


_NEXT_NUMBER: Final = re.compile(r"(?<=[。！？])\s*[(（]?其?[一二三四五六七八九十]{1,3}[)）]?[。.]?\s*$")


def remove_latin(text: str) -> str:
    """Take stray digits and Latin letters out of Chinese verse, and the number of the next poem behind its end.

    >>> remove_latin("小园香径独徘徊。二")
    '小园香径独徘徊。'
    >>> remove_latin("千尺絲輪0直下垂，")
    '千尺絲輪直下垂，'
    """
    return _NEXT_NUMBER.sub("", _LATIN.sub("", text))
