"""What is asked of a poem, and what follows from it."""

import re

import pytest

from poetgen.errors import UsageError
from poetgen.prosody import CILIN, FORMS, PINGSHUI, SHAPES, categories, is_level
from poetgen.prosody.template import LONG, Template, TemplateLine, old_style, regulated
from poetgen.prosody.tune_book import tune_shapes
from poetgen.prosody.tune_names import asked_form, tune_names
from poetgen.writing.planning import Plan, plan, without_rules
from poetgen.writing.request import FORM_NAMES, MOST_LINES, OLD, Request

LEVEL_TUNE = (TemplateLine(("中仄中平仄",), None, "，"), TemplateLine(("中平仄仄平",), 0, "。"))
OBLIQUE_TUNE = (TemplateLine(("中仄平平仄",), 0, "，"), TemplateLine(("中平平仄仄",), 0, "。"))
#: Tunes of a checkpoint that no book has.
LEARNED = {
    "自度腔": Template("自度腔", (LEVEL_TUNE,), CILIN),
    "自度曲慢": Template("自度曲慢", (OBLIQUE_TUNE, LEVEL_TUNE), CILIN),
}


def planned(length: int = 64, **asked: object) -> Plan:
    return plan(Request(**asked), length, LEARNED)  # type: ignore[arg-type]


def template(length: int = 64, **asked: object) -> Template:
    found = planned(length, **asked).template
    assert found is not None
    return found


def refusal(length: int = 64, **asked: object) -> str:
    with pytest.raises(UsageError) as caught:
        planned(length, **asked)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Forms and lengths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", SHAPES)
@pytest.mark.parametrize("length", [1, 64, 200])
def test_regulated_forms_have_a_length_of_their_own(form: str, length: int) -> None:
    lines, chars = SHAPES[form]
    found = planned(length, form=form)
    assert (found.length, found.may_end, found.form, found.header.form) == (lines * (chars + 1), False, form, form)
    assert found.template == regulated(form) and found.rhyme == frozenset() and found.held == ()


@pytest.mark.parametrize(("form", "chars"), LONG.items())
@pytest.mark.parametrize(("lines", "count"), [(0, 12), (2, 2), (16, 16), (MOST_LINES, MOST_LINES)])
def test_long_regulated_verse_has_as_many_lines_as_were_asked(form: str, chars: int, lines: int, count: int) -> None:
    found = planned(form=form, lines=lines)
    assert found.length == count * (chars + 1) and not found.may_end
    assert (found.form, found.header.form) == (form, "古体"), "as poems of that shape are called in the corpus"
    assert template(form=form, lines=lines).lengths == (chars,) * count


def test_the_model_is_told_what_a_shape_is_called() -> None:
    assert planned(form="五排", lines=8).header.form == "五律"
    assert planned(form="七古", lines=4).header.form == "七绝"
    assert planned(form="七古").header.form == "古体"


@pytest.mark.parametrize(("form", "chars"), OLD.items())
def test_old_style_verse_ends_where_the_model_ends_it_or_where_lines_say(form: str, chars: int) -> None:
    free = planned(form=form)
    assert free.may_end and free.length == 40 * (chars + 1) and free.form == form
    found = planned(form=form, lines=14)
    assert not found.may_end and found.length == 14 * (chars + 1)
    assert found.template == old_style(chars, 14)


@pytest.mark.parametrize(("length", "form"), [(64, "七律"), (48, "五律"), (32, "七绝"), (24, "五绝")])
def test_auto_takes_the_form_that_has_the_length(length: int, form: str) -> None:
    found = planned(length)
    assert (found.form, found.length, found.may_end) == (form, length, False)
    assert found.header.form == form


@pytest.mark.parametrize("length", [1, 23, 63, 65, 500])
def test_auto_takes_no_form_where_none_has_the_length(length: int) -> None:
    found = planned(length)
    assert (found.form, found.header.form, found.template) == ("", "", None)
    assert (found.length, found.may_end) == (length, False), "exactly as long as was asked"


@pytest.mark.parametrize("form", ["free", *(form for form in FORMS if form not in SHAPES)])
def test_other_forms_end_where_the_model_ends_them(form: str) -> None:
    found = planned(40, form=form)
    assert (found.length, found.may_end, found.template) == (40, True, None)
    assert found.header.form == ("" if form == "free" else form)
    assert planned(form=form, tones="off", rhyme="off").template is None


def test_lines_choose_the_form_of_auto() -> None:
    forms = {2: "七排", 4: "七绝", 6: "七排", 8: "七律", 12: "七排", 20: "七排"}
    for lines, form in forms.items():
        assert planned(lines=lines).form == form
        assert len(template(lines=lines).lengths) == lines


@pytest.mark.parametrize("lines", [-2, 1, 3, MOST_LINES + 1, MOST_LINES + 2])
def test_lines_out_of_range(lines: int) -> None:
    assert refusal(form="五排", lines=lines) == f"--lines {lines}: give an even number from 2 to 100"


@pytest.mark.parametrize("form", ["七绝", "free", "浣溪沙", "古体", "水调歌头"])
def test_lines_of_a_form_that_has_its_own(form: str) -> None:
    said = refusal(form=form, lines=8)
    assert said == f"--lines 8: {form} has its own length; --lines goes with 五排, 七排, 五古, 七古"


def test_forms_that_there_are_not() -> None:
    said = refusal(form="十四行诗")
    assert said.startswith("--form 十四行诗: no such form; choose auto, free, 五绝") and "--list-forms" in said
    assert refusal(form="七 绝").startswith("--form 七 绝: no such form")
    for form in FORM_NAMES:
        planned(form=form)


def test_the_header_holds_what_is_known() -> None:
    header = planned(title="春夜", form="五绝", dynasty="唐", author="李白", keywords=("明月", "酒")).header
    assert (header.form, header.dynasty, header.tune) == ("五绝", "唐", "")
    assert (header.author, header.keywords, header.title) == ("李白", ("明月", "酒"), "春夜")


# Tunes -----------------------------------------------------------------------------------------------------------


def test_a_tune_is_told_to_the_model_and_keeps_its_template() -> None:
    found = planned(form="浣溪沙")
    assert (found.header.form, found.header.tune, found.form) == ("词", "浣溪沙", "浣溪沙")
    assert template(form="浣溪沙").lengths == (7,) * 6 and found.length == 48 and not found.may_end
    learned = planned(form="自度腔")
    assert learned.template == LEARNED["自度腔"] and learned.header.tune == "自度腔", "no book has it"


def test_a_tune_has_other_names() -> None:
    found = planned(form="酹江月")
    assert found.form == found.header.tune == "酹江月", "the poem bears the name that was asked for"
    assert template(form="酹江月").variants == template(form="念奴娇").variants


@pytest.mark.parametrize(
    ("asked", "form"),
    [
        ("七言律诗", "七律"), ("五言絕句", "五绝"), ("七絕", "七绝"), ("五言古诗", "五古"), ("七言排律", "七排"),
        ("古詩", "古体"), (" 水調歌頭 ", "水调歌头"), ("水调歌头：2", "水调歌头:2"), ("十四行诗", "十四行诗"),
    ],
)  # fmt: skip
def test_full_and_traditional_names_of_forms(asked: str, form: str) -> None:
    assert asked_form(asked) == form


def test_the_shapes_of_a_tune_have_numbers() -> None:
    shapes = tune_shapes("水调歌头")
    assert len({shape.template.lengths for shape in shapes}) > 3
    for number, shape in enumerate(shapes, start=1):
        found = planned(form=f"水调歌头:{number}")
        assert template(form=f"水调歌头:{number}").lengths == shape.template.lengths
        assert found.form == found.header.tune == "水调歌头"
    assert template(form="水调歌头") == template(form="水调歌头:1"), "the commonest"
    for number in ("0", "99", "x", ""):
        said = refusal(form=f"水调歌头:{number}")
        assert f"水调歌头 has {len(shapes)} shapes, from 水调歌头:1" in said and "--list-forms 水调歌头" in said
    assert "自度腔 has one shape" in refusal(form="自度腔:2")


def test_a_corpus_says_which_shape_is_the_commonest() -> None:
    second = tune_shapes("水调歌头")[1].template
    assert plan(Request(form="水调歌头"), 64, {"水调歌头": second}).template == second
    assert plan(Request(form="水调歌头"), 64, LEARNED).template != second


def test_every_tune_of_the_book_has_rules_and_what_has_none_is_refused() -> None:
    for form in ("破阵子", "扬州慢", "莺啼序", "雨霖铃", "钗头凤", "秋波媚"):
        assert planned(form=form).template is not None, "though no checkpoint learned it"
    assert "自度曲" in tune_names() and refusal(form="自度曲").startswith("--form 自度曲: 自度曲 names no one pattern")


def test_names_that_are_nearly_right() -> None:
    assert "did you mean 念奴娇?" in refusal(form="念奴桥")
    assert "did you mean 破阵子" in refusal(form="破阵字")
    assert "did you mean 七绝" in refusal(form="七言绝句x") and "did you mean 七绝" in refusal(form="七觉")
    assert refusal(form="绝句").endswith("did you mean 五绝 or 七绝?")
    assert "did you mean" not in refusal(form="十四行诗")


def test_a_template_of_the_book_of_regulated_verse_is_no_tune() -> None:
    tunes = {"回文": Template("回文", (LEVEL_TUNE,), PINGSHUI)}
    found = plan(Request(form="回文"), 64, tunes)
    assert (found.header.form, found.header.tune, found.form) == ("古体", "", "回文") or found.header.form == "杂言"


# Rhymes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rhyme", categories())
def test_every_rhyme_of_the_book_goes_where_its_tone_does(rhyme: str) -> None:
    assert planned(form="五古", rhyme=rhyme).rhyme == {rhyme}, "old style takes either tone"
    if is_level(rhyme):
        assert planned(form="七绝", rhyme=rhyme).rhyme == {rhyme}
    else:
        said = refusal(form="七绝", rhyme=rhyme)
        assert said == f"--rhyme {rhyme}: not of the level (平) tone, on which 七绝 rhymes"


@pytest.mark.parametrize(
    ("form", "rhyme", "found"),
    [
        ("七绝", "东", {"一东"}),  # the name of a rhyme without its number
        ("七绝", "侵", {"十二侵"}),
        ("七绝", "流", {"十一尤"}),  # any character stands for its rhymes
        ("七绝", "看", {"十四寒"}),  # for those of the form's tone
        ("七古", "看", {"十四寒", "十五翰"}),
        ("七古", "月", {"六月"}),
        ("七绝", "auto", set()),
        ("七绝", "off", set()),
        ("浣溪沙", "第一部", {"第一部"}),
        ("浣溪沙", "一东", {"第一部"}),
        ("浣溪沙", "东", {"第一部"}),
        ("浣溪沙", "十灰", {"第三部", "第五部"}),  # divides
        ("浣溪沙", "灰", {"第三部"}),
        ("浣溪沙", "来", {"第五部"}),
        ("菩萨蛮", "月", {"第十八部"}),
        ("菩萨蛮", "六月", {"第十八部"}),
    ],
)
def test_a_rhyme_by_any_of_its_names(form: str, rhyme: str, found: set[str]) -> None:
    assert planned(form=form, rhyme=rhyme).rhyme == found


@pytest.mark.parametrize(
    ("form", "rhyme", "said"),
    [
        ("七绝", "月", "not of the level (平) tone, on which 七绝 rhymes"),
        ("七律", "一董", "not of the level (平) tone, on which 七律 rhymes"),
        ("破阵子", "月", "not of the level (平) tone, on which 破阵子 rhymes"),
        ("菩萨蛮", "东", "not of the oblique (仄) tone, on which 菩萨蛮 rhymes"),
        ("菩萨蛮", "一东", "not of the oblique (仄) tone, on which 菩萨蛮 rhymes"),
        ("七绝", "第一部", "no such rhyme; give a character of it, or one of 一东, 二冬"),
        ("七绝", "a", "no such rhyme"),
        ("七绝", "东风", "no such rhyme"),
        ("七绝", "", "no such rhyme"),
        ("浣溪沙", "第二十部", "no such rhyme"),
    ],
)
def test_rhymes_that_cannot_be_had(form: str, rhyme: str, said: str) -> None:
    assert refusal(form=form, rhyme=rhyme).startswith(f"--rhyme {rhyme}: {said}")


@pytest.mark.parametrize(
    ("book", "rhyme", "found"),
    [
        ("中华新韵", "十唐", {"十唐"}),
        ("中华新韵", "唐", {"十唐"}),
        ("中华新韵", "江", {"十唐"}),
        ("中华通韵", "红", {"十五雍"}),
        ("词林正韵", "第一部", {"第一部"}),
        ("平水韵", "东", {"一东"}),
        ("auto", "东", {"一东"}),
    ],
)
def test_a_rhyme_of_any_book(book: str, rhyme: str, found: set[str]) -> None:
    assert planned(form="七绝", rhyme=rhyme, book=book).rhyme == found
    template = planned(form="七绝", book=book).template
    assert template is not None and template.book == ("平水韵" if book == "auto" else book)


@pytest.mark.parametrize(
    ("book", "rhyme", "said"),
    [
        ("中华新韵", "月", "--rhyme 月: not of the level (平) tone"),
        ("中华通韵", "一东", "--rhyme 一东: no such rhyme; give a character of it, or one of 一啊"),
        ("广韵", "auto", "--book 广韵: choose one of auto, 平水韵"),
    ],
)
def test_a_book_and_a_rhyme_that_do_not_go_together(book: str, rhyme: str, said: str) -> None:
    assert refusal(form="七绝", rhyme=rhyme, book=book).startswith(said)


def test_a_form_without_rules_takes_no_book() -> None:
    assert refusal(form="free", book="中华新韵").startswith("--book 中华新韵: no form is asked for")


def test_a_tune_of_two_kinds_takes_rhymes_of_either() -> None:
    assert planned(form="满江红", rhyme="月").rhyme == {"第十八部"}
    assert planned(form="满江红", rhyme="东").rhyme == {"第一部"}


@pytest.mark.parametrize("rhyme", ["东", "一东", "第一部", "月"])
@pytest.mark.parametrize("form", ["free", "古体"])
def test_a_rhyme_needs_rules(form: str, rhyme: str) -> None:
    what = "no form is asked for" if form == "free" else f"{form} has no rules"
    assert refusal(form=form, rhyme=rhyme).startswith(f"--rhyme {rhyme}: {what}; give --form 七绝 or another of")
    assert refusal(63, rhyme=rhyme).startswith(f"--rhyme {rhyme}: no form is asked for; give --form 七绝")


# What may be left off --------------------------------------------------------------------------------------------


def test_tones_off_and_rhyme_off_relax_the_template() -> None:
    whole = regulated("七绝")
    assert template(form="七绝", tones="off") == whole.relaxed(tones=False)
    assert template(form="七绝", rhyme="off") == whole.relaxed(rhyme=False)
    assert template(form="七绝", tones="off", rhyme="off") == whole.relaxed(False, False)
    assert {tone for line in template(form="七绝", tones="off").variants[0] for tone in line.tones[0][:-1]} == {"中"}
    assert all(line.rhyme is None for variant in template(form="浣溪沙", rhyme="off").variants for line in variant)
    assert planned(form="七绝", tones="off", rhyme="东").rhyme == {"一东"}


@pytest.mark.parametrize("tones", ["", "on", "auto", "STRICT"])
def test_tones_are_strict_or_off(tones: str) -> None:
    assert refusal(form="七绝", tones=tones) == f"--tones {tones}: choose strict or off"


def test_rules_are_taken_from_a_plan() -> None:
    found = planned(form="七绝", acrostic="春夏", title="春")
    less = without_rules(found, tones=True, rhyme=False)
    assert less.template == regulated("七绝").relaxed(rhyme=False)
    assert (less.header, less.length, less.held) == (found.header, found.length, found.held)
    free = planned(form="free")
    assert without_rules(free, tones=False, rhyme=False) == free


# Acrostics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "form", "lines"),
    [
        (1, "七绝", 4),
        (4, "七绝", 4),
        (5, "七律", 8),
        (8, "七律", 8),
        (9, "七排", 12),
        (13, "七排", 14),
        (100, "七排", 100),
    ],
)
def test_auto_has_lines_enough_for_an_acrostic(count: int, form: str, lines: int) -> None:
    for length in (24, 63):
        found = planned(length, acrostic="春" * count)
        assert (found.form, found.held) == (form, ("春",) * count)
        assert found.template is not None and len(found.template.lengths) == lines


@pytest.mark.parametrize(
    ("asked", "count", "lines", "way_out"),
    [
        ({"form": "七绝"}, 5, 4, "give --form 七律, or leave --form out"),
        ({"form": "五绝"}, 8, 4, "give --form 七律, or leave --form out"),
        ({"form": "七律"}, 9, 8, "give --form 七排 --lines 10, or leave --form out"),
        ({"form": "自度腔"}, 3, 2, "give --form 七律, or leave --form out"),
        ({"form": "五排", "lines": 12}, 13, 12, "give --form 七排 --lines 14, or leave --form out"),
        ({"lines": 4}, 5, 4, "give --form 七律, or leave --form out"),
        ({}, 101, 100, "give fewer"),
        ({"form": "五古"}, 41, 40, "give --form 七排 --lines 42, or leave --form out"),
    ],
)
def test_an_acrostic_too_long_for_its_form(asked: dict[str, object], count: int, lines: int, way_out: str) -> None:
    said = refusal(acrostic="春" * count, **asked)
    assert re.match(f"--acrostic 春+: {count} characters, but .+ has {lines} lines; ", said)
    assert said.endswith("; " + way_out)
    if way_out != "give fewer":
        # The way out is one.
        if found := re.search("--form (..)(?: --lines ([0-9]+))?", way_out):
            planned(acrostic="春" * count, form=found[1], lines=int(found[2] or 0))
        planned(acrostic="春" * count)


def test_an_acrostic_may_stop_before_the_poem_does() -> None:
    for form in (*SHAPES, *LONG, *OLD, "浣溪沙"):
        assert planned(form=form, acrostic="春").held == ("春",)


@pytest.mark.parametrize("form", ["free", "古体"])
def test_an_acrostic_needs_lines(form: str) -> None:
    what = "no form is asked for" if form == "free" else f"{form} has no rules"
    assert refusal(form=form, acrostic="春夏").startswith(f"--acrostic 春夏: {what}; give --form 七绝 or another of")
