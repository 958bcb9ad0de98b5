"""The table that preprocess prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poetgen.cli.terminal import table
from poetgen.humanize import how_many


def preprocess_table(report: Mapping[str, Any], out: Path) -> str:
    """What became of a corpus, from the report that preprocess returns."""
    dropped = {name: tally["poems"] for name, tally in report["dropped"].items()}
    if too_long := dropped.pop("too long", 0):
        dropped[f"too long ({_limits(report['most_chars'])})"] = too_long
    train, valid, leak, seconds = (report[name] for name in ("train", "valid", "leak_check", "seconds"))
    rows = [("read", f"{how_many(report['read'], 'poem')} in {how_many(report['documents'], 'file')}")]
    if passed_over := _counts(report["passed_over"]):
        rows.append(("passed over", passed_over))
    rows += [("dropped", f"{sum(dropped.values()):,}" + (f": {_counts(dropped)}" if dropped else ""))]
    rows += [
        ("kept", f"{how_many(train['poems'] + valid['poems'], 'poem')}, {how_many(report['characters'], 'character')}"),
        ("forms", _counts(report["forms"])),
        ("dynasties", _counts(report["dynasties"])),
        *([("tunes", tunes)] if (tunes := _tunes(report)) else []),
        (
            "vocabulary",
            f"{report['vocabulary']:,} tokens; {report['unknown_tokens']:,} characters are left out as rare",
        ),
        ("split", f"{how_many(train['poems'], 'poem')} to train on, {valid['poems']:,} to validate with"),
        (
            "leak check",
            f"{leak['shared_lines']:,} of {leak['valid_lines']:,} lines to validate with are on both sides "
            f"({leak['least_line']} characters or more), "
            f"{leak['shared_short_phrases']:,} shorter phrases",
        ),
        ("time", f"{seconds['all']:.1f} s (work {seconds['workers']:.1f} s, jieba's share {seconds['jieba']:.1f} s)"),
        ("written to", str(out)),
    ]
    return table(rows)


def _tunes(report: Mapping[str, Any]) -> str:
    learned, off = report["tunes"], report["a_character_off_tune"]["poems"]
    are = "is" if off == 1 else "are"
    told = (f"{learned:,} learned", f"{off:,} 词 {are} one character short or long of their tune")
    return "; ".join(text for text, count in zip(told, (learned, off), strict=True) if count)


def _limits(most: Mapping[str, int]) -> str:
    """The most characters of a poem: one number, or that of Chinese and that of other languages."""
    limits = list(dict.fromkeys(most.values()))
    others = "".join(f", {limit:,} in other languages" for limit in limits[1:])
    return f"more than {limits[0]:,} characters{others}"


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {name}" for name, count in ordered if count)
