from hypothesis import given
from hypothesis import strategies as st

from twin.documents.seen import Seen


@given(st.lists(st.text(max_size=3), max_size=200))
def test_seen_answers_as_a_set_does(texts):
    seen, model = Seen(), set()
    for text in texts:
        assert (text in seen) == (text in model)
        assert seen.add(text) == (text not in model)
        model.add(text)
    assert len(seen) == len(model)


def test_seen_grows_and_forgets_nothing():
    seen = Seen()
    assert all(seen.add(str(i)) for i in range(5000))
    assert all(str(i) in seen for i in range(5000))
    assert "5000" not in seen
