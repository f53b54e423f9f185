"""Logging: what yieldflow says, and what a workflow says.

yieldflow logs to `logging.getLogger("yieldflow")`. A warning or an error there is

- a workflow that failed or stalled;
- a command that was made and never yielded, with the line;
- workflow code that blocks the scheduler for more than a second, and an async activity that blocks the event loop, each
  with the stack;
- a run of more than ten thousand steps: see `continue_as_new`;
- a thread that goes on after its attempt's time is over;
- a disk that fails;
- a file that is waited for and that no orchestrator has started.

A workflow logs with a logger of `get_logger`.

For all that yieldflow logs, and what workflows log with `get_logger`, handlers and filters are called on a thread of
their own: they may be slow, raise anything, and call the orchestrator. What they raise is printed to ``sys.stderr``.
`start()`, `stop()`, `result()` and ``await handle`` give them a second, at most, to catch up. In a workflow a logger of
`logging.getLogger` calls them on the scheduler's thread: a handler that calls the orchestrator is refused there, and
the workflow fails of it.
"""
