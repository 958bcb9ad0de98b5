"""Tags and entities of the web: what stands between them is text, they are not.

`remove_markup` is for verse and lines in which some are left over, `page_text` for whole pages and the XML of office
files and books. Neither resolves anything that a text defines by itself, so that no entity grows.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Final

from poetgen.text import HAN_RANGES

#: Tags that begin or end a line.
_BLOCKS: Final = frozenset(
    """
    p div h1 h2 h3 h4 h5 h6 li ul ol dl dt dd tr table caption blockquote pre center section article main header footer
    aside figure body html w:p text:p text:h
    """.split()
)
_BREAKS: Final = frozenset("br hr w:br w:cr text:line-break".split())
_SPACES: Final = frozenset("td th w:tab text:tab text:s".split())
#: Tags whose text is none of the page: programs, what is hidden, readings above characters, notes.
_SKIPPED: Final = frozenset(
    """
    head script style template noscript nav button select textarea iframe svg rt rp w:rt text:ruby-text text:note
    office:annotation text:tracked-changes
    """.split()
)
#: The other tags that are taken out of verse.
_INLINE: Final = frozenset(
    """
    a abbr b big cite code del em font i img ins link meta o:p q rp rt ruby s small span strike strong style script sub
    sup tbody td th thead tt u var
    """.split()
)
_NAMES: Final = "|".join(sorted(_INLINE | _BREAKS | _BLOCKS))

# &lt; and &gt; stand for themselves until the tags are gone: &lt;br&gt; is a tag too.
_LESS, _MORE = "\x01", "\x02"
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_WITH_TEXT: Final = re.compile(r"<(rt|rp|script|style)\b[^<>]*>[^<>]*</\1>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_TAG: Final = re.compile(f"[<{_LESS}]/?({_NAMES})(?:\\s[^<>{_LESS}{_MORE}]*)?\\s*/?[>{_MORE}]", re.IGNORECASE)
_BY_HAN: Final = re.compile(
    f"(?<=[{HAN_RANGES}，。？！；：、])[{_LESS}{_MORE}]|[{_LESS}{_MORE}](?=[{HAN_RANGES}，。？！；：、])"
)
_LEFT_OVER: Final = re.compile(
    r"<br\s*/?>|</(?:p|div|span|li|td|h[1-6]|font|strong|em|b|i|a)>|&(?:nbsp|lt|gt|amp|quot|#\d+);", re.IGNORECASE
)
_CDATA: Final = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_SECTION: Final = re.compile(r"<!\[[^<>]*>?")
_PAGE: Final = re.compile(
    r"[\s\ufeff]*+(?:<!--.*?-->\s*+)*+<(?:!doctype\s+html|\?xml|(?:html|head|body|p|div|h[1-6]|table|ul|ol|pre|center)\b[^<>]*>)",
    re.DOTALL | re.IGNORECASE,
)


def remove_markup(text: str) -> str:
    """Take tags of HTML out of a text, with a line end where they end a line, and write out its entities.

    < and > that were written as entities are marks of some edition; by Chinese they go as quotation marks do.

    >>> remove_markup("<p>床前明月光，<br />疑是地上霜。</p>&lt;举头&gt;望&amp;nbsp;明月，")
    '\\n床前明月光，\\n疑是地上霜。\\n举头望 明月，'
    >>> remove_markup("迤<辶里>, a &lt; b")
    '迤<辶里>, a < b'
    """
    if "<" not in text and "&" not in text:
        return text
    text = text.replace(_LESS, "").replace(_MORE, "")
    for _ in range(3):  # entities of entities
        text = _ENTITY.sub(_written_out, text)
    text = _TAG.sub(lambda tag: "\n" if tag[1].lower() in _BLOCKS | _BREAKS else "", _WITH_TEXT.sub("", text))
    return _BY_HAN.sub("", text).replace(_LESS, "<").replace(_MORE, ">")


def _written_out(entity: re.Match[str]) -> str:
    text = html.unescape(entity[0])
    return {"<": _LESS, ">": _MORE, "\u00a0": " "}.get(text, text)


def without_left_overs(text: str) -> str:
    """A plain text without markup, where there is some for certain: "<s>" alone may be of a program."""
    return remove_markup(text) if _LEFT_OVER.search(text) else text


def is_page(text: str) -> bool:
    """Whether a text is a page of the web, or some part of one, or XML.

    >>> is_page("<!DOCTYPE html>"), is_page("<p>春</p>"), is_page("春 <p>")
    (True, True, False)
    """
    return _PAGE.match(text) is not None


def page_text(text: str, only: str = "") -> str:
    """The text of a page, line by line; what has several lines ends with a blank one. `only` names a tag to read.

    >>> page_text("<title>x</title><h2>静夜思</h2><div><p>床前<br>明月</p><p>光</p></div>")
    'x\\n静夜思\\n床前\\n明月\\n\\n光\\n'
    """
    page = _Page(only)
    # HTMLParser passes over CDATA, and fails on other sections that a page of HTML cannot have.
    text = _CDATA.sub(lambda section: html.escape(section[1]), text)
    page.feed(_SECTION.sub("", text))
    page.close()
    lines = [" ".join(line.split()) for line in "".join(page.pieces).split("\n")]
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"


class _Page(HTMLParser):
    """Gathers the text of a page in `pieces`."""

    def __init__(self, only: str) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._only = only
        self._reads = not only
        self._skips = ""
        self._verbatim = False
        self._line_is_empty = True
        self._lines = 0  # that have begun
        self._begun: list[tuple[str, int]] = []  # blocks that are open, and the lines before each

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._skips = ""
        if tag in _SKIPPED and not self._skips:
            self._skips = tag
        self._reads = self._reads or tag == self._only
        if tag in _BREAKS:
            self._line_is_empty = True
            self.pieces.append("\n")
        elif tag in _SPACES:
            self.pieces.append(" ")
        elif tag in _BLOCKS:
            self._end_line()
            self._begun.append((tag, self._lines))
        self._verbatim = self._verbatim or tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag == self._skips or tag == "ruby":
            self._skips = ""
        if tag == self._only:
            self._reads = False
        if tag == "pre":
            self._verbatim = False
        if tag in _BLOCKS:
            self._end_block(tag)

    def handle_data(self, data: str) -> None:
        if self._reads and not self._skips:
            self.pieces.append(data if self._verbatim else re.sub(r"\s+", " ", data))
            if not data.isspace():
                self._lines += self._line_is_empty + (data.strip().count("\n") if self._verbatim else 0)
                self._line_is_empty = False

    def _end_line(self) -> None:
        if not self._line_is_empty:
            self.pieces.append("\n")
            self._line_is_empty = True

    def _end_block(self, tag: str) -> None:
        """End a line, and a paragraph where the block holds several lines; blocks left open within it end too."""
        while self._begun:
            inner, start = self._begun.pop()
            if inner == tag:
                self._end_line()
                self.pieces.extend(["\n"] if self._lines - start > 1 else [])
                return
        self._end_line()
