"""Cancellation, suspension and termination.

A branch that is cancelled gets `Cancelled` thrown once, at the `yield` where it waits. It is no `Exception`, so that
`except Exception` lets it pass. `except Cancelled` and `finally` may yield activities to clean up, and that is waited
for. A workflow that catches it and returns is `done`. One that lets it pass is `cancelled`, and `result()` and its
parent see `WorkflowCancelledError`.

What cancels

    `handle.cancel()`
        the workflow, at each of its branches. A sleeping workflow wakes, and a suspended one goes on in order to end
    `@workflow(timeout=...)`
        the workflow when its time is over, in the same way; it then fails with `WorkflowTimeoutError`
    a command of a `gather` that fails
        all others of it; then the failure is raised
    a `race` or a `wait_for` that is decided
        all that it no longer waits for
    `cancel(task)`
        the task

What is cancelled

    an activity that has not begun
        never runs
    an activity under way
        is no longer waited for. With `on_cancel="wait"` it is waited for before anything else happens: for money
    a branch
        gets `Cancelled`, as above
    a child
        goes by its `on_parent_end`: it is cancelled and its cleanup waited for (`"cancel"`), waited for (`"wait"`), or
        left alone (`"abandon"`)

`handle.terminate()` ends a workflow at once, without cleanup. `handle.suspend()` pauses one: what it has begun goes on,
and outcomes are recorded and applied once it is resumed.
"""
