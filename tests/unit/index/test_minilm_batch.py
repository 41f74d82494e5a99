"""Batches for MiniLM: every text once, bounded, in few shapes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twin.drivers.minilm.batch import STEP, TOKENS, batches, padded

LENGTHS = st.lists(st.integers(1, 256), max_size=300)


@given(LENGTHS)
def test_every_text_is_in_one_batch(lengths):
    assert sorted(at for rows in batches(lengths) for at in rows) == list(range(len(lengths)))


@given(LENGTHS)
def test_no_batch_holds_more_tokens_than_its_bound_with_padding(lengths):
    for rows in batches(lengths):
        ids = padded([[1] * lengths[at] for at in rows])["ids"]
        assert ids.size <= TOKENS


@given(LENGTHS)
def test_there_are_few_shapes_whatever_the_lengths(lengths):
    widths = {padded([[1] * lengths[at] for at in rows])["ids"].shape[1] for rows in batches(lengths)}
    assert widths <= set(range(STEP, 256 + 1, STEP))


@given(st.lists(st.lists(st.integers(1, 30_000), max_size=50), min_size=1, max_size=20))
def test_ids_stand_first_in_their_row_and_the_mask_says_where_they_end(encoded):
    made = padded(encoded)
    for row, one in enumerate(encoded):
        assert made["ids"][row, : len(one)].tolist() == one
        assert made["mask"][row].sum() == len(one)
        assert not made["ids"][row, len(one) :].any()
    assert made["ids"].dtype == made["mask"].dtype == np.int64


def test_a_text_longer_than_a_batch_still_gets_one():
    assert batches([TOKENS * 2, 3]) == [[0], [1]]
