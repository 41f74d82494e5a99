"""Trained and served renderings of a conversation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.model.contract import Rendering, first_difference

IDS = st.lists(st.integers(0, 5), max_size=8)


def rendering(ids):
    return Rendering(ids, [f"<{one}>" for one in ids])


@given(st.lists(IDS, max_size=4))
def test_equal_renderings_have_no_difference(conversations):
    assert first_difference([rendering(one) for one in conversations], [rendering(one) for one in conversations]) is None


@given(IDS, IDS)
def test_a_difference_is_found_exactly_where_the_common_beginning_ends(ours, theirs):
    common = next((at for at in range(min(len(ours), len(theirs))) if ours[at] != theirs[at]), min(len(ours), len(theirs)))
    found = first_difference([rendering(ours)], [rendering(theirs)])
    assert (found.position if found else len(ours)) == common
    assert (found is None) == (ours == theirs)


def test_the_message_names_conversation_token_and_both_sides():
    found = first_difference([rendering([1]), rendering([1, 2, 3])], [rendering([1]), rendering([1, 2, 4])])
    assert str(found) == "conversation 2, token 2: trained with 3 '<3>', served with 4 '<4>', after '<1><2>'"
    ended = first_difference([rendering([1, 2])], [rendering([1])])
    assert "served with (the end)" in str(ended)


def test_another_number_of_conversations_is_no_comparison():
    with pytest.raises(ValueError):
        first_difference([rendering([1])], [])
