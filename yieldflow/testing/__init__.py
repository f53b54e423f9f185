"""Test workflows: step one by hand, in a plain test."""

from .._core.errors import Cancelled, YieldflowError
from .stepper import Stepper

__all__ = ["Cancelled", "Stepper", "YieldflowError"]
