"""Choose how values are stored, and how durably.

``codec="json"`` refuses pickles both ways. ``durability="normal"`` is faster, and a loss of power may take the latest
commits.

More: `python -m yieldflow docs values`
"""

from decimal import Decimal
from fractions import Fraction
from tempfile import TemporaryDirectory

from yieldflow import EncodingError, Flow, Orchestrator, activity, workflow


@activity
def half(value: Decimal) -> Decimal:
    return value / 2


@workflow
def halve(value: Decimal) -> Flow[Decimal]:
    return (yield from half(value))


with TemporaryDirectory() as folder:
    with Orchestrator(f"{folder}/values.db", durability="normal") as orchestrator:
        handle = orchestrator.submit(halve(Decimal("1.50")))
        assert handle.result(timeout=30) == Decimal("0.75")
        assert handle.describe().output == {"$decimal": "0.75"}  # what only looks shows the JSON that is stored

    with Orchestrator(f"{folder}/plain.db", codec="json") as orchestrator:
        try:
            orchestrator.submit(halve(Fraction(3, 2)))  # type: ignore[arg-type]  # it has no JSON
        except EncodingError as error:
            assert "value" in str(error)  # which argument
            assert "Fraction" in str(error)
        else:
            raise AssertionError("a Fraction has no JSON")
