"""Stored values: JSON where that is exact, else a pickle.

Arguments, results, signals, progress and failures make a round trip through the codec in both directions. So the first
run sees exactly what a replay sees, and nothing shares a mutable object with a workflow.

Each call of an activity or a workflow also has its own copy of the defaults that are mutable, which are those that
cannot be hashed (`seen=[]`). A default that is known by its identity (a client, a mark for what was left out) is the
same in all of them; so is one that `copy.deepcopy` cannot copy, and what a direct call of `.fn` gets.

`codec="pickle"`, the default
    a value that comes back from JSON exactly as it was is stored as JSON text, and any other as a pickle. A class is
    pickled by reference; by value only where it has no reference (a notebook's class, a closure)
`codec="json"`
    refuses pickles both ways: `EncodingError` says which part of the value, and what to pass instead

Pickles run code when they are loaded: open only files that you trust, or use `codec="json"`. Nothing that only looks
(statuses, listings, histories) loads one under any codec: a pickled value shows there as `'<pickled, 49 bytes>'`, and
`handle.result()` returns it.

An exception is raised again as its own type, with notes that name the step and hold the activity's traceback. One that
cannot be stored and built again (it holds a lock, say, or its class is local) arrives as `ActivityError`, with type,
message and traceback. Which of the two is recorded, so that a replay does the same.
"""
