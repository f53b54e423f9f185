"""The whole engine in a deterministic simulation: one seed draws the workflows, what the world does, and every fault.

    python -m tests.simulation --seeds 1000 [--seed S] [--store memory|sqlite] [--jobs N]

| module | what it is |
|---|---|
| `plan`, `programs` | all that is to happen, drawn from a seed as plain data, and made small if it fails |
| `deployed_code` | the workflow that interprets a program, and its activities |
| `world` | the clock, and one session of the engine after the other |
| `faulty_store`, `workers`, `clients` | the disk, the workers and the callers of that world |
| `promises` | all that is held to, by name |
| `books`, `ledger` | what is true, kept from outside; each commit is entered and checked |
| `delivery_checks` | requests, signals, ends of children, and what code sees |
| `context_checks` | what code finds in its context variables |
| `attempts` | retries, time limits of activities, and counted recoveries |
| `liveness_checks` | nothing too early, nothing too late, nothing forgotten |
| `rewinds` | what a retry, a fork and a deletion leave |
| `disk_checks` | the disk against the books, and in the end each history against a replay |
| `seeds` | runs one seed or many, and prints what happened |
| `engine_internals` | all private names of the package that the simulation needs |
| `breakages`, `breakages_elsewhere`, `breakages_of_lifecycle` | the engine broken on purpose: each has to be found |
| `found_plans` | plans that broke a promise once |

Nothing here sleeps, reads a clock or draws from global randomness: the same seed gives the same trace, byte for byte.
"""
