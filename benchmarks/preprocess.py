"""How long preprocessing takes beside its floor, how much memory, and whether the cost is linear.

    python benchmarks/preprocess.py corpora/chinese-poetry-master.zip

The floor is what nobody can save: reading every JSON file of the archive and converting its verse to simplified
characters with OpenCC, on one core, measured in the same run. jieba's time is summed over its worker processes, so
that its share of the wall clock is that divided by the jobs. Each row is a process of its own; medians over --runs.
The peak is that of the main process and of the largest worker together.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

SHARES = (0.1, 0.3, 1.0)


def floor(archive: Path) -> None:
    """Read every JSON file and convert all verse."""
    import opencc

    convert = opencc.OpenCC("t2s").convert
    began = time.perf_counter()
    records = 0
    with zipfile.ZipFile(archive) as members:
        texts = []
        for name in members.namelist():
            if name.endswith(".json"):
                data = json.loads(members.read(name))
                poems = [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []
                bodies = [poem.get("paragraphs") or poem.get("content") or poem.get("para") or [] for poem in poems]
                records += sum(map(bool, bodies))
                texts.append("\n".join("".join(lines) for lines in bodies if isinstance(lines, list)))
    read = time.perf_counter() - began
    characters = sum(map(len, texts))
    for text in texts:
        convert(text)
    print(json.dumps({"all": time.perf_counter() - began, "read": read, "records": records, "characters": characters}))


def part_of(archive: Path, share: float, out: Path) -> Path:
    """An archive of a share of the files of another, drawn by their names."""
    with zipfile.ZipFile(archive) as members, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as part:
        for name in members.namelist():
            if zlib.crc32(name.encode()) < share * 2**32:
                part.writestr(name, members.read(name))
    return out


def work(archive: Path, share: float, jobs: int) -> None:
    """Preprocess a share of an archive and print the figures."""
    from poetgen.config import PreprocessConfig
    from poetgen.data.preprocess import preprocess

    with tempfile.TemporaryDirectory() as folder:
        source = archive if share == 1 else part_of(archive, share, Path(folder) / "part.zip")
        report = preprocess([source], Path(folder) / "out", PreprocessConfig(jobs=jobs))
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    figures = {
        **report["seconds"],
        "records": report["read"],
        "peak": (own.ru_maxrss + workers.ru_maxrss) / 1024,
    }
    print(json.dumps(figures))


def run(*arguments: object) -> dict[str, Any]:
    """The figures of one process of this script."""
    command = [sys.executable, __file__, *map(str, arguments)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(output.splitlines()[-1]))


def median(figures: list[dict[str, Any]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: statistics.median(item[name] for item in figures) for name in figures[0]}


def main() -> None:
    """Measure in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, os.cpu_count() or 1])
    parser.add_argument("--only", choices=("floor", "work"), help=argparse.SUPPRESS)
    parser.add_argument("--share", type=float, default=1.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only == "floor":
        return floor(options.archive)
    if options.only == "work":
        return work(options.archive, options.share, options.jobs[0])

    cases = [(share, jobs) for jobs in options.jobs for share in SHARES]
    floors: list[dict[str, Any]] = []
    rows: dict[tuple[float, int], list[dict[str, Any]]] = {case: [] for case in cases}
    for _ in range(options.runs):
        floors.append(run(options.archive, "--only", "floor"))
        for share, jobs in cases:
            rows[share, jobs].append(run(options.archive, "--only", "work", "--share", share, "--jobs", jobs))
    base = median(floors)
    print(
        f"floor: {base['all']:.2f} s on one core ({base['read']:.2f} s reading, the rest OpenCC), "
        f"{base['records']:.0f} records, {base['characters'] / 1e6:.1f} M characters; medians of {options.runs}\n"
    )
    print("jobs  share  records   wall s  jieba s  wall less jieba  ÷ floor  µs/record  peak MB")
    for (share, jobs), figures in rows.items():
        row = median(figures)
        rest = row["all"] - row["jieba"] / jobs
        print(
            f"{jobs:4d}  {share:5.0%}  {row['records']:7.0f}  {row['all']:7.1f}  {row['jieba']:7.1f}  {rest:15.1f}  "
            f"{rest / (base['all'] * row['records'] / base['records']):7.2f}  "
            f"{1e6 * rest / row['records']:9.1f}  {row['peak']:7.0f}"
        )


if __name__ == "__main__":
    main()
