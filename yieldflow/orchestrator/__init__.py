"""`Orchestrator` and `WorkflowHandle`, which users hold, and everything behind them.

`gateway` decides whether a call goes to the owner's session or to the file as a client's; `session` is the running
owner, `session_thread` has it from its start to its `ending`, and `session_control` asks for both. `submissions` and
`selection` check arguments, `results`, `watches` and, in a client, `polling` wait for an end, `retry_plan` and
`retry_point` decide how far a workflow goes back. Users see `descriptions`, `health`, `workflow_history` and
`replay_check`.
"""
