"""Tests of whole systems: processes that are killed, drives that lose power, many clients, load, and the simulation.

That nothing is lost in a crash is proved once at each level, from the inside out. A new promise goes to the first level
that can prove it; a plan that the simulation finds goes to `tests/simulation/found_plans.py`.

| promise | against | proved in |
|---|---|---|
| a replay issues the same commands | a crash after each step of the core | `core/test_crashes.py` |
| a user's workflow bears every schedule | orders, failures and crashes explored | `testing/test_explore.py` |
| a commit is whole or not there | errors inside a transaction, both stores | `store/test_store_*.py` |
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

The laws of the design and what users are promised beside them are proved here first, and elsewhere only as far as
another layer adds to them.

| promise | proved in |
|---|---|
| nothing leaves before its commit; many changes cost one commit | `scheduler/test_turn.py` |
| the core is pure, imports lead downwards | `project/test_layout.py` |
| a mismatch stalls, and never ends | `core/test_replay_mismatch.py`, `scheduler/test_stalled_*.py` |
| a forgotten or wrong `yield` is reported with its line | `core/test_unyielded.py`, `core/test_refused_yields.py` |
| a cancelled workflow cleans up, once | `core/test_cancelling.py`, `orchestrator/test_cancelling_workflows.py` |
| a request reaches a workflow wherever it is, from owner or client | `scheduler/test_requests.py` |
| a signal is received once, in the order sent | `scheduler/test_signal_delivery.py`, `orchestrator/test_signals.py` |
| ends of children and of parents reach each other | `scheduler/test_children.py`, `scheduler/test_parent_*.py` |
| retries and time limits go by the options | `scheduler/test_attempts.py`, `scheduler/test_*_timeouts.py` |
| a retry and a fork keep the past alone | `orchestrator/test_retrying.py`, `orchestrator/test_forking.py` |
| an activity's bad habits hurt its workflow alone | `orchestrator/test_misbehaving_activities.py`, `workers/` |
| values come back as they were, or are refused | `codec/`, `sqlite/test_untrusted_files.py` |
| both stores do the same; SQLite's rows fit together | `store/test_store_agreement.py`, `sqlite/test_invariants.py` |
| a session reads no more of what was left than there is room for | `scheduler/test_recovery_by_pages.py` |
| files of older versions go on | `sqlite/test_older_schema_versions.py` |
| code may change under unfinished workflows | `orchestrator/test_versions.py`, `orchestrator/test_replay_check.py` |
| a stepped workflow does what the engine does | `testing/test_stepper.py`, `testing/test_run_workflow.py` |
| public names, types and examples are as documented | `project/`, `docs/` |
"""
