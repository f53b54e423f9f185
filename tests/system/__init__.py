"""Tests of whole systems: processes that are killed, drives that lose power, many clients, load, and the simulation.

That nothing is lost in a crash is proved once at each level, from the inside out. A new promise goes to the first level
that can prove it; a plan that the simulation finds goes to `tests/simulation/found_plans.py`.

| promise | against | proved in |
|---|---|---|
| a replay issues the same commands | a crash after each step of the core | `core/test_crashes.py` |
| a user's workflow bears every schedule | orders, failures and crashes explored | `testing/test_explore.py` |
| a commit is whole or not there | errors inside a transaction, both stores | `sqlite/test_store_*.py` |
| every command and request survives | a crash around each commit | `scheduler/test_crash_at_every_commit.py` |
| a request is carried out once | a crash or failure in every place | `scheduler/test_requests_and_failures.py` |
| a failed commit loses and doubles nothing | single failures at chosen moments | `scheduler/test_failed_commits.py` |
| a culprit is set aside, a bystander not | crashes over many sessions | `scheduler/test_crash_loops.py` |
| all promises at once, in any mix | all that a seed draws | `simulation/`, `system/test_simulation.py` |
| the engine goes on when the disk does | a real disk: full, read-only or locked | `sqlite/test_disk_faults.py` |
| acknowledged work outlives a kill | SIGKILL at random moments | `kills/`, `system/test_killed_processes.py` |
| acknowledged calls outlive their clients | SIGKILL of clients beside the owner | `system/test_many_clients.py` |
| acknowledged work outlives a power loss | unsynced sectors lost or torn | `power/`, `system/test_power_loss.py` |
| one owner at a time, and always one | kills of owners, races | `orchestrator/test_takeover.py`, `takeover.py` |
| damage concerns its own workflow only | bytes changed from outside | `sqlite/test_damaged_rows.py`, `damage.py` |
| every workflow ends under load | bad activities, a stop in their midst | `load.py`, `system/test_load.py` |
"""
