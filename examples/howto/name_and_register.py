"""Name things, and keep registries apart.

The name is what is on disk: keep it when you rename the function. Two definitions under one name are an error that
says where both are.

More: `python -m yieldflow docs registry`
"""

from tempfile import TemporaryDirectory

from yieldflow import DuplicateDefinitionError, Flow, Orchestrator, Registry, Workflow, activity, workflow


class Bank:
    def transfer(self, cents: int) -> int:
        return cents


bank = Bank()
transfer = activity(bank.transfer, name="transfer")  # a bound method; `self` is never stored
registry = Registry()


@workflow("nightly", registry=registry)  # a name of its own, in a registry of its own
def nightly_transfer() -> Flow[int]:
    return (yield from transfer(100))


try:

    @workflow("nightly", registry=registry)
    def another() -> Flow[int]:
        return (yield from transfer(200))

except DuplicateDefinitionError as error:
    assert str(error).count(__file__.rpartition("/")[2]) == 2
else:
    raise AssertionError("the name is taken")


def payout(bank: str) -> Workflow[[], str]:
    @workflow(f"payout {bank}", registry=registry)  # without a name of its own, the latest would stand for all
    def run_payout() -> Flow[str]:
        yield from ()
        return bank

    return run_payout


first, second = payout("first"), payout("second")

with TemporaryDirectory() as folder, Orchestrator(f"{folder}/bank.db", registry=registry) as orchestrator:
    workflow_id = orchestrator.invoke_workflow("nightly")
    assert orchestrator.handle(workflow_id).result(timeout=30) == 100
    assert [orchestrator.run(first()), orchestrator.run(second())] == ["first", "second"]
