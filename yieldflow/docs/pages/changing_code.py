"""Changing a workflow that is under way.

On replay each step is compared with the recorded one: kind, name, arguments, and when it was issued. If the code does
something else, the workflow becomes `stalled`, with both sides in `reason` (and in the log). It never fails for it:

    workflow 'order' (o-1) no longer does what its history records, at step 1:
      recorded: activity charge(order='o-1', cents=500) at shop.py:12
      yielded:  activity refund(order='o-1') at shop.py:12

Put the code right, then restart, or register it again (a reload does), and the workflow goes on. A workflow whose code
is not registered stalls too, and a later registration wakes it.

No change, to a replay
    What an activity does may change freely. So may its options, and a new parameter with a default. Renaming a
    function is no change where its name on disk stays: `@activity(name="charge")`. Arguments are unchanged where `==`
    says so; where it cannot (an array, an object without `__eq__`), where all that they hold is.

A change that old workflows must not see
    `if (yield from patched("check-first")):` is False where this run is already past here without it. Or keep the old
    code under its name, and give the new one another. `@workflow(version="2")` is kept with each workflow, and shown
    on a mismatch.

Before a deploy
    `python -m yieldflow check-replay shop.db my.workflows` replays every unfinished workflow of a file under the code
    at hand, reads all their stored values (a signal that waits, say, whose class has changed), and writes nothing. Add
    `--main app.py` where the main script defines workflows or classes of values: see `command-line`.
    `Orchestrator.check_replay` does the same from a program.
"""
