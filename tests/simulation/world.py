"""The world: a clock that may jump, a disk that fails, workers, clients, and one session of the engine after the other.

Time is virtual: it passes only from one thing that happens to the next. A crash leaves the scheduler where it stands,
opens the store anew, and begins another session.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count

from tests.support.engine import CODEC, SECOND, START, Crash
from yieldflow import StorageError
from yieldflow._core.history import Micros
from yieldflow.clock import Clock
from yieldflow.inbox import Inbox
from yieldflow.scheduler.intake import Intake
from yieldflow.scheduler.messages import Ended, Message, Registered
from yieldflow.scheduler.scheduler import Scheduler
from yieldflow.scheduler.state import Limits
from yieldflow.store import Store
from yieldflow.workers import Attempt

from .books import Status
from .clients import Clients
from .context_checks import CONTEXTS
from .deployed_code import AFTER, BEFORE, Code
from .disk_checks import End, check_end, compare_all, compare_changed, steady_flows
from .engine_internals import (
    LONGEST_PAUSE,
    NEVER,
    evict_idle,
    is_disk_left_alone,
    is_recovering,
    kept_by,
    next_turn_in,
    phase_errors,
    places_in_memory,
    read_backlog_by,
)
from .faulty_store import FaultyStore
from .ledger import Ledger
from .liveness_checks import check_waits
from .plan import BETWEEN, Call, Dice, Fault, Plan
from .promises import Promise, Violation
from .workers import SimulatedWorkers

#: After so many turns the engine runs in circles.
TURNS = 5_000
#: After so many turns in which nothing happens, nothing will.
LOOKS = 100
#: How often the world helps workflows that still wait, and its pause in seconds, longer than any delay.
HELPS = 40
PAUSE = 301.0
#: The time for which a fault may delay others: the longest pause before a disk is tried again, and a bit.
RECOVERY: Micros = LONGEST_PAUSE + SECOND // 2
#: The chance in each turn that a client retries, forks or deletes an ended workflow.
OFTEN = 0.3
VISITS = ["retry", "retry", "fork", "delete"]
#: Seconds that a stop waits for activities; some never end, so it may not wait without limit.
TIMEOUTS = [60, 0, 1, 10]
#: So many workflows are found at once at the start of a session.
PAGES = [1, 2, 3, 100]
#: Seconds for which the scheduler is held up.
HELD_UP = [0.2, 1, 3, 9]
#: The recoveries allowed once nothing fails any more.
PATIENT = 1_000_000


class World(Clock):
    """One simulation.

    Args:
        plan: All that is to happen.
        make: Returns an empty disk.
    """

    def __init__(self, plan: Plan, make: Callable[[Ledger], FaultyStore]) -> None:
        self.plan = plan
        self.dice = Dice(plan.seed)
        self.ledger = Ledger()
        self.ledger.trace, self.ledger.clock, self.ledger.attempts.clock = self.note, self, self
        self.disk = make(self.ledger)
        self.clients = Clients(self, plan.flows, steady_flows(plan))
        self.trace: list[tuple[object, ...]] = []
        #: Time that has passed, while the machine was awake and while it slept, and the error of the system's clock.
        self.time: Micros = 0
        self.asleep: Micros = 0
        self.offset: Micros = 0
        self.turns = 0
        self.code = BEFORE
        self._recoveries = plan.recoveries
        self._visits = plan.visits
        self._registered = plan.registered_at == 0
        self._events: list[tuple[Micros, int, Callable[[], None]]] = []
        self._numbers = count()
        self._faults: dict[int, list[Fault]] = {}
        CONTEXTS.mixed.clear()
        self._sessions: list[Scheduler] = []
        for fault in plan.faults:
            if fault.kind in BETWEEN:
                self._faults.setdefault(fault.at, []).append(fault)
        if not self._registered:
            self.after(plan.registered_at, self._register)
        for call in plan.calls:
            self.after(call.at, partial(self.clients.call, call))
        self._start()

    # ------------------------------------------------------------------ for store, workers and clients

    @property
    def store(self) -> Store:
        """The disk as clients see it."""
        return self.disk

    def now(self) -> Micros:
        """Return the time of the system's clock."""
        return START + self.time + self.asleep + self.offset

    def monotonic(self) -> Micros:
        """Return the time that has passed while the machine was awake."""
        return self.time

    def boottime(self) -> Micros:
        """Return the time that has passed."""
        return self.time + self.asleep

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Schedule something."""
        heapq.heappush(self._events, (self.time + int(seconds * SECOND), next(self._numbers), what))

    def send(self, message: Message) -> None:
        """Put something into the scheduler's inbox."""
        self._inbox.put(message)

    def wants(self, attempt: Attempt) -> bool:
        """Return whether an attempt is to begin."""
        return self.scheduler.wants(attempt)

    def note(self, *what: object) -> None:
        """Add a line to the trace."""
        self.trace.append((self.time, *what))

    def count(self, fault: str) -> None:
        """Count a fault."""
        self.disk.injected[fault] += 1

    # ------------------------------------------------------------------ sessions

    def _start(self) -> None:
        self.workers = SimulatedWorkers(self, self.plan.workers)
        self.ledger.begin_session()
        self.ledger.attempts.begin_session()
        self.ledger.recoveries.begin_session(self._recoveries)
        self._inbox: Inbox[Message | None] = Inbox()
        self._intake = Intake(self._inbox, self, self.plan.batch)
        self.registry = self.code.deployed(self._registered)
        self.registry.subscribe(lambda name: self.send(Registered(name)))
        self.scheduler = Scheduler(
            self.disk,
            self.workers,
            CODEC,
            self.registry,
            self._tell,
            limits=Limits(self.plan.workers, self._recoveries),
        )
        self._sessions.append(self.scheduler)
        read_backlog_by(self.scheduler, PAGES[self.plan.seed % len(PAGES)])
        self.scheduler.recover(self.read())

    def _register(self) -> None:
        """Import the module that defines the missing workflow."""
        self.note("register")
        if self._registered:
            return
        self._registered = True
        self.registry.add(self.code.late)
        self.count("code registered later")

    def _tell(self, news: list[Ended]) -> None:
        for ended in news:
            self.ledger.told(ended.workflow_id, ended.status, ended.outcome)
            self.note("told", ended.workflow_id, ended.status.value)

    def crash(self, code: Code | None = None, stopped: bool = False) -> None:
        """Kill the process, unless it has stopped, and start another, perhaps with other code."""
        self.note("crash")
        self.workers.gone = True
        self.code = code or self.code
        if stopped:
            self.disk.reopen()
        else:
            self.disk.die()
        # All who were to be told are gone.
        self.ledger.untold.clear()
        self._disturb()
        compare_all(self.ledger, self.disk.inner)
        self._start()
        self.clients.lost()

    def stop(self, timeout: float) -> None:
        """End the session as `Session.stop` does, and begin another.

        Args:
            timeout: Seconds that it waits for activities; the rest are left running.
        """
        self.note("stop")
        self.scheduler.dispatching = False
        self.workers.closing = True
        until = self.time + int(timeout * SECOND)
        while self.workers.running and self._events and self._events[0][0] <= until:
            self._pass_time()
            self._turn()
        if self.workers.running:
            self.count("activity left running by a stop")
        with suppress(StorageError):
            self.scheduler.settle_counts()
        self.scheduler.close()
        self.crash(stopped=True)

    def close(self) -> None:
        """Close the generators of all sessions, as a killed process would not have to."""
        for session in self._sessions:
            session.close()

    # ------------------------------------------------------------------ living

    def live(self) -> dict[str, End]:
        """Run everything, help until all workflows have ended, check the disk, and return all ends.

        Raises:
            Violation: A promise was broken.
        """
        for helps in range(HELPS):
            if self._live_until_quiet():
                self._check_nobody_is_forgotten()
            while self._visits and not self._unended() and self._visit():
                self._live_until_quiet()
            if not self._unended():
                kept = kept_by(self.scheduler)
                self.ledger.check(Promise.FORGOTTEN, not kept, "the session keeps", kept)
                # Another process must find all as it was left, and nothing to do.
                self.disk.heal()
                self.crash()
                self._live_until_quiet()
                if not self._unended():
                    return check_end(self.ledger, self.disk.inner, self.plan, self.code, self.clients.terminated)
            self._help(helps)
        raise Violation(Promise.ENDS, f"{self._unended()} still wait")

    def _check_nobody_is_forgotten(self) -> None:
        """Check, once nothing is to come, that no workflow waits in vain, unless others are recovered first."""
        if is_recovering(self.scheduler):
            return
        for id, flow in self.ledger.flows.items():
            check_waits(self.ledger, id, flow, self._registered)
        unanswered = [call for call, _ in self.clients.unanswered.values()]
        self.ledger.check(Promise.ANSWERS, not unanswered, "nobody answers", unanswered)

    def _disturb(self) -> None:
        """Allow delays for a while, since something goes wrong."""
        self.ledger.calm_from = self.boottime() + RECOVERY

    def _unended(self) -> list[str]:
        ids = {*self.ledger.flows, *(flow.id for flow in self.plan.flows)}
        flows = self.ledger.flows
        return sorted(id for id in ids if id not in flows or not flows[id].status.ended)

    def _live_until_quiet(self) -> bool:
        """Take turns until nothing is to come; return False if the engine only polls again and again."""
        self._guarded(self._turn)
        tried = looks = 0
        while self._inbox or self._events or self._due() < NEVER:
            looks = 0 if self._events or self._inbox or self.disk.tried > tried else looks + 1
            tried = self.disk.tried
            if looks > LOOKS:
                return False
            self._pass_time()
            self._guarded(self._turn)
            for fault in self._faults.pop(self.turns, ()):
                self._guarded(partial(self._strike, fault))
            if self.dice.chance("held up", self.turns) * 100 < self.plan.sluggish and not self.disk.healed:
                self._guarded(self._hold_up)
            if self._visits and self.dice.chance("visit", self.turns) < OFTEN:
                self._visit()
            if self.plan.forgetful:
                self._guarded(self._evict)
                self.count("evict after each turn")
        return True

    def _visit(self) -> bool:
        """Have a client retry, fork or delete an ended workflow; return False if there is none."""
        kind = self.dice.choose(VISITS, "visit as", self.turns)
        came = self.clients.visit(kind, *(self.dice.chance(what, self.turns) for what in ("visit to", "visit with")))
        self._visits -= came
        return came

    def _guarded(self, what: Callable[[], None]) -> None:
        """Do something; if the process dies meanwhile, start it again."""
        while True:
            try:
                what()
                return
            except Crash:
                what = self.crash

    def _due(self) -> Micros:
        due_in = next_turn_in(self.scheduler, self.read(), has_arrivals=self.disk.unseen)
        return NEVER if due_in > NEVER // 2 else self.time + due_in

    def _pass_time(self) -> None:
        """Advance the clock to the next event, and run the event."""
        due = self._due()
        moment = self.time if self._inbox else NEVER
        moment = min(moment, due)
        if self._events:
            moment = min(moment, self._events[0][0])
        self.time = max(self.time, moment)
        # Events of one moment come into one turn at times, and at times each into its own.
        together = self.dice.chance("together", self.turns) < 0.7
        while self._events and self._events[0][0] <= self.time:
            heapq.heappop(self._events)[2]()
            if not together:
                break

    def _turn(self) -> None:
        self.turns += 1
        if self.turns > TURNS:
            raise Violation(Promise.ENDS, f"{TURNS} turns, and {self._unended()} still wait")
        batch = self._intake.take(0)
        self.ledger.unreadable = bool(self.disk.failing_looks) or is_disk_left_alone(self.scheduler, self.time)
        self.ledger.turn, failed = self.turns, self.disk.tried - self.disk.committed
        unreadable = self.disk.failing_loads or self.disk.failing_looks
        try:
            self.scheduler.turn(batch.messages, batch.now, until=batch.until)
        except (Crash, Violation):
            raise
        except Exception as error:
            raise Violation(Promise.DEFECT, repr(error)) from error
        self.ledger.checked[Promise.DEFECT] += 1
        self.ledger.turn_is_over()
        self.ledger.check(Promise.CONTEXTS, not CONTEXTS.mixed, *CONTEXTS.mixed)
        errors = phase_errors(self.scheduler)
        self.ledger.check(Promise.PHASES, not errors, *errors)
        for workflow_id, place in places_in_memory(self.scheduler).items():
            flow = self.ledger.flows[workflow_id]
            self.ledger.check(Promise.CACHE, place == (flow.run, flow.applied), workflow_id, place, flow.applied)
        failed = self.disk.tried - self.disk.committed - failed
        if failed or unreadable or is_recovering(self.scheduler):
            self._disturb()
        compare_changed(self.ledger, self.disk.inner)

    # ------------------------------------------------------------------ faults

    def _strike(self, fault: Fault) -> None:
        self.count(fault.kind)
        self.note("fault", *fault)
        if fault.kind == "crash between":
            self.crash()
        elif fault.kind == "deploy":
            self.crash(AFTER)
        elif fault.kind == "code missing":
            self._registered = False
            self.after(fault.size, self._register)
            self.crash()
        elif fault.kind == "stop":
            self.stop(TIMEOUTS[fault.size % len(TIMEOUTS)])
        elif fault.kind == "evict":
            self._evict()
        elif fault.kind == "clock forward":
            self._set_clock(10**fault.size)
        elif fault.kind == "machine sleeps":
            self.asleep += 10 ** min(fault.size, 3) * SECOND
            self._disturb()
        elif fault.kind == "clock back":
            self._set_clock(-(10 ** min(fault.size, 3)))
        elif not self.disk.healed:
            self.disk.failing_loads += fault.size
            self.disk.failing_looks += fault.size // 2

    def _set_clock(self, seconds: int) -> None:
        """Set the system's clock forward, or back."""
        # What the owner has not looked at yet it finds by the new time.
        self._guarded(self._turn)
        self.ledger.clock_is_set(lambda workflow_id: self.scheduler.live(workflow_id) is not None)
        self.offset += seconds * SECOND
        # It looks many times a second.
        self._guarded(self._turn)

    def _hold_up(self) -> None:
        """Let time pass without a turn, as where a workflow blocks, or another program has locked the file."""
        self.count("held up")
        until = self.time + int(self.dice.choose(HELD_UP, "for", self.turns) * SECOND)
        while self._events and self._events[0][0] <= until:
            self.time = max(self.time, self._events[0][0])
            heapq.heappop(self._events)[2]()
        self.time = max(self.time, until)
        self._disturb()

    def _evict(self) -> None:
        failed = self.disk.tried - self.disk.committed
        evict_idle(self.scheduler, self.read())
        if self.disk.tried - self.disk.committed > failed:
            self._disturb()

    # ------------------------------------------------------------------ in the end

    def _help(self, helps: int) -> None:
        """Stop all faults, and give all workflows that wait what they wait for."""
        self.disk.heal()
        self._faults.clear()
        if helps >= 3 and any(note.status is Status.STALLED for note in self.ledger.flows.values()):
            self._recoveries = PATIENT
            self.crash()
        self.time += int(PAUSE * SECOND)
        self._disturb()
        for flow in self.plan.flows:
            note = self.ledger.flows.get(flow.id)
            if flow.id not in self.clients.submitted:
                self.clients.call(Call(0, "submit", flow.id))
        for id, note in list(self.ledger.flows.items()):
            self.clients.submitted.add(id)
            if note.status in (Status.SUSPENDED, Status.STALLED):
                self.clients.call(Call(0, "resume", id))
            elif note.status is Status.PROCESSING:
                open_ = [step for step in note.steps.values() if step.kind == "wait_signal" and not step.ended]
                for step in open_:
                    self.clients.call(Call(0, "signal", id, step.name, 1000 + next(self._numbers)))
