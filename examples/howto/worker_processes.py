"""Run activities in worker processes, for work that keeps a processor busy.

Each worker process imports this file anew, so what starts an orchestrator stands under ``if __name__ ==
"__main__":``. A process that dies is one failed attempt, and disturbs no other activity.

More: `python -m yieldflow docs executors`
"""

import os
from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, WorkerDiedError, activity, gather, workflow


@activity(executor="process", max_concurrent=2)  # at most two at a time, so that other kinds get their turn
def is_perfect(number: int) -> bool:
    return sum(divisor for divisor in range(1, number) if number % divisor == 0) == number


@activity(executor="process")
def crash() -> None:
    os._exit(7)


@workflow
def perfect_numbers(numbers: list[int]) -> Flow[list[int]]:
    answers = yield from gather(*(is_perfect(number) for number in numbers))
    return [number for number, is_one in zip(numbers, answers, strict=True) if is_one]


@workflow
def survive() -> Flow[str]:
    try:
        yield from crash()
    except WorkerDiedError as error:
        return f"the worker died: {error}"
    return "no crash"


if __name__ == "__main__":
    with TemporaryDirectory() as folder, Orchestrator(f"{folder}/perfect.db", max_processes=2) as orchestrator:
        assert orchestrator.run(perfect_numbers([6, 27, 28, 496, 1000, 8128])) == [6, 28, 496, 8128]
        assert orchestrator.run(survive()).startswith("the worker died: ")
