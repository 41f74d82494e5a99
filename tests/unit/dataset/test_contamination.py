import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from twin.dataset.contamination import HeldOut

WORDS = [f"word{n}" for n in range(400)]
HELD = " ".join(WORDS[:30])


def held(*texts):
    made = HeldOut()
    for text in texts:
        made.add(text)
    return made


def test_a_text_inside_a_longer_one_is_found_whatever_its_case_and_marks():
    longer = " ".join([*WORDS[100:300], *(word.upper() + "," for word in WORDS[:30]), *WORDS[300:]])
    assert held(HELD).in_(longer)


def test_a_part_of_a_text_is_found_and_a_few_shared_words_are_not():
    assert held(HELD).in_(" ".join(WORDS[5:28]))
    assert not held(HELD).in_(" ".join([*WORDS[:10], *WORDS[100:140]]))
    assert not held(HELD).in_(" ".join(reversed(WORDS[:30])))


def test_a_short_text_is_found_only_as_a_whole():
    made = held("Where do documents go?")
    assert made.in_("where do documents go")
    assert not made.in_("Where do documents go when they are gone, and who remembers them?")


def test_parts_of_many_held_out_texts_count_together():
    made = held(*(" ".join(WORDS[n : n + 40]) for n in range(0, 400, 40)))
    assert made.in_(" ".join(" ".join(WORDS[n : n + 18]) for n in range(0, 400, 40)))


def test_nothing_is_in_nothing():
    assert not HeldOut().in_(HELD)
    assert not held("", " ... ").in_("")
    assert not held(HELD).in_("")


@given(st.lists(st.lists(st.sampled_from(WORDS[:40]), min_size=1, max_size=30).map(" ".join), min_size=1, max_size=60))
def test_every_text_is_in_itself(texts):
    assert all(held(*texts).in_(text) for text in texts)


def test_runs_are_the_same_in_every_process():
    code = "from twin.dataset.contamination import _runs; print(list(_runs('" + HELD + "')))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in "12"
    }
    assert len(said) == 1
