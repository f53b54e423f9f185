"""Every error of yieldflow, grouped by whose fault it is.

* the caller's: a call that cannot be carried out; nothing was changed;
* the workflow's or the activity's: how user code ended, as it was recorded;
* a changed definition's: the code no longer fits the history on disk;
* the storage's: the database cannot be opened, written or trusted;
* ours: `InternalError`, and only that.
"""

from __future__ import annotations

from datetime import timedelta


class YieldflowError(Exception):
    """The base of every error that yieldflow raises."""


# ---------------------------------------------------------------------- the caller's


class CommandError(YieldflowError, TypeError):
    """Something was yielded, tested or iterated that may not be: the message says what to write instead."""


class DuplicateDefinitionError(YieldflowError, ValueError):
    """Two definitions have one name: give one of them another with ``name=``."""


class UnknownWorkflowError(YieldflowError, LookupError):
    """No workflow of that name is registered: import the module that defines it, or mend the name."""


class WorkflowNotFoundError(YieldflowError, LookupError):
    """The database holds no workflow with that id: mend the id, or look in the right file."""


class WorkflowEndedError(YieldflowError, RuntimeError):
    """The workflow has ended, so it can receive nothing any more: look at its result, or `retry` it."""


class WorkflowNotEndedError(YieldflowError, RuntimeError):
    """The workflow has not ended yet: wait for it, cancel it or terminate it first."""


class RetryRefusedError(YieldflowError, RuntimeError):
    """Steps were completed after the failure, and would be undone: say from which step to go on."""


class WorkflowAlreadyExistsError(YieldflowError, ValueError):
    """The workflow id is taken by another invocation: choose another id, or submit the same invocation."""


class EncodingError(YieldflowError, TypeError):
    """A value cannot be stored or read back: the message names the part of it that is to blame."""


class OrchestratorStoppedError(YieldflowError, RuntimeError):
    """The orchestrator stopped while it was asked: the workflow is on disk and goes on at the next start."""


class MisplacedCallError(YieldflowError, RuntimeError):
    """A call was made where it only waits for itself, or does nothing: the message says what to write there instead."""


class ResultTimeoutError(YieldflowError, TimeoutError):
    """The workflow has not ended in time: it goes on; ask again, or give more seconds."""


# ---------------------------------------------------------------------- the workflow's, the activity's


class RecordedFailure(YieldflowError):
    """A failure whose own exception cannot be built again: what is known of it.

    Args:
        message: ``str()`` of the exception.
        type_name: The exception's type, with its module: ``"shop.errors.CardDeclined"``; left out where this is the
            exception itself.
        traceback: The traceback as text, as it was where the exception was raised.
    """

    def __init__(self, message: str = "", type_name: str | None = None, traceback: str = "") -> None:
        super().__init__(message, type_name, traceback)
        self.message = message
        self.type_name = f"yieldflow.{type(self).__name__}" if type_name is None else type_name
        self.traceback = traceback
        self._of_another = type_name is not None

    def __str__(self) -> str:
        if not self._of_another:
            return self.message
        return f"{self.type_name}: {self.message}" if self.message else self.type_name


class ActivityError(RecordedFailure):
    """An activity failed: with an exception that cannot be built again here, or with this one, which it raised.

    An activity raises it to say what is to follow:

    Args:
        message: What happened.
        retryable: False where no further attempt can help: then there is none, whatever the retry policy says.
        retry_after: Seconds, or a `timedelta`, until the next attempt, in place of the policy's wait (a server's
            ``Retry-After``, say). Without a policy there is no next attempt.

    Example:
        >>> raise ActivityError("the card has expired", retryable=False)
        >>> raise ActivityError("the bank is busy", retry_after=30)
    """

    def __init__(
        self,
        message: str = "",
        type_name: str | None = None,
        traceback: str = "",
        retryable: bool = True,
        retry_after: float | timedelta | None = None,
    ) -> None:
        super().__init__(message, type_name, traceback)
        seconds = retry_after.total_seconds() if isinstance(retry_after, timedelta) else retry_after
        self.args = (message, type_name, traceback, retryable, seconds)
        self.retryable = retryable
        self.retry_after = seconds


class ActivityTimeoutError(YieldflowError, TimeoutError):
    """An activity took longer than it was given: the message says which of its timeouts it was, and how long."""


class WorkerDiedError(YieldflowError):
    """The process in which an activity ran died: the message says of what. What the activity did is unknown."""


class WorkflowFailedError(RecordedFailure):
    """A workflow failed with an exception that cannot be built again here."""


class WorkflowCancelledError(YieldflowError):
    """The workflow was cancelled before it returned."""


class WorkflowTimeoutError(YieldflowError, TimeoutError):
    """The workflow did not end in the time that it was given: give it more, or find out what it waited for."""


class WaitTimeoutError(YieldflowError, TimeoutError):
    """The command that `wait_for` waited for did not end in time; it was cancelled."""


class TaskCancelledError(YieldflowError):
    """The task that was waited for had been cancelled."""


class Cancelled(BaseException):
    """Thrown at a branch's ``yield`` when it is cancelled.

    Not an `Exception`, so that ``except Exception`` does not swallow it. Clean up in ``finally`` or
    ``except Cancelled`` (activities may be yielded there) and let it go on.
    """


# ---------------------------------------------------------------------- a changed definition's


class WorkflowStalledError(YieldflowError):
    """The workflow cannot go on until it is helped; nothing of it is lost. The message holds the reason."""


class ReplayMismatchError(YieldflowError):
    """The code did not do again what its history records: the message shows both sides."""

    #: The number of the step that differs; None where it is none.
    step: int | None = None
    #: What the history records, in a line with its ``file:line``,
    recorded: str = ""
    #: what the code yielded instead,
    yielded: str = ""
    #: and what else is to be said of it.
    hint: str = ""
    #: The generator that stands at that yield, until its execution is closed; None where it has ended.
    generator: object = None


# ---------------------------------------------------------------------- the storage's


class StorageError(YieldflowError):
    """The database could not be read or written; what was acknowledged before is still there."""


class RefusedValueError(StorageError):
    """The database works, but refused a value of the batch: not the disk's fault."""


class DamagedRowError(StorageError):
    """A row on disk is not as yieldflow wrote it: the message says which row, and what is wrong with it.

    Its workflow is set aside, and all others go on. Once the row is right again, `WorkflowHandle.resume` or the next
    start has the workflow go on.
    """


class DatabaseLostError(YieldflowError):
    """The database file was deleted, moved, replaced or damaged while it was open: the message says which, and of what.

    Nothing more is read or written: there is nothing to wait for. Put the file right, call ``stop()``, and start again.
    """


class DatabaseOpenError(StorageError):
    """The file cannot be used as a yieldflow database: the message says why and what to do."""


class DatabaseInUseError(DatabaseOpenError):
    """Another orchestrator is started on the same file: stop it, or use this one unstarted, as a client."""


# ---------------------------------------------------------------------- ours


class InternalError(YieldflowError):
    """A defect of yieldflow itself: please report it with the message and the traceback."""
