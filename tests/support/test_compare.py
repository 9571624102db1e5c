"""The comparator itself: it must be able to fail."""

import numpy as np
import pytest

from tests.support.compare import assert_as_accurate, assert_within, max_error


def test_max_error_is_the_largest_difference_with_sign_ignored():
    assert max_error([1.0, -3.0, 5.0], [1.5, -1.0, 5.0]) == 2.0


@pytest.mark.parametrize(
    ("actual", "expected"),
    [([], []), ([1.0], [1.0, 2.0]), ([np.nan], [np.nan]), ([np.inf], [np.inf]), ([1.0], [np.nan])],
    ids=["nothing", "shapes", "nan", "inf", "nan reference"],
)
def test_comparisons_that_say_nothing_fail(actual, expected):
    with pytest.raises(AssertionError):
        max_error(actual, expected)


def test_unsigned_bytes_do_not_wrap():
    assert max_error(np.array([0], np.uint8), np.array([255], np.uint8)) == 255


def test_assert_within_is_strict():
    assert_within([1.0], [1.1], 0.11)
    with pytest.raises(AssertionError, match=r"alpha: max abs error 0\.1"):
        assert_within([1.0], [1.1], 0.09, "alpha")


def test_assert_as_accurate_allows_twice_the_peer():
    reference = np.ones(100)
    assert_as_accurate(reference + 0.019, reference + 0.01, reference)
    with pytest.raises(AssertionError, match="rms error"):
        assert_as_accurate(reference + 0.021, reference + 0.01, reference)


def test_assert_as_accurate_allows_a_single_error_of_four_times_the_peer():
    reference = np.ones(100)
    outlier = reference.copy()
    outlier[3] += 0.039
    assert_as_accurate(outlier, reference + 0.01, reference)
    outlier[3] += 0.002
    with pytest.raises(AssertionError, match="max abs error"):
        assert_as_accurate(outlier, reference + 0.01, reference)
