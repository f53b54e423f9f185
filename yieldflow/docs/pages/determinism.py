"""Determinism: what a workflow may do, and what replay asks of it.

A workflow must be deterministic: given the same outcomes, it must yield the same commands. After a crash it is
built again by replay: its function is called anew, and each `yield` whose outcome is recorded gets that outcome.
So no `time.time()`, `random`, `os.environ`, global counters, iteration over a set of strings, or input and output
in a workflow: use `now()`, `random()`, `uuid4()`, or an activity.

Most slips fail the workflow's first `Stepper` test, and show up as a mismatch on replay. Not all: a set that is
turned into a list, and only then gone through, is not noticed.

Order
    One outcome is applied; then every branch that can go on is driven, first in first out, until all wait; only then
    is the next outcome applied. So the outcomes in the order applied decide everything. `now()` is the time of the
    outcome that is being applied.

A forgotten yield
    It is reported with its line, for every command. To pass on or return what was not yielded is an error, and so is
    `if command():`. Two slips are not seen:
    - a helper generator that is called and not yielded: Python itself says nothing of it;
    - `yield from` over a generator expression, which runs its activities one by one and loses what they return.
      A type checker sees that, the library does not. Write `gather(*(...))`.

Cleaning up
    Plain Python in a workflow's `finally` also runs when its generator is closed: at `stop()`, when the workflow
    stalls, and when a commit fails. What is to be done once is an activity.

Context variables
    A workflow is driven, replayed and closed in a `contextvars` context of its own, which is empty at first; each of
    its branches has a copy, as asyncio's tasks have. So `decimal.localcontext()`, numpy's `errstate` and whatever else
    is kept in a context variable holds in the workflow that set it, also after a replay, and nowhere else. All of it
    runs on the scheduler's thread, also at `stop()`. What is kept for a thread or a process reaches every other
    workflow: `threading.local`, `warnings.catch_warnings` (before Python 3.14), `locale.setlocale`, `os.environ`,
    `random.seed`. Leave it alone in a workflow, or set it back before the next `yield`.

A logger from `get_logger` is silent while a workflow is replayed, so each line is said once.
"""
