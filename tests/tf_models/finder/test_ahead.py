"""Batches made ahead: all of them, in order, not too many at once; errors arrive."""

import threading

import pytest

from svhn.tf_models.finder.ahead import AHEAD, make_ahead


def test_all_positions_come_in_order():
    assert list(make_ahead(lambda position: position * position, 3, 40)) == [i * i for i in range(3, 40)]
    assert list(make_ahead(str, 5, 5)) == []


def test_they_are_made_ahead_by_another_thread_but_not_far():
    made = []

    def make(position):
        assert threading.current_thread() is not threading.main_thread()
        made.append(position)
        return position

    for taken, batch in enumerate(make_ahead(make, 0, 30)):
        assert batch == taken and len(made) <= taken + AHEAD + 1
    assert made == list(range(30))


def test_an_error_is_raised_where_its_batch_would_have_come():
    batches = make_ahead(lambda position: 1 // (2 - position), 0, 9)
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(batches)


def test_a_run_that_stops_leaves_no_thread_behind():
    before, batches = threading.active_count(), make_ahead(str, 0, 10**9)
    assert next(batches) == "0" and threading.active_count() == before + 1
    batches.close()
    assert threading.active_count() == before
