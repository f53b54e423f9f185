"""What workflows could say from the first version on: activities, gathers, sleeps, helpers, time and chance."""

from __future__ import annotations

from dataclasses import dataclass

from tests.older.left import PERFORMED, REGISTRY, Left, Writing, hang, refuse, work
from yieldflow import ActivityError, Flow, activity, gather, now, random, sleep, uuid4, workflow


@dataclass(frozen=True)
class Parcel:
    """A value that is no JSON."""

    number: int
    contents: tuple[str, ...]


class Broken(Exception):
    """An exception that keeps more than its arguments, and takes others."""

    def __init__(self, parcel: Parcel, *, why: str) -> None:
        super().__init__(f"{parcel.number}: {why}")
        self.parcel = parcel


LAMPS = Parcel(7, ("lamp", "lamp"))


@activity(registry=REGISTRY)
def pack(label: str, parcel: Parcel) -> Parcel:
    PERFORMED.append(label)
    return parcel


@activity(registry=REGISTRY)
def drop(label: str, parcel: Parcel) -> None:
    PERFORMED.append(label)
    raise Broken(parcel, why="it fell")


@activity(registry=REGISTRY)
def fail_oddly(label: str) -> None:
    """Fails with an exception that nobody can build again."""

    class OddError(Exception):
        pass

    PERFORMED.append(label)
    raise OddError(label)


@activity(registry=REGISTRY)
def fail_as_recorded(label: str) -> None:
    """Fails with one of our own exceptions, as an activity does that asks for a workflow's result."""
    PERFORMED.append(label)
    raise ActivityError(type_name="shop.OddError", message=label)


@workflow(registry=REGISTRY)
def caught() -> Flow[list[str]]:
    try:
        yield refuse("caught/1")
    except ValueError as error:
        told = str(error)
    return [told, (yield from hang("caught/2"))]


@workflow(registry=REGISTRY)
def caught_ours() -> Flow[list[str]]:
    try:
        yield fail_as_recorded("caught ours/1")
    except ActivityError as error:
        told = str(error)
    return [told, (yield from hang("caught ours/2"))]


@workflow(registry=REGISTRY)
def asleep() -> Flow[str]:
    yield work("asleep/1")
    yield sleep(3600)
    return (yield from work("asleep/2"))


@workflow(registry=REGISTRY)
def gathering() -> Flow[list[str]]:
    def branch() -> Flow[str]:
        yield work("gathering/branch/1")
        return (yield from hang("gathering/branch/2"))

    both = yield from gather(branch(), work("gathering/1"), hang("gathering/2"))
    return [*both, *(yield from gather(work("gathering/3"), work("gathering/4"), limit=1))]


@workflow(registry=REGISTRY)
def one_by_one() -> Flow[list[str]]:
    return (yield from gather(*[(work if each < 2 else hang)(f"one by one/{each}") for each in range(4)], limit=1))


@workflow(registry=REGISTRY)
def dropping() -> Flow[str]:
    try:
        yield gather(refuse("dropping/1"), hang("dropping/2"), sleep(3600))
    except ValueError:
        return (yield from hang("dropping/3"))
    return "nothing was refused"


@workflow(registry=REGISTRY)
def chance() -> Flow[bool]:
    found = f"{(yield from uuid4())} {(yield from random())} {(yield from now())}"
    told = yield from work(found)
    yield hang("chance/1")
    return told == found.upper()


@workflow(registry=REGISTRY)
def parcels(parcel: Parcel) -> Flow[tuple[Parcel, str]]:
    packed = yield from pack("parcels/1", parcel)
    try:
        yield drop("parcels/2", packed)
    except Broken as error:
        packed = error.parcel
    return packed, (yield from hang("parcels/3"))


@workflow(registry=REGISTRY)
def altered() -> Flow[str]:
    yield work("altered/other" if Writing.again else "altered/1")
    return (yield from hang("altered/2"))


@workflow(registry=REGISTRY)
def brief(label: str) -> Flow[str]:
    return (yield from work(label))


@workflow(registry=REGISTRY)
def packs(parcel: Parcel) -> Flow[Parcel]:
    return (yield from pack("packs/1", parcel))


@workflow(registry=REGISTRY)
def drops(parcel: Parcel) -> Flow[None]:
    yield drop("drops/1", parcel)


@workflow(registry=REGISTRY)
def refuses() -> Flow[None]:
    yield gather(refuse("refused/1"), hang("refused/2"))


@workflow(registry=REGISTRY)
def fails_oddly() -> Flow[None]:
    yield fail_oddly("odd/1")


LEFT = {
    "caught": Left(caught(), ["caught/1", "CAUGHT/2"], under_way=("caught/2",)),
    "caught ours": Left(caught_ours(), ["shop.OddError: caught ours/1", "CAUGHT OURS/2"], under_way=("caught ours/2",)),
    "asleep": Left(asleep(), "ASLEEP/2", to_do=("asleep/2",)),
    "gathering": Left(
        gathering(),
        ["GATHERING/BRANCH/2", "GATHERING/1", "GATHERING/2", "GATHERING/3", "GATHERING/4"],
        under_way=("gathering/branch/2", "gathering/2"),
        to_do=("gathering/3", "gathering/4"),
    ),
    "one by one": Left(
        one_by_one(),
        [f"ONE BY ONE/{each}" for each in range(4)],
        under_way=("one by one/2",),
        to_do=("one by one/3",),
    ),
    "dropping": Left(dropping(), "DROPPING/3", under_way=("dropping/3",)),
    "chance": Left(chance(), True, under_way=("chance/1",)),
    "parcels": Left(parcels(LAMPS), (LAMPS, "PARCELS/3"), under_way=("parcels/3",), pickled=True),
    "altered": Left(altered(), "ALTERED/2", status="stalled", to_do=("altered/2",)),
    "delayed": Left(brief("delayed"), "DELAYED", to_do=("delayed",), delay=3600),
    "submitted late": Left(brief("late"), "LATE", to_do=("late",), submitter="client"),
    "done": Left(brief("done"), "DONE", status="done"),
    "packed": Left(packs(LAMPS), LAMPS, status="done", pickled=True),
    "dropped": Left(drops(LAMPS), error="Broken: 7: it fell", status="failed", pickled=True),
    "refused": Left(refuses(), error="ValueError: refused/1", status="failed"),
    "odd": Left(
        fails_oddly(),
        error="ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: odd/1",
        status="failed",
    ),
}
