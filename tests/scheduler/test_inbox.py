"""The queue by which everything comes to the scheduler."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.tasks import WAIT
from yieldflow.inbox import Inbox


@pytest.fixture
def interrupted() -> Iterator[float]:
    """Soon a signal comes, and is handled for longer than these seconds."""
    meanwhile = 0.05
    before = signal.signal(signal.SIGALRM, lambda number, frame: time.sleep(2 * meanwhile))
    signal.setitimer(signal.ITIMER_REAL, meanwhile / 5)
    yield meanwhile
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_all_is_taken_in_the_order_put_in() -> None:
    """Messages are taken at once and in order, up to the number asked for, the rest later."""
    inbox: Inbox[int] = Inbox()
    for number in range(5):
        inbox.put(number)

    assert inbox.take(WAIT, 3) == [0, 1, 2]
    assert inbox.take(WAIT, 3) == [3, 4]
    assert inbox.take(0, 3) == []
    assert inbox.take(-1, 3) == []


def test_of_what_many_put_in_nothing_is_missed() -> None:
    """A waiting reader is woken, misses nothing, and finds each thread's messages in their order."""
    inbox: Inbox[tuple[int, int]] = Inbox()

    def put(thread: int) -> None:
        for number in range(1000):
            inbox.put((thread, number))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    taken: list[tuple[int, int]] = []
    deadline = time.monotonic() + WAIT
    while len(taken) < 4000:
        taken += inbox.take(WAIT, 10)
        assert time.monotonic() < deadline, f"nobody was woken after {len(taken)}"
    for thread in threads:
        thread.join()

    for put_by in range(4):
        assert [number for one, number in taken if one == put_by] == list(range(1000))


def test_a_wait_ends_whatever_comes_between(interrupted: float) -> None:
    """A signal that is handled for longer than the wait was to last does not make it last for ever."""
    inbox: Inbox[int] = Inbox()

    assert inbox.take(interrupted, 1) == []
