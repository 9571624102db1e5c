"""Stages on threads: order, bounds, errors in their place, and an end to all of them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator

import pytest

from dim_trt.video.ahead import ahead
from tests.support.stand_ins import eventually


def counting(pulled: list[int], closed: threading.Event) -> Generator[int, None, None]:
    try:
        for number in itertools.count():
            pulled.append(number)
            yield number
    finally:
        closed.set()


def test_items_come_in_order_and_no_more_than_asked_for_are_made() -> None:
    pulled: list[int] = []
    closed = threading.Event()
    items = ahead(counting(pulled, closed), 3, "counting")
    assert not pulled
    assert [next(items) for _ in range(5)] == [0, 1, 2, 3, 4]
    eventually(lambda: len(pulled) == 9)  # five taken, three queued, one in hand
    items.close()
    assert closed.is_set()
    assert len(pulled) == 9
    assert not [thread for thread in threading.enumerate() if thread.name == "counting"]


def test_an_error_is_raised_in_its_place_and_ends_the_stages_before() -> None:
    pulled: list[int] = []
    closed = threading.Event()

    def failing(numbers: Generator[int, None, None]) -> Generator[int, None, None]:
        for number in numbers:
            if number == 4:
                raise ValueError("four")
            yield -number

    numbers = ahead(counting(pulled, closed), 2, "counting")
    items = ahead(failing(numbers), 2, "failing")
    taken = [next(items) for _ in range(4)]
    assert taken == [0, -1, -2, -3]
    with pytest.raises(ValueError, match="four"):
        next(items)
    numbers.close()
    assert closed.is_set()


def test_an_end_is_an_end() -> None:
    assert list(ahead((number for number in range(7)), 2, "seven")) == list(range(7))
    assert list(ahead((number for number in range(0)), 2, "none")) == []
