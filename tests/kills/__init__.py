"""Real processes killed at random moments, again and again, with books kept from outside.

    python -m tests.kills --kills 2000 [--seed S]

A round is one file: `tests.support.programs.crowd` runs on it with workflows of every kind, is killed so many times,
and is at last let run to its end. `disk` reads what a kill has left; `books` compares that with what was acknowledged,
with the effects that the activities noted, and with what stood there before; `rounds` runs a round.

A seed draws the moments of the kills. What a process has come to by then is its own affair, so a seed repeats a failure
only now and then.
"""
