"""Stored values: JSON, with tags for what JSON has no type for.

Arguments, results, signals, progress and failures make a round trip through the codec in both directions. So the first
run sees exactly what a replay sees, and nothing shares a mutable object with a workflow.

Each call of an activity or a workflow also has its own copy of the defaults that are mutable, which are those that
cannot be hashed (`seen=[]`). A default that is known by its identity (a client, a mark for what was left out) is the
same in all of them; so is one that `copy.deepcopy` cannot copy, and what a direct call of `.fn` gets.

`codec="pickle"`, the default
    every value is JSON text. What JSON has no type for is an object whose first key is a tag, at the place where it
    stands: `{"$decimal": "12.50"}`, `$datetime`, `$date`, `$time`, `$timedelta`, `$uuid`, `$bytes`, `$tuple`, `$set`,
    `$frozenset`, `$dict` (keys that are no text, or begin with `$`), `$float` (nan, infinities), `$int` (of over 4,300
    digits), `$str` (surrogates), `$complex`, `$range`, `$path`, `$enum`, and `$object` for the instances of structured
    classes, such as dataclasses: `{"$object": "shop:Order", "id": "o-1", "total": {"$decimal": "12.50"}}`. What none
    of these says is pickled in its place, with its type and repr beside it: `{"$pickle": "...", "type":
    "numpy.ndarray", "repr": "array([1, 2])"}`
`codec="json"`
    the same without `$pickle`, both ways: `EncodingError` says which part of the value, and what to pass instead

A text with tags begins with a space. Without it, an object with such a key is plain data. Classes and functions are
stored by reference, and found again under that: one that is made in a function, or a lambda, is refused. A value that
stands in two places becomes two equal ones, and one that contains itself is refused.

Pickles run code when they are loaded: open only files that you trust, or use `codec="json"`. Nothing that only looks
(statuses, listings, histories) loads one under any codec: they show the JSON as it is stored, and `handle.result()`
returns the value. A value that an older version pickled whole shows as `'<pickled, 49 bytes>'`.

An exception is raised again as its own type, with notes that name the step and hold the activity's traceback. One that
cannot be stored and built again (it holds a lock, say, or its class is local) arrives as `ActivityError`, with type,
message and traceback. Which of the two is recorded, so that a replay does the same. An `ExceptionGroup`, or another
exception that holds one, is itself also where a member is of that kind: there is an `ActivityError` in its place.
It is stored as `{"$exception": "shop:Declined", "args": ["no funds"], "order": 7}`: class, arguments, and attributes.
`codec="json"` builds built-in exceptions, yieldflow's own, and those that are named with `Registry.types`.
"""
