"""Run activities in an executor of your own: a pool for a GPU, a cluster's client, any `concurrent.futures.Executor`.

It stays yours: yieldflow never shuts it down.

More: `python -m yieldflow docs Orchestrator`
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, activity, gather, workflow


@activity(executor="gpu")
def render(frame: int) -> str:
    return threading.current_thread().name.rpartition("_")[0]


@workflow
def film(frames: int) -> Flow[list[str]]:
    return (yield from gather(*(render(frame) for frame in range(frames))))


with TemporaryDirectory() as folder, ThreadPoolExecutor(1, thread_name_prefix="the_gpu") as gpu:
    with Orchestrator(f"{folder}/film.db", executors={"gpu": gpu}) as orchestrator:
        assert orchestrator.run(film(3)) == ["the_gpu", "the_gpu", "the_gpu"]
    assert gpu.submit(len, "abc").result() == 3  # still open

    try:
        Orchestrator(f"{folder}/film.db").start()
    except ValueError as error:
        assert "gpu" in str(error)  # refused at once, and not when the first activity is due
    else:
        raise AssertionError("there is no such executor")
