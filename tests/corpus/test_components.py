"""What hangs together, if only by way of others."""

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from poetgen.corpus.components import connected_components


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
def test_components_are_those_of_a_plain_search(links: list[tuple[int, int]]) -> None:
    ends = np.array(links, dtype=np.int64).reshape(-1, 2)
    expected = list(range(30))
    for start, end in links:
        joined = {expected[start], expected[end]}
        expected = [min(joined) if member in joined else member for member in expected]
    assert connected_components(30, ends[:, 0], ends[:, 1]).tolist() == expected


def test_a_long_chain_in_any_order_takes_no_time() -> None:
    chain = np.random.default_rng(0).permutation(200_000)
    began = time.process_time()
    assert not connected_components(200_000, chain[1:], chain[:-1]).any()
    assert time.process_time() - began < 5


def test_nothing_has_no_components() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert connected_components(0, none, none).tolist() == []
    assert connected_components(2, none, none).tolist() == [0, 1]
