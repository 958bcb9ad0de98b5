"""The batches that training draws from a split."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetgen.data.batches import (
    BATCH_MULTIPLE,
    FIELD_RATES,
    Batch,
    BatchGroup,
    StreamBatches,
    batch_groups,
    poem_batches,
    rows_of,
)
from poetgen.data.dataset import FIELDS, Split
from poetgen.data.vocab import PAD
from poetgen.errors import DatasetError

from helpers import VOCAB, make_split

FIRST = VOCAB.id("一")


@pytest.fixture(scope="module")
def split() -> Split:
    return make_split(300)


def whole_rows(split: Split, group: BatchGroup, seq_len: int) -> tuple[np.ndarray, np.ndarray, list[Batch]]:  # type: ignore[type-arg]
    batches = list(poem_batches(split, group, seq_len))
    inputs, labels = (np.concatenate([getattr(b, side) for b in batches], axis=1) for side in ("inputs", "labels"))
    return inputs, labels, batches


# Poem batches ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seq_len", [1, 7, 24, 64, 200])
@pytest.mark.parametrize("seed", [None, (1, 0)])
def test_an_epoch_scores_every_body_and_its_end_once(split: Split, seq_len: int, seed: tuple[int, ...] | None) -> None:
    seen: Counter[int] = Counter()
    for group in batch_groups(split, 16 * seq_len, seq_len, seed):
        inputs, labels, _ = whole_rows(split, group, seq_len)
        for row, index in enumerate(group.poems.tolist()):
            seen[index] += 1
            body = split.fields(index)["body"].tolist()
            places = np.flatnonzero(labels[row] != PAD)
            if "rhyme" in group.header and group.header["rhyme"].sizes[index]:
                chosen, places = places[0], places[1:]
                assert (inputs[row][chosen], labels[row][chosen]) == (split.layout.rhyme, VOCAB.id("七"))
                assert chosen == places[0] - 2, "the sign is scored after [RHYME], and then comes [BODY]"
            assert labels[row][places].tolist() == [*body, split.layout.end]
            # What is scored is what comes next: the body's first character at [BODY], [END] at its last.
            assert inputs[row][places].tolist() == [split.layout.body, *body]
            assert places.tolist() == list(range(places[0], places[-1] + 1))
            assert not inputs[row][places[-1] + 1 :].any(), "after the poem there is nothing but padding"
            assert inputs[row][: places[-1] + 1].tolist() == split.sequence(index, group.header)[0][:-1]
    assert seen == Counter(range(len(split)))


def test_a_long_poem_goes_on_in_the_next_window_with_its_state(split: Split) -> None:
    group = max(batch_groups(split, 320, 32), key=lambda group: group.length)
    batches = list(poem_batches(split, group, 32))
    assert len(batches) > 2
    assert [batch.carry for batch in batches] == [0] + [len(group.poems)] * (len(batches) - 1)
    assert all(batch.inputs.shape[1] <= 32 for batch in batches)


def test_batches_have_few_shapes_and_hold_about_what_was_asked(split: Split) -> None:
    for seed in (None, (3, 1)):
        groups = batch_groups(split, 32 * 64, 64, seed)
        for group in groups:
            assert group.length % BATCH_MULTIPLE == 0
            assert len(group.poems) * min(group.length, 64) <= 32 * 64
            sizes = [len(split.sequence(index, group.header)[0]) - 1 for index in group.poems.tolist()]
            assert min(sizes) > group.length / 2 - BATCH_MULTIPLE, "poems of like length"
    assert len(batch_groups(split, 1, 64)) == len(split), "a poem longer than a batch makes one of its own"


def test_what_does_not_fill_a_batch_goes_with_longer_poems() -> None:
    split = make_split(4000)
    groups = batch_groups(split, 64 * 64, 64, (1, 0))
    full = [len(group.poems) * min(group.length, 64) > 0.85 * 64 * 64 for group in groups]
    assert sum(full) > 0.9 * len(full)


def test_header_fields_are_dropped_at_their_rates() -> None:
    split = make_split(4000)
    marks = {
        "form": VOCAB.id("[七绝]"),
        "dynasty": VOCAB.id("[唐]"),
        "tune": split.layout.tune,
        "author": split.layout.author,
        "keywords": split.layout.keywords,
        "title": split.layout.title,
        "held": VOCAB.id("[HELD]"),
        "rhyme": split.layout.rhyme,
    }
    shown: Counter[str] = Counter()
    for group in batch_groups(split, 64 * 64, 64, (1, 0)):
        inputs, _, _ = whole_rows(split, group, 64)
        for name, mark in marks.items():
            shown[name] += int((inputs == mark).any(axis=1).sum())
    for name, rate in FIELD_RATES.items():
        if name == "held":  # made-up bodies have no sentences to hold the feet of, and of few words there may be none
            rate *= 0.725
        deviation = np.sqrt(rate * (1 - rate) / len(split))
        assert abs(shown[name] / len(split) - rate) < 4 * deviation, name


def test_a_poem_without_a_title_goes_by_its_first_keyword() -> None:
    split = make_split(2000)
    split.poems["title"][::2] = 0
    sizes = sum(split.poems[name].astype(np.int64) for name in FIELDS)
    split.poems["start"] = np.cumsum(sizes) - sizes
    words = split.poems["start"] + split.poems["tune"] + split.poems["author"]
    split.tokens[words + 2] = split.layout.sep
    titled = Counter[str]()
    for group in batch_groups(split, 64 * 64, 64, (1, 0)):
        for index in group.poems.tolist():
            title = group.header["title"].take(np.array([index]))
            ids = title.tokens[title.starts[0] : title.starts[0] + title.sizes[0]].tolist()
            if index % 2:
                assert ids in ([], split.fields(index)["title"].tolist())
            else:
                assert ids in ([], split.fields(index)["keywords"][:2].tolist())
                titled["by word"] += len(ids) > 0
    assert titled["by word"] / 1000 == pytest.approx(0.5 * FIELD_RATES["title"], abs=0.07)
    assert not any(group.header["title"].sizes[::2].any() for group in batch_groups(split, 64 * 64, 64))


def test_an_epoch_follows_from_its_seed(split: Split) -> None:
    def plan(*seed: int) -> list[tuple[list[int], list[list[int]]]]:
        return [
            (group.poems.tolist(), [split.sequence(index, group.header)[0] for index in group.poems.tolist()])
            for group in batch_groups(split, 512, 64, seed)
        ]

    assert plan(1, 0) == plan(1, 0)
    assert plan(1, 0) != plan(1, 1) and plan(1, 0) != plan(2, 0)


def test_validation_shows_form_tune_and_title(split: Split) -> None:
    for group in batch_groups(split, 512, 64):
        for index in group.poems.tolist():
            ids, start = split.sequence(index, group.header)
            assert [VOCAB.tokens[i] for i in ids[:start] if i < FIRST] == ["[七绝]", "[TUNE]", "[TITLE]"]


def test_frequencies_count_what_poem_batches_score(split: Split) -> None:
    scored = Counter[int]()
    for group in batch_groups(split, 512, 16):
        for batch in poem_batches(split, group, 16):
            scored.update(batch.labels[batch.labels != PAD].tolist())
    counts = split.frequencies()
    assert {token: count for token, count in enumerate(counts.tolist()) if count} == dict(scored)


def test_a_split_of_nothing_has_no_batches() -> None:
    split = make_split(0)
    assert batch_groups(split, 512, 64) == batch_groups(split, 512, 64, (1, 0)) == []
    assert len(split.stream) == 0


# Stream batches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_parts_of_a_batch_are_its_rows_in_order(parts: int, split: Split) -> None:
    def joined(shards: list[list[Batch]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # type: ignore[type-arg]
        for windows in zip(*shards, strict=True):
            yield np.concatenate([b.inputs for b in windows]), np.concatenate([b.labels for b in windows])

    for group in batch_groups(split, 4 * 60, 60, (1, 0)):
        whole = list(poem_batches(split, group, 60))
        shards = [list(poem_batches(split, group.part(part, parts), 60)) for part in range(parts)]
        for batch, (inputs, labels) in zip(whole, joined(shards), strict=True):
            assert np.array_equal(batch.inputs, inputs) and np.array_equal(batch.labels, labels)
    for stream in (StreamBatches.sequential(split.stream, 4, 50), StreamBatches.random(split.stream, 4, 50, (1, 0))):
        shards = [list(stream.part(part, parts)) for part in range(parts)]
        for batch, (inputs, labels) in zip(stream, joined(shards), strict=True):
            assert np.array_equal(batch.inputs, inputs) and np.array_equal(batch.labels, labels)


@given(st.integers(0, 200), st.integers(1, 40))
def test_parts_are_as_even_as_can_be(rows: int, parts: int) -> None:
    sizes = [len(range(rows)[rows_of(part, parts, rows)]) for part in range(parts)]
    assert sum(sizes) == rows and max(sizes) - min(sizes) <= 1


def test_sequential_rows_run_through_the_stream(split: Split) -> None:
    batches = StreamBatches.sequential(split.stream, 4, 50)
    columns = (len(split.stream) - 1) // 4
    rows = np.concatenate([batch.inputs for batch in batches], axis=1)
    assert rows.tolist() == split.stream[: 4 * columns].reshape(4, columns).tolist()
    labels = np.concatenate([batch.labels for batch in batches], axis=1)
    assert labels.tolist() == split.stream[1 : 4 * columns + 1].reshape(4, columns).tolist()
    assert batches[0].carry == 0, "an epoch starts from a zero state"
    assert {batch.carry for batch in list(batches)[1:]} == {4}
    assert {batch.inputs.shape for batch in list(batches)[:-1]} == {(4, 50)}


def test_the_stream_holds_every_poem_whole(split: Split) -> None:
    assert split.stream.tolist() == [token for index in range(len(split)) for token in split.sequence(index)[0]]
    assert split.stream.dtype == np.uint16


def test_random_windows_start_anywhere_and_from_nothing(split: Split) -> None:
    batches = StreamBatches.random(split.stream, 4, 50, (1, 0))
    assert abs(len(batches) * 4 * 50 - len(split.stream)) < 4 * 50
    text = split.stream.astype(">u2").tobytes()
    starts = set()
    for batch in batches:
        assert batch.carry == 0
        assert (batch.inputs[:, 1:] == batch.labels[:, :-1]).all()
        for row in batch.inputs:
            at = text.find(row.astype(">u2").tobytes())
            assert at >= 0 and at % 2 == 0
            starts.add(at // 2 % 50)
    assert len(starts) > 30, "not on a grid"
    again, other = StreamBatches.random(split.stream, 4, 50, (1, 0)), StreamBatches.random(split.stream, 4, 50, (1, 1))
    assert all((a.inputs == b.inputs).all() for a, b in zip(batches, again, strict=True))
    assert any((a.inputs != b.inputs).any() for a, b in zip(batches, other, strict=True))


def test_every_position_of_a_short_stream_is_drawn() -> None:
    split = make_split(1, longest=10)
    length = len(split.stream)
    drawn = {
        tuple(row)
        for seed in range(200)
        for row in StreamBatches.random(split.stream, 2, length - 3, (seed,))[0].labels.tolist()
    }
    assert drawn == {tuple(split.stream[at + 1 : at + length - 2].tolist()) for at in range(3)}


def test_a_window_longer_than_the_stream_takes_all_of_it() -> None:
    split = make_split(1)
    (batch,) = StreamBatches.random(split.stream, 1, 10_000, (1, 0))
    assert batch.labels[0].tolist() == split.stream[1:].tolist()
    (batch,) = StreamBatches.sequential(split.stream, 1, 10_000)
    assert batch.labels[0].tolist() == split.stream[1:].tolist()


def test_more_rows_than_tokens_is_an_error() -> None:
    with pytest.raises(DatasetError, match="too short for --batch-size 4000: give a smaller one"):
        StreamBatches.sequential(make_split(2).stream, 4000, 8)
