"""What a Han character, a mark and a clause are, for all rooms."""

import re
import sys
import unicodedata

from poetgen.text import CLAUSE_ENDS, COUPLET_ENDS, HAN_RANGES, PAUSE, PUNCTUATION, SENTENCE_ENDS, clauses, is_han


def test_han_characters_are_what_unicode_names_ideographs() -> None:
    for code in range(sys.maxunicode + 1):
        name = unicodedata.name(chr(code), "")
        if name.startswith(("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH")):
            assert is_han(chr(code)), name
        elif name and code != 0x3007:
            assert not is_han(chr(code)), name
    assert is_han("〇") and not is_han("々") and not is_han("〻")


def test_the_regular_expression_means_the_same_characters() -> None:
    han = re.compile(f"[{HAN_RANGES}]")
    assert all(is_han(char) == bool(han.match(char)) for char in map(chr, range(sys.maxunicode + 1)))


def test_marks_are_of_one_set() -> None:
    assert set(SENTENCE_ENDS) < set(COUPLET_ENDS) < set(CLAUSE_ENDS) < set(PUNCTUATION)
    assert set(PUNCTUATION) - set(CLAUSE_ENDS) == {PAUSE}
    assert not any(map(is_han, PUNCTUATION))


def test_a_clause_ends_at_a_mark_or_a_line_and_a_pause_stands_inside_it() -> None:
    assert clauses("甲，乙。丙？丁！戊；己：庚、辛\n壬") == ["甲", "乙", "丙", "丁", "戊", "己", "庚辛", "壬"]
    assert clauses("") == clauses("。，\n") == []
