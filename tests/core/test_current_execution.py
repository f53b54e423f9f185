"""Each thread drives executions of its own, whatever contexts are copied from thread to thread."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from tests.core.driver import Body, Driver, clean_up, fetch
from yieldflow import Flow
from yieldflow._core.context import driving


def test_threads_with_copies_of_one_context_drive_side_by_side() -> None:
    """Two workflows driven at once, as `asyncio.to_thread` would, each know their own commands and no others."""
    both = threading.Barrier(2, timeout=30)

    def fetching() -> Flow[str]:
        both.wait()
        command = fetch("a")
        both.wait()
        yield command
        return "fetched"

    def cleaning() -> Flow[str]:
        both.wait()
        command = clean_up("b")
        both.wait()
        yield command
        return "clean"

    def work(body: Body) -> tuple[str, list[tuple[str, str]]]:
        run = Driver(body, name=body.__name__)
        slips = [*run.advance.unyielded, *run.resolve(0).unyielded]
        run.close()
        return run.result, slips

    def begin() -> Flow[None]:
        yield fetch("once")

    # The copies are of a context in which a workflow was driven already.
    Driver(begin).close()
    with ThreadPoolExecutor(2) as pool:
        begun = [pool.submit(copy_context().run, work, body) for body in (fetching, cleaning)]
        saw = [future.result() for future in begun]

    assert saw == [("fetched", []), ("clean", [])]


def test_another_thread_makes_commands_that_are_nobody_s() -> None:
    """A thread that has a copy of the workflow's context is not driven: what it makes is not the workflow's."""
    there: list[object] = []

    def asking() -> Flow[None]:
        context = copy_context()

        def work() -> None:
            there.append(driving())
            fetch("for another workflow")

        thread = threading.Thread(target=context.run, args=(work,))
        thread.start()
        thread.join()
        yield fetch("a")

    run = Driver(asking)
    run.resolve("fetch a")

    assert (run.status, there, list(run.advance.unyielded)) == ("done", [None], [])
    run.close()
