"""Everything that a workflow may yield.

`value = yield from command` resumes with the value and is typed; `value = yield command` does the same and is
typed `Any`. Either raises what the command raised.

an activity, called: `charge("o-1", 500)`
    resumes with its result, or raises its exception
a workflow, called: `parcel(1)`
    starts it as a child, with a history of its own, and resumes with its result, or raises its exception. Its id is
    made of the parent's, the run and the step, or given: see `WorkflowInvocation`. An id that is in use raises
    `WorkflowAlreadyExistsError`
a helper generator, called: `helper("o-1")`
    runs it as if its lines stood there. In `gather`, `race`, `wait_for` and `start` it is a branch: it runs
    concurrently, with steps of its own. A generator that has started already is refused
a task
    waits for it: see `start`

The other commands are functions of `yieldflow`. `now`, `uuid4`, `random`, `info`, `set_progress`, `take_signals` and
`patched` resume at once.
"""
