"""The check that a workflow is deterministic: it is run a second time on its own history, as if in another process."""
