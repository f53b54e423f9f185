"""The whole engine in a deterministic simulation: one seed draws the workflows, what the world does, and every fault.

    python -m tests.simulation --seeds 1000 [--seed S] [--store memory|sqlite] [--jobs N]

`plan` draws from a seed what is to happen, as plain data: `programs` the workflows, `plan` the clients' calls and the
faults. `code` is the deployed code that interprets a program. `world` drives `Scheduler.turn` with a clock, a disk
(`disk`), workers (`crew`) and clients (`clients`) of its own, and `ledger` keeps the books from outside: what was
acknowledged, applied and done, and whether what the engine does next fits. The rules that it goes by are beside it:
about signals in `letters`, about what is asked and why something ends in `asking`, about children in `children`, about
time in `punctual`, about what code sees in `seeing`, about who may still wait when nothing is to come in `waiting`.
`comparing` holds the disk against the books after every turn, `ending` looks at the end. `seeds` runs a seed, `shrink`
makes a failing plan small.

Nothing here sleeps, reads a clock or draws from global randomness: the same seed gives the same trace, byte for byte.
"""
