"""The guarantees, and their limits.

Guaranteed

- An activity runs **at least once**, and never again once its outcome is checkpointed. If the process dies between an
  activity's effect and its checkpoint, the activity runs again: make it idempotent where that matters, with
  `activity_context().idempotency_key`.
- A submission that was acknowledged is on disk. So is every outcome that a workflow has seen.
- Nothing leaves before its commit. If a commit fails, nothing of it is shown or dispatched; the outcomes that had
  arrived are kept and tried again.
- Attempts at an activity, and the time of the next one, are on disk: an hour without a process loses no attempt and
  makes none fail. What waits (a retry, a sleep, a signal) holds no thread.
- A signal that was acknowledged is received once, in the order sent, by a workflow that waits for it before it ends.
- What ended in time has ended in time: where a workflow that blocks, or another program's lock, holds everything up, no
  time limit, `wait_for` or race overtakes an outcome or a signal that came before its moment. (A child has ended once
  that is on disk.)
- However the system's clock is set, and though the machine sleeps, an attempt at an activity has the time that its
  limits give it, measured while the machine is awake. A sleep, a `wait_for`, a delay, a pause before a retry and the
  time of a workflow last as long as they were told, with the machine's sleep, in a process that saw them begin. Only
  `sleep_until` ends when the system's clock shows that time.
- A run of a child is cancelled once, however often the process dies in between.
- A workflow whose code no longer fits its history is set aside, and never fails for it: see `changing-code`.
- One started orchestrator for each file: see `ownership`.
- A row of the file that was changed by hand, or that lost some bits, sets one workflow aside at most: a listing shows
  it as `stalled`, with the row, the column and the value, and all others go on.
- A new file is readable by its owner only. SQL is made of constants with parameters.
- Nothing is deleted by itself: finished workflows stay in the file until `delete` or `purge`.
- Each failure of the disk has a defined consequence: see `disk`.

Not guaranteed

- Exactly once: see the first line.
- A workflow that is not deterministic: see `determinism`.
- A thread cannot be killed: an activity that never returns and has no `timeout` keeps its worker, and each one whose
  time ran out keeps a thread until it returns.
- A row that was changed by hand and still fits is not noticed.
- On disk there are points in time, by the system's clock. Where that was set since they were written, the process that
  finds them ends a sleep earlier or later by as much; so does the same process with what left memory long before.
- A drive that says that it has written what it has not takes the latest commits along when the power goes, and may
  leave a damaged file.
- Windows is untested: the lock and the paths are portable, but the exit without `stop()` and `kill -9` have not been
  tried there.
"""
