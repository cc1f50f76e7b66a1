"""Where there may be a digit, though nothing is sure enough to be one."""

from test_fusion import found, known, text_of, written

from svhn.finder.evidence.doubt import LEAST_ALONE, LEAST_DOUBTFUL, doubtful_candidates, doubtful_places

NOBODY = found()


def test_a_candidate_is_doubtful_beside_another_or_when_it_is_surer():
    pair = (1, LEAST_DOUBTFUL + 0.01, 100), (2, LEAST_DOUBTFUL + 0.01, 126)
    alone, surer, low = (3, LEAST_ALONE - 0.01, 300), (4, LEAST_ALONE + 0.01, 500), (5, LEAST_DOUBTFUL - 0.01, 152)
    assert text_of(doubtful_candidates(found(*pair, alone, surer, low), NOBODY)) == "124"
    assert text_of(doubtful_candidates(found(pair[0]), found((7, 0.99, 126)))) == "1"
    assert text_of(doubtful_candidates(found(*pair), found((1, 0.99, 102)))) == "2"  # the 1 was found


def test_only_where_something_is_written_and_no_letters_and_no_telephone():
    pair = found((1, 0.7, 100), (2, 0.5, 126))
    assert text_of(doubtful_places(known(pair), NOBODY)) == ""
    assert text_of(doubtful_places(known(pair, written("??", 100)), NOBODY)) == "12"
    assert text_of(doubtful_places(known(pair, written("IO", 100)), NOBODY)) == "12"  # may be digits
    assert text_of(doubtful_places(known(pair, written("AB", 100)), NOBODY)) == ""
    assert text_of(doubtful_places(known(pair, written("1234567", 100)), NOBODY)) == ""


def test_a_number_that_is_read_unsurely_is_doubtful():
    read = written("47", 100, score=0.7)
    assert text_of(doubtful_places(known(NOBODY, read), NOBODY)) == "47"
    assert text_of(doubtful_places(known(NOBODY, read), found((4, 0.99, 100)))) == "7"
    assert text_of(doubtful_places(known(NOBODY, written("47", 100, score=0.5)), NOBODY)) == ""
    own = found((4, 0.9, 100), (7, 0.9, 124))
    assert text_of(doubtful_places(known(own, read), NOBODY)) == "47"  # not twice


def test_neighbours_are_doubtful_when_one_of_them_is_sure_enough():
    region = written("??", 100)
    assert text_of(doubtful_places(known(found((1, 0.5, 100), (2, 0.4, 126)), region), NOBODY)) == ""
    assert text_of(doubtful_places(known(found((1, 0.7, 100), (2, 0.4, 126)), region), NOBODY)) == "12"
    assert text_of(doubtful_places(known(found((2, 0.4, 126)), region), found((1, 0.7, 100)))) == "2"  # it was found


def test_zeros_alone_are_no_number():
    zeros = written("00", 100, score=0.7)
    assert text_of(doubtful_places(known(NOBODY, zeros), NOBODY)) == ""
    assert text_of(doubtful_places(known(NOBODY, zeros), found((1, 0.99, 76)))) == "00"
