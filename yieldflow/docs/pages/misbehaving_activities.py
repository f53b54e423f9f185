"""Misbehaving activities, and the consequence of each misdeed.

raises `SystemExit`, `KeyboardInterrupt`, `MemoryError`, `Cancelled`
    a failed attempt like any other; all but the `MemoryError` arrive as `ActivityError`
raises an exception that cannot be pickled, or not be built again
    it arrives as `ActivityError`, with type, message and traceback
returns a generator, a socket, whatever cannot be stored
    it fails with `EncodingError`, which says what it was; not tried again, since the work was done
fails with a huge message
    the message is cut to its beginning and end, of a million characters; an exception of over 100 million bytes
    arrives as `ActivityError`
beats with huge details
    above ten million bytes `heartbeat()` raises `EncodingError`
returns 200 MB
    stored; above SQLite's limit of a billion bytes it fails with `EncodingError`
changes its arguments, or a mutable default
    nothing else sees it: each attempt gets its own
makes commands (`sleep(1)`, `set_progress(...)`, `uuid4()`), or calls another activity
    `MisplacedCallError` at the call, with what to write there: `time.sleep(1)`, `other.fn(...)`. A workflow may be
    called, to submit it; dropped at once, it is the same error. A module that is imported may keep commands, and so may
    a test that an activity runs with `yieldflow.testing`. Not noticed in a thread that the activity starts itself
never returns
    with a `timeout`: the attempt fails, another thread takes its place, and the log tells of the thread. Without one,
    or once it is cancelled, it keeps its worker. `health().attempts` lists every attempt that holds a worker, since
    when and why; and where work waits and nothing has begun for a minute, a warning lists them once
forks
    the parent goes on. A child that comes back from the activity exits there as a program does: with 0, with what
    `sys.exit` was given, or with its traceback and 1. On the event loop it exits at its first `await`, with 1
starts threads
    they are its own; `activity_context()` is not for them
starts programs
    they are its own: where its worker process is killed, they live on
has an exception be raised in another thread, as libraries of time limits do
    in an activity it is that one's failure. Where it comes too late and strikes the worker itself, the thread goes on,
    the log says so, and an attempt whose end is not known fails with `WorkerDiedError`
kills its process
    in a worker process: `WorkerDiedError`. On a thread: everything goes on at the next start; see `recovery`
calls the orchestrator
    it may, but `stop()` is refused with `MisplacedCallError`. While it waits for a workflow it keeps its thread, and
    another works in its place: `max_concurrent` bounds them
"""
