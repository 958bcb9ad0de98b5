"""Words of classical verse for the things of our days."""

from poetgen.text import is_han
from poetgen.writing.images import _table, images
from poetgen.writing.planning import plan
from poetgen.writing.request import Request


def test_the_longest_name_is_taken() -> None:
    assert images("火车站送友")[:2] == ("客路", "离人"), "not 火车"
    assert images("大学毕业二首") == ("书", "别", "青春", "青衫")
    assert images("") == images("春夜喜雨") == ()


def test_a_title_of_our_days_brings_keywords_unless_some_are_given() -> None:
    assert plan(Request("程序员", "七绝"), 64).header.keywords == ("灯前", "夜深", "憔悴")
    assert plan(Request("程序员", "七绝", keywords=("酒",)), 64).header.keywords == ("酒",)
    assert plan(Request("静夜思", "七绝"), 64).header.keywords == ()


def test_images_are_words_of_verse() -> None:
    for thing, words in _table().items():
        assert 2 <= len(words) <= 3 and len(set(words)) == len(words), thing
        assert all(1 <= len(word) <= 2 and all(map(is_han, word)) for word in words), thing
