"""Testing workflows: `yieldflow.testing`.

`Stepper` steps a workflow by hand. `run_workflow` runs one to its end in virtual time. `explore` tries every order,
failure and crash. `replay` checks a recorded history against the code of the day.

A workflow that is not deterministic fails its first test: after every event the stepper builds it again from its
history, at another time, with other values in `os.environ`, other random numbers, another order of sets. Where it does
something else then, the error has both sides, the line, its variables, and what it looked at.

A test that fails since its workflow failed is told so: an error of the test kit ("not all was used", "nothing is
pending") begins with the workflow's own exception and is chained to it, and pytest shows the test's lines, not those of
the kit (with `--full-trace` all).

`print(flow)` shows where a stepped workflow stands:

    delivery(order_id='o-1')   processing   2026-01-01 00:00:00

    steps
      0  charge(order='o-1', cents=500)   shop.py:11   -> 'receipt'
      1  wait_signal('approve')           shop.py:12   -> {'by': 'ann'}
      2  sleep(86400)                     shop.py:12   cancelled
      3  deliver(order_id='o-1')          shop.py:13   attempt 1: ConnectionError: down

    waits for
      delivery                     shop.py:13
      └─ deliver(order_id='o-1')   shop.py:13   attempt 2 in 0.9 s
"""
