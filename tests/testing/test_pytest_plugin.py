"""The pytest plugin, in test runs of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from yieldflow import Flow, Registry, activity, sleep, workflow
from yieldflow.testing import Stepper
from yieldflow.testing.comparing import compared

pytest_plugins = ["pytester"]

HERE = Path(__file__).parents[2] / "yieldflow" / "testing" / "entry"

registry = Registry()

SHOP = """
from datetime import timedelta
import pytest
from yieldflow import *

@activity
def charge(order: str, cents: int) -> str:
    return f"receipt {order}"

@workflow
def order(order_id: str) -> Flow[str]:
    for _ in range(30):
        yield sleep(timedelta(days=1))
    return (yield from charge(order_id, 5))
"""


@activity(registry=registry)
def charge(order: str, cents: int) -> str:
    raise NotImplementedError


@workflow(registry=registry)
def one_charge() -> Flow[str]:
    yield from sleep(60)
    return (yield from charge("o-1", 5))


@pytest.fixture
def program(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A run that has the plugin, also where the package is not installed."""
    if importlib.util.find_spec("yieldflow_pytest") is None:
        monkeypatch.setenv("PYTHONPATH", f"{HERE}:{HERE.parents[2]}")
        monkeypatch.setenv("PYTEST_PLUGINS", "yieldflow_pytest")
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider --strict-markers\nfilterwarnings = error")
    return pytester


def run(program: pytest.Pytester, tests: str) -> pytest.RunResult:
    program.makepyfile(SHOP + tests)
    return program.runpytest_subprocess("-q", "--tb=short", timeout=60)


def test_a_failure_shows_the_tests_own_lines(program: pytest.Pytester) -> None:
    """A test whose workflow failed shows first where that failed, then its own line, and nothing of the test kit's."""
    done = run(program, """
from yieldflow.testing import run_workflow

@workflow
def slips(order_id: str) -> Flow[str]:
    receipt = yield from charge(order_id, 5)
    return (yield from charge({}[receipt], 5))

def test_unused():
    run_workflow(slips("o-1"), activities={charge: "ch_9"}, children={order: "o-2"})

def test_stepped(stepper):
    flow = stepper(slips("o-1"))
    flow.resolve("ch_9")
    flow.resolve("ch_10")

def test_assertion(stepper):
    flow = stepper(slips("o-1"))
    flow.resolve("ch_9")
    assert flow.pending == [charge("ch_9", 5)]
""")  # fmt: skip
    done.assert_outcomes(failed=3)
    done.stdout.fnmatch_lines(
        [
            "*_ test_unused _*",
            "KeyError: 'ch_9'",
            "    return (yield from charge({}[[]receipt], 5))",
            "E   *CommandError: slips has failed with KeyError: 'ch_9', and not all was used: order was never called*",
            "*_ test_stepped _*",
            "KeyError: 'ch_9'",
            "    return (yield from charge({}[[]receipt], 5))",
            "E   *CommandError: slips has failed with KeyError: 'ch_9', so nothing is pending",
            "*_ test_assertion _*",
            "E     slips has failed with KeyError: 'ch_9'",
        ]
    )
    done.stdout.no_fnmatch_line("*/yieldflow/testing/*")


def test_thirty_days_are_over_at_once(program: pytest.Pytester) -> None:
    """orchestrator is started, yieldflow_clock moves its time on, and stepper makes steppers; all on either store."""
    run(program, '''
@pytest.mark.yieldflow_stores
def test_slow(orchestrator, yieldflow_clock, yieldflow_store, tmp_path):
    handle = orchestrator.submit(order("o-1"))
    yieldflow_clock.advance(timedelta(days=29))
    assert handle.describe().status == "processing"
    yieldflow_clock.advance(timedelta(days=1))
    assert handle.result(timeout=30) == "receipt o-1"
    assert (tmp_path / "workflows.db").exists() == (yieldflow_store == "sqlite")

def test_stepped(stepper):
    assert len(stepper(order("o-1")).pending) == 1
''').assert_outcomes(passed=3)  # fmt: skip


def test_what_stalls_fails_the_test(program: pytest.Pytester) -> None:
    """A workflow that stalled fails the test with its reason, whatever the test itself found."""
    result = run(program, '''
import itertools
drawn = itertools.count()

@workflow
def counting() -> Flow[None]:
    yield charge("o-1", next(drawn))
    yield sleep(3600)

def test_counting(orchestrator, yieldflow_clock):
    orchestrator.submit(counting())
    yieldflow_clock.advance(0)
    orchestrator.stop()
    orchestrator.start()
    yieldflow_clock.advance(3600)
''')  # fmt: skip
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["workflows are stalled:", "  counting (*", "*charge(order='o-1', cents=0)*"])


def test_a_warning_fails_the_test(program: pytest.Pytester) -> None:
    """What yieldflow warns of fails the test, unless the test expects it; that a workflow failed is no warning."""
    result = run(program, '''
@workflow
def slip() -> Flow[None]:
    charge("o-1", 5)
    yield sleep(0)

@workflow
def failing() -> Flow[None]:
    yield sleep(0)
    raise ValueError("meant")

def test_slip(orchestrator):
    orchestrator.run(slip())

def test_expected(orchestrator, yieldflow_warnings):
    orchestrator.run(slip())
    assert "never yielded" in yieldflow_warnings.pop().getMessage()

def test_failing(orchestrator):
    with pytest.raises(ValueError, match="meant"):
        orchestrator.run(failing())
''')  # fmt: skip
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["yieldflow warned:", "*charge(order='o-1', cents=5)*never yielded*"])


def test_a_failed_assertion_shows_the_difference(program: pytest.Pytester) -> None:
    """assert flow.pending == [...] shows which commands are missing and which argument differs, not two reprs."""
    result = run(program, '''
def test_pending(stepper):
    @workflow
    def one() -> Flow[None]:
        yield gather(charge("o-1", 5), sleep(60))
    assert stepper(one()).pending == [charge("o-1", cents=500), sleep(60)]
''')  # fmt: skip
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        "E*the commands differ (left: what there is, right: what is expected)",
        "E*missing:    charge(order='o-1', cents=500)",
        "E*  there is: charge(order='o-1', cents=5): cents is 5, not 500",
    ])  # fmt: skip


def test_what_differs_is_told() -> None:
    """Missing and unexpected commands are told, also another order; other values are left to pytest."""
    pending = Stepper(one_charge()).pending
    head = "the commands differ (left: what there is, right: what is expected)"

    assert compared(pending, [charge("o-1", 5)]) == [
        head, "missing:    charge(order='o-1', cents=5)", "unexpected: sleep(60)",
    ]  # fmt: skip
    assert compared([sleep(1), sleep(2)], [sleep(2), sleep(1)]) == [
        head, "the same commands in another order:", "  left : sleep(1)", "  left : sleep(2)", "  right: sleep(2)",
        "  right: sleep(1)",
    ]  # fmt: skip
    assert compared([1], [2]) is compared([], []) is compared("a", "b") is None


def test_the_plugin_imports_nothing_of_ours() -> None:
    """A run that uses none of it pays for one small module: yieldflow itself is not imported."""
    if not HERE.exists() and importlib.util.find_spec("yieldflow_pytest") is None:
        pytest.skip("the plugin is not installed here")
    code = (
        f"import sys; sys.path.insert(0, {str(HERE)!r}); import pytest; before = set(sys.modules); "
        "import yieldflow_pytest; print(*sorted(set(sys.modules) - before))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert printed.split() == ["yieldflow_pytest"]
