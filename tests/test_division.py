"""Which frames belong together, which are learned from, and in which order."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotonodes.errors import UsageError
from rotonodes.train.data.division import divide


def test_without_clips_all_frames_are_one():
    division = divide([1, 2, 3, 4], validation=[3])
    assert division.clips == ((0, 1, 3),)
    assert (division.train, division.validation) == ([0, 1, 3], (2,))


def test_clips_by_length_and_by_name():
    assert divide(range(1, 8), clip_length=3).clips == ((0, 1, 2), (3, 4, 5), (6,))
    assert divide([1, 2, 4, 5, 6, 9], clip_length=3).clips == ((0, 1), (2, 3, 4), (5,))  # what is missing moves no other
    assert divide([1001, 1002, 1003], clip_length=2).clips == ((0, 1), (2,))
    named = divide([5, 6, 7, 20, 21], clips=[[20, 21, 22], [5, 6, 7]])
    assert named.clips == ((3, 4), (0, 1, 2))
    assert named.following == {3: 4, 0: 1, 1: 2}
    assert divide([1, 2], clips=[[1], [9], [2]]).clips == ((0,), (1,))


def test_the_last_clips_validate():
    division = divide(range(1, 13), clip_length=4, validation_clips=1)
    assert division.clips == ((0, 1, 2, 3), (4, 5, 6, 7))
    assert division.validation == (8, 9, 10, 11)
    assert divide(range(1, 13), clip_length=4, validation=[1, 2, 3, 4]).validation == (0, 1, 2, 3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 100))
def test_every_clip_comes_equally_often_and_every_frame_of_it(lengths, seed):
    frames = iter(range(1000))
    division = divide(range(sum(lengths)), clips=[[next(frames) for _ in range(length)] for length in lengths])
    turns = 9
    drawn = [division.place(count, seed) for count in range(turns * len(lengths))]
    owner = {place: index for index, clip in enumerate(division.clips) for place in clip}
    assert set(Counter(owner[place] for place in drawn).values()) == {turns}
    for turn in range(turns):  # each clip once before any twice
        assert len({owner[place] for place in drawn[turn * len(lengths) : (turn + 1) * len(lengths)]}) == len(lengths)
    for index, length in enumerate(lengths):
        own = [place for place in drawn if owner[place] == index]
        for start in range(0, turns - length + 1, length):  # each frame once before any twice
            assert len(set(own[start : start + length])) == length
    assert drawn == [division.place(count, seed) for count in range(turns * len(lengths))]


def test_the_seed_shuffles():
    division = divide(range(40), clip_length=4)
    orders = {tuple(division.place(count, seed) for count in range(40)) for seed in range(5)}
    assert len(orders) == 5


@pytest.mark.parametrize(
    "options, message",
    [
        ({"validation": [9]}, r"validation frame 9 is not among the frames: choose from 1 to 6"),
        ({"validation": range(1, 7)}, r"no training frames: all 6 are for validation"),
        ({"validation_clips": 1}, r"validation_clips is 1, but nothing says what a clip is: set clip_length or clips"),
        ({"clip_length": 3, "validation_clips": 2}, r"validation_clips is 2 of 2 clips: leave some to train on"),
        ({"clip_length": 3, "validation_clips": 1, "validation": [1]}, r"validation and validation_clips are both set"),
        ({"clip_length": 3, "clips": [[1]]}, r"clips and clip_length are both set"),
        ({"clips": [[1, 2, 3], [3, 4, 5, 6]]}, r"clips: frame 3 is in clip 1 and in clip 2: leave it in one"),
        ({"clips": [[1, 2, 3], [4, 5]]}, r"clips: frame 6 is in none of the 2 clips"),
        (
            {"clip_length": 3, "validation": [5, 6]},
            r"validation frame 5 is in clip 2 \(frames 4-6\), which is also trained on; .* hold out whole clips",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(UsageError, match=message) as error:
        divide(range(1, 7), **options)
    assert "\n" not in str(error.value)


def test_without_clips_a_frame_split_is_the_users_business():
    assert divide(range(1, 7), validation=[5, 6]).validation == (4, 5)
