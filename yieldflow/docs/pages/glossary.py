"""The words: one word for one thing, in the documentation, the code, the tables and the messages.

workflow
    a generator function under `@workflow`; calling it makes an invocation and runs nothing
activity
    a function under `@activity`; calling it makes an invocation and runs nothing; `.fn` is the plain function
invocation
    an immutable value: which activity or workflow, with which arguments; equal by value
command
    whatever may be yielded: an invocation, `sleep`, `wait_signal`, `gather`, ...
step
    one leaf command of one workflow, numbered in the order issued, from 0
outcome
    what became of a step: a value or a failure. *Recorded* when it is durable; *applied* when the generator has
    received it
history
    a workflow's outcomes, and the inputs that have no step, in the order applied
checkpoint
    the commit that applies outcomes and stores the steps that they led to
replay
    building a generator again by applying its history
run
    one pass from start to end; `continue_as_new` begins the next under the same workflow id
branch
    a generator running concurrently inside a workflow
task
    something that goes on in the background of a workflow, made by `start`
signal
    a named message to a workflow, kept until it is received
child
    a workflow that another one started, and waits for
attempt
    one try at an activity; a retry policy says whether a failed one is followed by another
host
    what drives the core: the scheduler, the stepper
stand-in
    what is called in the place of an activity or a child in a test
schedule
    which of the things that can happen to a workflow do happen, in which order
"""
