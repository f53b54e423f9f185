"""Loss of power, at the level of SQLite's files: whatever was not synced may be gone, torn, or there in another order.

    python -m tests.power --losses 5000 [--seed S] [--durability full|normal]

`drive` keeps what a drive would have after a loss of power. `vfs` puts it under SQLite: every write, sync, truncation
and deletion of the engine's connections passes through it. `losses` runs seeds of the simulation on such a drive: where
those kill the process, the power goes too, at a moment in the midst of a commit or between two. Then the remains are
held against what was acknowledged, and the engine goes on from them.

The connections under test are `apsw`'s, since Python's own `sqlite3` takes no VFS: another copy of SQLite, and the same
SQL. What was left is looked at, and worked off in the end, by the `sqlite3` that users have.
"""
