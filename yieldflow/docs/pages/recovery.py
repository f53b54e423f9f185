"""Stop, crash, and go on.

`stop()`, or leaving the `with` block, begins nothing new, waits for the activities that are running (at most `timeout`
seconds, if given), and leaves the rest for the next start. Without `stop()` the interpreter exits promptly, and
nothing is lost. `start()` takes up every unfinished workflow, and so does the start after a crash.

A program that only serves calls `run_until_signalled()`, which stops on SIGTERM and Ctrl-C. In a signal handler of your
own `stop()` returns at once, since what the signal interrupted may be what it would have to wait for; it goes on behind
it, and the interpreter waits for it when it exits. `start()` and `stop()` are carried out whole on a thread of their
own: cut short anywhere, by Ctrl-C say, the orchestrator is started or stopped, and can be started again.

A workflow that takes the process down again and again is set aside as `stalled` after `max_recovery_attempts` (10)
starts in a row at which it was taken up and the process died before its next checkpoint. Progress or a clean stop sets
the count back to 0. Others that were there are not blamed: from half that number on, suspects are taken up one at a
time.

An attempt at an activity that the death of the process cut short is made again under the same number: a retry
policy's `maximum_attempts` counts those that failed. Sleeps, retries and the time limits of workflows are due at their
moment, and are made up for at the start where no process ran then.

A workflow that waits for over a minute leaves memory, and sooner where over 10,000 are there; but not where closing
its generator would run its code: where it waits inside a `with`, or a `try` with a `finally`, a bare `except` or an
`except BaseException`. Inside `try: ... except WaitTimeoutError:` it leaves (what is understood after `except` is names
of exceptions, global ones or a module's). It is built again, by replay, when what it waits for comes.

`stop(timeout=...)` bounds the wait for activities, not for workflow code that blocks, nor for a commit that waits for
another program's lock (5 s, and 5 s more for the last one). Ctrl-C ends the wait for it: the session then ends behind
the program's back as soon as it can, and a `start()` waits for that.
"""
