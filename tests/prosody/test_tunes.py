"""What is known of tunes on disk, and of the tunes in the box."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poetgen.errors import CheckpointError
from poetgen.network.registry import boxed
from poetgen.prosody import CILIN
from poetgen.prosody.template import Template, TemplateLine
from poetgen.prosody.tunes import LearnedTune, load_tunes, tunes_json


@pytest.fixture
def learned() -> dict[str, LearnedTune]:
    line = TemplateLine(("平平中仄平", "仄平平仄平"), 0, "。", 2)
    pair = Template(
        "二调",
        (
            (TemplateLine(("平平仄",), 0), TemplateLine(("平平仄",), 0, "。")),
            (TemplateLine(("平平平",), 0), TemplateLine(("仄平平",), 0, "。")),
        ),
        CILIN,
        (1, 1),
    )
    return {
        "一调": LearnedTune(Template("一调", ((line, line),), CILIN, (2,)), 30, 0.7),
        "二调": LearnedTune(pair, 20, 1.0),
    }


def test_there_and_back(learned: dict[str, LearnedTune], tmp_path: Path) -> None:
    path = tmp_path / "forms.json"
    path.write_text(tunes_json(learned), encoding="utf-8")
    assert load_tunes(path) == learned
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(learned) + 2, "one tune a line, for diff tools"
    path.write_text(tunes_json({}), encoding="utf-8")
    assert load_tunes(path) == load_tunes(tmp_path / "none.json") == {}


def change(**values: Any) -> Callable[[Any], None]:
    def edit(data: Any) -> None:
        data["tunes"][0].update(values)

    return edit


def change_line(**values: Any) -> Callable[[Any], None]:
    def edit(data: Any) -> None:
        data["tunes"][0]["variants"][0][0].update(values)

    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda data: data.update(format=2), "format 2"),
        (lambda data: data.pop("tunes"), "tunes"),
        (lambda data: data.update(tunes={}), "list"),
        (lambda data: data.update(tunes=data["tunes"] * 3000), "at most"),
        (lambda data: data["tunes"].append(3), "not a file of tunes"),
        (lambda data: data["tunes"][0].pop("stanzas"), "stanzas"),
        (change(name=""), "name"),
        (change(name=["一"]), "name"),
        (change(poems=-1), "poems"),
        (change(poems=True), "poems"),
        (change(share=1.5), "share"),
        (change(share="all"), "share"),
        (change(book="广韵"), "book"),
        (change(stanzas=[1]), "stanzas"),
        (change(stanzas=[-2, 4]), "stanzas"),
        (change(variants=[]), "variants"),
        (change(variants=[[]]), "lines"),
        (change(variants=7), "not a file of tunes"),
        (change(variants=[[{"tones": ["平"], "rhyme": 0, "mark": "。", "pause": 0}] * 101]), "lines"),
        (change_line(tones=[]), "tones"),
        (change_line(tones=["平", "平平"]), "tones"),
        (change_line(tones=["平去"]), "tones"),
        (change_line(tones=["平" * 1000]), "tones"),
        (change_line(tones="平平仄仄"), "tones"),
        (change_line(rhyme=-1), "rhyme"),
        (change_line(rhyme=True), "rhyme"),
        (change_line(mark="！"), "line ends"),
        (change_line(mark=["。"]), "not a file of tunes"),
        (change_line(pause=5), "pause"),
    ],
)
def test_a_broken_file_is_named_with_the_way_out(
    edit: Callable[[Any], None], said: str, learned: dict[str, LearnedTune], tmp_path: Path
) -> None:
    path = tmp_path / "forms.json"
    data = json.loads(tunes_json(learned))
    edit(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(CheckpointError, match=said) as caught:
        load_tunes(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("depth", [10, 63, 64, 100, 500, 900, 990, 1_000, 1_100, 2_000, 5_000, 20_000, 100_000])
def test_values_within_each_other_are_refused_at_every_depth(depth: int, tmp_path: Path) -> None:
    path = tmp_path / "forms.json"
    for opening, closing in (("[", "]"), ('{"tunes":', "}")):
        nested = opening * depth + "1" + closing * depth
        for text in (nested, f'{{"format": 1, "tunes": [{nested}]}}', opening * depth):
            path.write_text(text, encoding="utf-8")
            with pytest.raises(CheckpointError, match="not a file of tunes") as caught:
                load_tunes(path)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"null", b'"' + b"a" * (17 << 20)])
def test_what_is_no_json_of_tunes(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "forms.json"
    path.write_bytes(raw)
    with pytest.raises(CheckpointError, match="not a file of tunes"):
        load_tunes(path)


# The tunes in the box --------------------------------------------------------------------------------------------

#: The twenty tunes with most poems, as the tune books have them: characters a line, and what rhymes with what (. none).
KNOWN = {
    "浣溪沙": ("777777", "000.00"),
    "水调歌头": ("5565665553336566555", ".0.0..0.0..0.0..0.0"),
    "鹧鸪天": ("777733777", "00.0.00.0"),
    "菩萨蛮": ("77555555", "00112233"),
    "念奴娇": ("45476445466457644546", "..0.0..0.0..0.0..0.0"),
    "满江红": ("477477833333547783", ".0.0.0.0.0.0.0.0.0"),
    "临江仙": ("7675576755", ".00.0.00.0"),
    "西江月": ("66766676", ".000.000"),
    "蝶恋花": ("7457774577", "0.0000.000"),
    "减字木兰花": ("47474747", "00112233"),
    "贺新郎": ("57476778337747677833", "0.0.00.0.00.0.00.0.0"),
    "沁园春": ("4445444447354685444447354", "..0...0..0..000...0..0..0"),
    "点绛唇": ("474545345", ".000.0000"),
    "清平乐": ("45766666", "000011.1"),
    "玉楼春": ("77777777", "00.000.0"),
    "满庭芳": ("446456734523445467345", "..0.0.0..0...0.0.0..0"),
    "虞美人": ("75797579", "00112233"),
    "水龙吟": ("6744444454667444444544", ".0..0..0..0.0..0..0..0"),
    "如梦令": ("6656226", "00.0000"),
    "卜算子": ("55755575", ".0.0.0.0"),
}


@pytest.mark.skipif(not (boxed() / "forms.json").exists(), reason="the checkpoint in the box has no tunes")
@pytest.mark.parametrize("name", KNOWN)
def test_the_best_known_tunes_are_as_the_books_have_them(name: str) -> None:
    template = load_tunes(boxed() / "forms.json")[name].template
    lengths, rhymes = KNOWN[name]
    assert "".join(map(str, template.lengths)) == lengths
    assert "".join("." if line.rhyme is None else str(line.rhyme) for line in template.variants[0]) == rhymes
    assert sum(template.stanzas) == len(lengths)
