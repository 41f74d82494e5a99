"""The order of an epoch: everything once, like beside like, the same for the same seed and epoch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twin.model.batches import ByLength

LENGTHS = st.lists(st.integers(1, 500), max_size=300)


@given(LENGTHS, st.integers(1, 9), st.integers(0, 99), st.integers(0, 3))
def test_an_epoch_takes_every_example_once(lengths: list[int], batch: int, seed: int, epoch: int) -> None:
    order = ByLength(lengths, batch, seed)
    order.set_epoch(epoch)
    assert sorted(order) == list(range(len(lengths)))
    assert len(order) == len(lengths)


@given(LENGTHS, st.integers(1, 9), st.integers(0, 99), st.integers(0, 3))
def test_an_epoch_begun_anew_in_another_process_has_the_same_order(
    lengths: list[int], batch: int, seed: int, epoch: int
) -> None:
    first, second = ByLength(lengths, batch, seed), ByLength(lengths, batch, seed)
    list(first)  # what was drawn before does not matter
    first.set_epoch(epoch)
    second.set_epoch(epoch)
    assert list(first) == list(second)


@given(LENGTHS.filter(lambda lengths: len(lengths) >= 9), st.integers(1, 9), st.integers(0, 99))
def test_the_longest_example_that_has_a_full_batch_is_in_the_first(lengths: list[int], batch: int, seed: int) -> None:
    order = list(ByLength(lengths, batch, seed))
    whole = len(lengths) // batch * batch
    assert max(lengths[one] for one in order[:batch]) == max(lengths[one] for one in order[:whole])


def test_batches_are_padded_less_than_in_random_order() -> None:
    lengths = [one * 37 % 401 + 1 for one in range(800)]

    def padding(order: list[int]) -> int:
        parts = [[lengths[one] for one in order[at : at + 8]] for at in range(0, len(order), 8)]
        return sum(max(part) * len(part) - sum(part) for part in parts)

    assert padding(list(ByLength(lengths, 8, 1))) * 10 < padding(list(range(800)))


def test_epochs_differ() -> None:
    order = ByLength(range(1, 100), 4, 1)
    first = list(order)
    order.set_epoch(1)
    assert list(order) != first
