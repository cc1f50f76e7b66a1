import pytest

from svhn.data.mix import counts_of
from svhn.errors import InputError


def test_shares_of_a_batch():
    assert counts_of({"train": 1.0}, 32) == {"train": 32}
    assert counts_of({"synthetic": 1, "train": 1}, 5) == {"train": 3, "synthetic": 2}
    for batch in range(3, 40):
        assert sum(counts_of({"train": 0.5, "pseudo": 0.3, "copy_paste": 0.2}, batch).values()) == batch


@pytest.mark.parametrize(
    "mix, words",
    [
        ({}, "above 0"),
        ({"train": -1.0}, "above 0"),
        ({"train": 1.0, "pseudo": 0.0}, "above 0"),
        ({"train": 1.0, "test": 1.0}, "received test"),
        ({"train": 0.01, "pseudo": 0.99}, "no room for train"),
    ],
)
def test_what_is_no_mix(mix, words):
    with pytest.raises(InputError, match=words):
        counts_of(mix, 8)
