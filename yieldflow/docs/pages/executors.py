"""The places where activities run: threads, an event loop, worker processes, executors of your own.

a plain function
    runs on a thread, `max_workers` of them at once. A thread cannot be killed: see `guarantees`
an `async def`
    runs on one event loop with all the others, thousands at once. It is cancelled where its time runs out or its
    branch is cancelled. What blocks in it blocks all the others: a warning names it. In it, `await handle` takes the
    place of `handle.result()`, and what it hands to `asyncio.to_thread` may call `activity_context()` too
`executor="process"`
    runs in a worker process, `max_processes` of them at once, for work that keeps a processor busy. It is killed
    where its time runs out or its branch is cancelled. One that dies (out of memory, a crash in C) is one failed
    attempt, with `WorkerDiedError`. Worker processes are started by *spawn*: they import the program's file, so
    what starts an orchestrator stands under `if __name__ == "__main__":`
`executor="NAME"`
    runs in `Orchestrator(executors={"NAME": ...})`, any `concurrent.futures.Executor`. It stays yours

Wherever it runs, each attempt begins with an empty `contextvars` context: it finds nothing that another attempt, the
caller of `start()` or the executor's own work has set there (`decimal.getcontext()`, numpy's `errstate`). A `Tracer`
may set something for the attempts on threads and on the event loop. What is kept for a thread (`threading.local`) or a
process (globals, `os.environ`) stays.

`max_concurrent` bounds the attempts at one activity that run at once, so that one slow kind does not keep all workers.

While an activity on a thread waits for a workflow (`handle.result()`, `orchestrator.run(...)`), another thread works
in its place.
"""
