"""`Rare`: fields that few objects of a class have."""

from __future__ import annotations

from yieldflow.store.rare_fields import NONE, Rare, RareFields


class Parcel:
    __slots__ = ("rare",)

    note = Rare[str | None](None)
    stamps = Rare[tuple[int, ...]](())

    def __init__(self) -> None:
        self.rare: RareFields = NONE


def test_a_rare_field_that_was_never_set_has_its_default() -> None:
    """Whoever reads one need not know whether the object has it, and reading gives it none."""
    parcel = Parcel()

    assert (parcel.note, parcel.stamps) == (None, ())
    assert not parcel.rare


def test_a_rare_field_is_set_on_one_object_alone() -> None:
    """The empty fields that all objects share stay empty."""
    parcel, other = Parcel(), Parcel()

    parcel.stamps = (70, 15)
    parcel.note = "fragile"

    assert (parcel.note, parcel.stamps) == ("fragile", (70, 15))
    assert (other.note, other.stamps) == (None, ())
    assert not other.rare


def test_of_the_class_a_rare_field_is_the_field_itself() -> None:
    """As other descriptors are."""
    assert isinstance(Parcel.note, Rare)
