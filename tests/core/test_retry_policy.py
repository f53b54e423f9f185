"""`RetryPolicy` decides if and when another attempt follows a failed one; `ActivityError` says what happened."""

from __future__ import annotations

import logging
import pickle
from datetime import timedelta
from typing import Any

import pytest

from yieldflow import ActivityError, Registry, RetryPolicy, activity
from yieldflow._core.errors import RecordedFailure
from yieldflow._core.history import Codec, Failure
from yieldflow._core.retry import may_retry, next_delay
from yieldflow.codec import codec_named
from yieldflow.workers.attempt import failed

CALM = RetryPolicy(jitter=False)
#: The longest that anything may wait for, as for `sleep`.
CENTURY = timedelta(days=36525).total_seconds()


class Declined(Exception):
    """Nothing in the library knows of it."""


class Late(ActivityError):
    """One of a user's own, with arguments of its own."""

    def __init__(self, order: str) -> None:
        super().__init__(f"order {order} comes too late", retryable=False, retry_after=5)
        self.order = order


def waits(policy: RetryPolicy, count: int = 8, chance: float = 0.0) -> list[float | None]:
    return [next_delay(policy, attempt, None, chance) for attempt in range(1, count + 1)]


# ---------------------------------------------------------------------- how long


def test_nothing_is_tried_again_unless_asked_for() -> None:
    """Without a policy there is one attempt, whatever the failure asks for."""
    assert activity(lambda: None, name="plain", registry=Registry()).options.retry is None
    assert next_delay(None, 1, None, 0.0) is None
    assert next_delay(None, 1, 5.0, 0.0) is None
    assert not may_retry(None, ValueError())


def test_defaults() -> None:
    """One second, then twice as long each time, a minute at most, as often as it takes."""
    assert waits(CALM) == [1, 2, 4, 8, 16, 32, 60, 60]
    assert next_delay(CALM, 10**9, None, 0.0) == 60
    assert RetryPolicy() == RetryPolicy(1.0, 2.0, 60.0, None, (), True)


def test_a_policy_of_ones_own() -> None:
    """Intervals are numbers or timedeltas, and multiply by the coefficient up to the longest."""
    policy = RetryPolicy(timedelta(milliseconds=500), 3, timedelta(minutes=1), 7, jitter=False)
    assert waits(policy) == [0.5, 1.5, 4.5, 13.5, 40.5, 60, None, None]
    assert policy == RetryPolicy(0.5, 3.0, 60, 7, jitter=False)
    assert waits(RetryPolicy(2, 1, jitter=False), 3) == [2, 2, 2]


def test_one_attempt_is_none_again() -> None:
    """`maximum_attempts` counts the first one."""
    assert waits(RetryPolicy(maximum_attempts=1), 2) == [None, None]
    assert waits(RetryPolicy(maximum_attempts=2, jitter=False), 3) == [1, None, None]


@pytest.mark.parametrize("coefficient", [1e308, 1e154, 10**308, 2, 2.0, 1.0000001])
@pytest.mark.parametrize("attempt", [1, 2, 3, 1100, 10**7])
def test_no_interval_overflows(coefficient: float, attempt: int) -> None:
    """However many attempts there were, the wait is a number, and no longer than the longest."""
    policy = RetryPolicy(CENTURY, coefficient, CENTURY)
    wait = policy.interval(attempt, 0.0)
    assert wait == CENTURY


def test_jitter_is_between_half_the_interval_and_all_of_it() -> None:
    """Many that failed together do not come back together, and none comes later than said."""
    policy = RetryPolicy()
    assert waits(policy, 8, 0.0) == waits(CALM)
    assert waits(policy, 8, 0.5) == [0.75 * wait for wait in waits(CALM) if wait]
    assert waits(policy, 8, 1.0) == [0.5 * wait for wait in waits(CALM) if wait]
    assert waits(CALM, 8, 0.5) == waits(CALM)


def test_a_failure_may_ask_for_its_own_wait() -> None:
    """`retry_after` takes the place of the policy's interval, not of the number of attempts."""
    policy = RetryPolicy(maximum_attempts=2)
    assert next_delay(policy, 1, 1000.0, 0.9) == 1000
    assert next_delay(policy, 1, 0.0, 0.9) == 0
    assert next_delay(policy, 2, 1000.0, 0.9) is None


# ---------------------------------------------------------------------- which failures


@pytest.mark.parametrize(
    "kinds", [Declined, (Declined, KeyError), [Declined], {Declined}, lambda error: isinstance(error, Declined)]
)
def test_failures_that_are_final(kinds: Any) -> None:
    """`non_retryable` is a type, several, or a function of the exception."""
    policy = RetryPolicy(non_retryable=kinds)
    assert not may_retry(policy, Declined("no"))
    assert may_retry(policy, ValueError("no"))


def test_a_subclass_of_a_final_failure_is_final() -> None:
    """As with `except`."""
    assert not may_retry(RetryPolicy(non_retryable=LookupError), KeyError("x"))
    assert not may_retry(RetryPolicy(non_retryable=Exception), ActivityError("x"))


def test_an_activity_says_that_nothing_helps() -> None:
    """`ActivityError(retryable=False)` is final under any policy."""
    assert may_retry(RetryPolicy(), ActivityError("x"))
    assert not may_retry(RetryPolicy(), ActivityError("x", retryable=False))
    assert not may_retry(RetryPolicy(), Late("o-1"))


def test_a_predicate_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody knows whether it may be tried again, so it is not, and the log says why."""

    def broken(error: BaseException) -> bool:
        raise KeyError("whoops")

    charge = activity(lambda: None, name="charge", registry=Registry())
    with caplog.at_level(logging.ERROR, logger="yieldflow"):
        ending = failed(ValueError("no"), charge, RetryPolicy(non_retryable=broken), codec_named("pickle"))
    assert not ending.retryable
    assert isinstance(ending.outcome, Failure)
    assert ending.outcome.summary == "ValueError: no"
    assert "non_retryable of activity 'charge' raised 'KeyError' when it was asked about 'ValueError'" in caplog.text


# ---------------------------------------------------------------------- wrong arguments

WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"initial_interval": "1"}, TypeError, "initial_interval= takes seconds or a timedelta, not '1'"),
    ({"initial_interval": True}, TypeError, "initial_interval= takes seconds"),
    ({"initial_interval": None}, TypeError, "initial_interval= takes seconds"),
    ({"initial_interval": 0}, ValueError, "initial_interval= takes more than 0 seconds and at most a hundred years"),
    ({"initial_interval": -1.5}, ValueError, "not -1.5"),
    ({"initial_interval": float("nan")}, ValueError, "not nan"),
    ({"initial_interval": timedelta(0)}, ValueError, "initial_interval="),
    ({"maximum_interval": float("inf")}, ValueError, "maximum_interval= takes more than 0 seconds"),
    ({"maximum_interval": 10**400}, ValueError, "maximum_interval="),
    ({"maximum_interval": timedelta(days=40_000)}, ValueError, "maximum_interval="),
    (
        {"initial_interval": 90, "maximum_interval": 60},
        ValueError,
        r"maximum_interval=60.0 is less than initial_interval=90.0: give a larger",
    ),
    ({"backoff_coefficient": "2"}, TypeError, "backoff_coefficient= is a number, not '2'"),
    ({"backoff_coefficient": True}, TypeError, "backoff_coefficient= is a number, not True"),
    ({"backoff_coefficient": 0.5}, ValueError, "backoff_coefficient= is 1 or more, not 0.5"),
    ({"backoff_coefficient": float("inf")}, ValueError, "not inf"),
    ({"backoff_coefficient": float("nan")}, ValueError, "not nan"),
    ({"backoff_coefficient": 10**400}, ValueError, "backoff_coefficient="),
    ({"maximum_attempts": 0}, ValueError, "maximum_attempts= is at least 1, not 0"),
    ({"maximum_attempts": 2.0}, TypeError, "maximum_attempts= is a whole number, not 2.0"),
    ({"maximum_attempts": True}, TypeError, "maximum_attempts= is a whole number"),
    ({"non_retryable": "ValueError"}, TypeError, "non_retryable= takes exception types, or a function"),
    ({"non_retryable": int}, TypeError, "non_retryable= takes exception types"),
    ({"non_retryable": (ValueError, "KeyError")}, TypeError, "non_retryable= takes exception types"),
    ({"non_retryable": None}, TypeError, "non_retryable= takes exception types"),
    ({"non_retryable": ValueError()}, TypeError, "non_retryable= takes exception types"),
    ({"jitter": 0.5}, TypeError, "jitter= is True or False, not 0.5"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
def test_a_wrong_argument_is_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    """The message says which argument it is, and what it takes."""
    with pytest.raises(error, match=message):
        RetryPolicy(**arguments)


WRONG_OPTIONS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"retry": 3}, TypeError, r"retry= takes a RetryPolicy, as in retry=RetryPolicy\(\), not 3"),
    ({"retry": RetryPolicy}, TypeError, "retry= takes a RetryPolicy"),
    ({"timeout": 0}, ValueError, "timeout= takes more than 0 seconds"),
    ({"timeout": "5"}, TypeError, "timeout= takes seconds or a timedelta, not '5'"),
    ({"heartbeat_timeout": -1}, ValueError, "heartbeat_timeout= takes more than 0"),
    ({"schedule_to_close_timeout": timedelta(0)}, ValueError, "schedule_to_close_timeout= takes more than 0"),
    ({"schedule_to_start_timeout": float("nan")}, ValueError, "schedule_to_start_timeout= takes more than 0"),
    ({"retries": 3}, TypeError, "takes no 'retries'. Did you mean 'retry'"),
    ({"heartbeat": 3}, TypeError, "takes no 'heartbeat'. Did you mean 'heartbeat_timeout'"),
]


@pytest.mark.parametrize(("options", "error", "message"), WRONG_OPTIONS)
def test_a_wrong_option_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    """On the decorator as for one call."""
    plain = activity(lambda: None, name="plain", registry=Registry())
    with pytest.raises(error, match=message):
        activity(**options)
    with pytest.raises(error, match=message):
        plain().with_options(**options)


@pytest.mark.parametrize("given", [0, -1, 1.5, "2", True])
def test_max_concurrent_is_a_count(given: Any) -> None:
    """And belongs to the activity, not to one call of it."""
    with pytest.raises((TypeError, ValueError), match="max_concurrent= is"):
        activity(max_concurrent=given)
    plain: Any = activity(lambda: None, name="plain", registry=Registry())
    with pytest.raises(TypeError, match=r"with_options\(\) takes no 'max_concurrent'"):
        plain().with_options(max_concurrent=2)


def test_options_of_one_call() -> None:
    """Options of a call take the place of the activity's own, and those not given stay."""
    own = activity(lambda: None, name="own", registry=Registry(), retry=CALM, timeout=timedelta(minutes=1))
    options = own().with_options(timeout=5, heartbeat_timeout=timedelta(seconds=2)).options
    assert (options.retry, options.timeout, options.heartbeat_timeout) == (CALM, 5.0, 2.0)
    assert own().options.timeout == 60.0
    once = own().with_options(retry=RetryPolicy(maximum_attempts=1)).options.retry
    assert waits(once or CALM, 1) == [None]
    assert own() == own().with_options(timeout=1)


# ---------------------------------------------------------------------- ActivityError on its way


@pytest.mark.parametrize("codec", [codec_named("pickle"), codec_named("json")], ids=["pickle", "json"])
@pytest.mark.parametrize("after", [None, 30, 0.5, timedelta(minutes=2)])
def test_an_activity_error_arrives_whole(codec: Codec, after: float | timedelta | None) -> None:
    """The workflow catches what the activity raised: type, message, and what it said of retries."""
    for retryable in (True, False):
        raised = ActivityError("the bank is busy", retryable=retryable, retry_after=after)
        caught = codec.decode_failure(codec.encode_failure(raised), RecordedFailure)
        assert type(caught) is ActivityError
        assert str(caught) == caught.message == "the bank is busy"
        seconds = after.total_seconds() if isinstance(after, timedelta) else after
        assert (caught.retryable, caught.retry_after) == (retryable, seconds)
        assert caught.type_name == "yieldflow.ActivityError"


def test_an_activity_error_may_be_pickled() -> None:
    """On its own, as a worker process sends it."""
    caught = pickle.loads(pickle.dumps(ActivityError("m", "shop.Busy", "T", retryable=False, retry_after=1)))
    assert (str(caught), caught.traceback, caught.retryable, caught.retry_after) == ("shop.Busy: m", "T", False, 1)


def test_a_subclass_of_activity_error_arrives_whole() -> None:
    """With attributes of its own, though its arguments are others than it keeps."""
    codec = codec_named("pickle")
    caught = codec.decode_failure(codec.encode_failure(Late("o-1")), RecordedFailure)
    assert isinstance(caught, Late)
    assert (str(caught), caught.order, caught.retryable, caught.retry_after) == (
        "order o-1 comes too late", "o-1", False, 5,
    )  # fmt: skip


ASKED: list[tuple[Any, float | None]] = [
    (0, 0),
    (1.5, 1.5),
    (timedelta(seconds=90), 90),
    (-1, None),
    (float("nan"), None),
    ("30", None),
    (float("inf"), CENTURY),
    (10**400, CENTURY),
    (1e300, CENTURY),
    (timedelta.max, CENTURY),
]


@pytest.mark.parametrize(("given", "asked"), ASKED)
def test_what_a_failure_asks_for_is_a_time_that_can_be_waited(
    given: Any, asked: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A delay that is no time, or below zero, is ignored, and the policy decides; a hundred years is the most."""
    charge = activity(lambda: None, name="charge", registry=Registry())
    ending = failed(ActivityError("x", retry_after=given), charge, RetryPolicy(), codec_named("pickle"))
    assert ending.retryable
    assert ending.retry_after == asked
    assert ("which is no number of seconds: its retry policy decides" in caplog.text) == (
        given is not None and asked is None
    )


# ---------------------------------------------------------------------- in another program


def test_a_policy_travels_as_plain_values() -> None:
    """Another program gets the seconds, the counts, and the names of the exceptions that are final."""
    policy = RetryPolicy(timedelta(minutes=1), 3, None, 5, (ValueError, Declined), jitter=False)

    values = 60.0, 3.0, 60.0, 5, False, ("builtins.ValueError", f"{__name__}.Declined"), True
    assert policy.portable == values


def test_the_names_are_those_that_failures_have() -> None:
    """So that the other program finds a failure's type among those that are final."""
    failure = codec_named("json").encode_failure(Declined())

    assert RetryPolicy(non_retryable=Declined).portable.non_retryable == (failure.type_name,)


def test_a_function_that_judges_failures_does_not_travel() -> None:
    """The policy says that something of it stays behind, and the rest goes."""
    portable = RetryPolicy(maximum_attempts=5, non_retryable=lambda error: True).portable

    assert (portable.maximum_attempts, portable.non_retryable, portable.complete) == (5, (), False)
