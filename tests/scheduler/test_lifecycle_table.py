"""The life of a workflow is a table: whatever happens in whichever phase, it goes by the table, and nothing is lost.

Every case brings a workflow into a phase, has one thing happen to it, has one thing go wrong meanwhile, and has all go
on to the end. On the way `play` checks that memory holds nothing of what rests, that no timer is left for what nobody
waits for, that each row says when the workflow is due, and that each caller is answered once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.support.lifecycle import CHILD
from tests.support.lifecycle_cases import DISTURBANCES, INPUTS, NOTHING, PLACES, Seen, play
from yieldflow import WorkflowEndedError, WorkflowNotFoundError, WorkflowStalledError, WorkflowStatus
from yieldflow._core.errors import InternalError
from yieldflow._core.history import TRANSITIONS, check_transition
from yieldflow.scheduler.lifecycle import PHASES, Phase, TrackedWorkflow, Workflows
from yieldflow.store import RequestKind

#: All cases: a place, what happens there, and what goes wrong, which is another thing in the neighbouring case.
CASES = [
    (place, happens, DISTURBANCES[(row + column) % len(DISTURBANCES)])
    for (row, place), (column, happens) in product(enumerate(PLACES), enumerate(INPUTS))
]
each_place = pytest.mark.parametrize("place", PLACES)


#: Where it turns out later whether its code can run: what is asked is refused, or carried out.
DEPENDS = "it is cancelled while its code is wrong"


def check_end(place: str, happens: str, disturbance: tuple[str, int], file: Path | None = None) -> None:
    """See that a case ends as it does where nothing goes wrong, or that what was asked was refused."""
    expected, seen = play(place, happens).ends, play(place, happens, disturbance, file).ends
    how, is_stalled, case = disturbance[0], PLACES[place].status == "stalled", f"{happens}, {disturbance}"
    if how == "value refused":
        # It stalls; what is asked of it then is refused, and a client's request is in the log.
        assert seen.get("w") in (expected.get("w"), play(place, "nothing").ends.get("w")), case
    elif "crash" in how and (happens == DEPENDS or (is_stalled and happens == "cancel by a client")):
        # The next session tries it again.
        assert seen["w"] == expected["w"] or seen["w"].status == "cancelled", case
    else:
        # When it was cancelled again, its child may have begun, or not yet.
        assert {**seen, CHILD: None} == {**expected, CHILD: None}, case
        assert seen.get(CHILD) == expected.get(CHILD) or "cancel" in happens, case


@each_place
def test_a_case_ends_the_same_whatever_goes_wrong(place: str) -> None:
    """A commit that fails, a value that is refused, a disk that cannot be read, and a crash change no end."""
    for there, happens, disturbance in CASES:
        if there == place:
            check_end(place, happens, disturbance)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.slow)])
@each_place
def test_a_file_goes_by_the_table_too(place: str, every: int, tmp_path: Path) -> None:
    """On SQLite a case ends as it does in memory."""
    for number, (there, happens, disturbance) in enumerate(CASES):
        if there == place and number % every == 0:
            check_end(place, happens, disturbance if number // every % 3 else NOTHING, tmp_path / f"{number}.db")


# ---------------------------------------------------------------------- answers


@each_place
@pytest.mark.parametrize("kind", RequestKind)
def test_a_caller_is_told_by_the_status(place: str, kind: RequestKind) -> None:
    """Of an unknown workflow, of one that has ended, and of a stalled one that cannot clean up, a caller hears so."""
    needs_code = kind in (RequestKind.CANCEL, RequestKind.SUSPEND)
    refusals: dict[str, type | None] = {
        "unknown": WorkflowNotFoundError,
        "stalled": WorkflowStalledError if needs_code else None,
        **{status: WorkflowEndedError for status in WorkflowStatus if status.ended},
    }
    assert play(place, f"{kind} by the owner").errors == [refusals.get(PLACES[place].status)]


# ---------------------------------------------------------------------- the tables


def played() -> Iterator[Seen]:
    """Play cases, first those in which nothing goes wrong."""
    for place, happens, _ in CASES:
        yield play(place, happens)
    for case in CASES:
        yield play(*case)


PHASE_ARROWS = [(before, after) for before, following in PHASES.items() for after in sorted(following, key=str)]
STATUS_ARROWS = [(before, after) for before, following in TRANSITIONS.items() for after in sorted(following)]


def arrow_name(phase: Phase | WorkflowStatus | None) -> str:
    return "none" if phase is None else phase.value


@pytest.mark.parametrize(("before", "after"), PHASE_ARROWS, ids=arrow_name)
def test_each_arrow_between_phases_is_taken(before: Phase | None, after: Phase | None) -> None:
    """The table allows no move that never happens."""
    assert any((before, after) in seen.phases for seen in played())


@pytest.mark.parametrize(("before", "after"), STATUS_ARROWS, ids=arrow_name)
def test_each_arrow_between_statuses_is_taken(before: WorkflowStatus, after: WorkflowStatus) -> None:
    """The table of statuses allows no change that never happens."""
    assert any((before, after) in seen.statuses for seen in played())


def test_no_case_leaves_the_tables() -> None:
    """No case changes a status or a phase other than as the tables say."""
    phases, statuses = set(PHASE_ARROWS), set(STATUS_ARROWS)
    for seen in played():
        assert seen.phases <= phases
        assert seen.statuses <= statuses


@pytest.mark.parametrize("before", PHASES, ids=arrow_name)
def test_an_illegal_move_is_a_defect(before: Phase | None) -> None:
    """A move that the table does not allow is raised as a defect of yieldflow, and changes nothing."""
    for after in {None, *Phase} - PHASES[before]:
        workflows, workflow = Workflows(), TrackedWorkflow("w")
        if before is not None:
            workflows.move(workflow, Phase.LOADING if before in PHASES[Phase.LOADING] else before)
        if workflow.phase is not before:
            workflows.move(workflow, before)
        with pytest.raises(InternalError, match="w may not go from phase"):
            workflows.move(workflow, after)
        assert workflow.phase is before
        assert [phase for phase in Phase if "w" in workflows.by_phase[phase]] == ([before] if before else [])


def test_a_workflow_is_tracked_once() -> None:
    """A second object for a workflow that is tracked is a defect, found at once."""
    workflows = Workflows()
    workflows.track("w", Phase.LOADING)
    with pytest.raises(InternalError, match="w may not go from phase"):
        workflows.track("w", Phase.CREATED)


def test_an_illegal_change_of_status_is_a_defect() -> None:
    """A status that may not follow another is raised as a defect of yieldflow."""
    for before, after in product(WorkflowStatus, WorkflowStatus):
        if after not in TRANSITIONS[before]:
            with pytest.raises(InternalError, match=f"a {before} workflow may not become {after}"):
                check_transition(before, after)
