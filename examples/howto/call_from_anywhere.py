"""Call the orchestrator from an activity, or from another process.

One orchestrator at a time is *started* on a file, and owns it. Any other, in any process, is a client: what it
submits is on disk, and the owner does it within a moment, or once there is one.

More: `python -m yieldflow docs ownership`
"""

from tempfile import TemporaryDirectory

from yieldflow import DatabaseInUseError, Flow, Orchestrator, activity, workflow


@activity
def double(number: int) -> int:
    return 2 * number


@workflow
def doubling(number: int) -> Flow[int]:
    return (yield from double(number))


@activity
def ask_another(number: int) -> int:
    return owner.run(doubling(number)) + 1  # submits, and waits


@workflow
def asking(number: int) -> Flow[int]:
    return (yield from ask_another(number))


with TemporaryDirectory() as folder:
    client = Orchestrator(f"{folder}/numbers.db")  # not started: a client
    waiting = client.submit(doubling(21))  # on disk; it runs as soon as there is an owner

    with Orchestrator(f"{folder}/numbers.db", max_workers=1) as owner:
        assert waiting.result(timeout=30) == 42
        assert owner.run(asking(3)) == 7
        try:
            client.start()
        except DatabaseInUseError as error:
            assert "process" in str(error)  # names the owner
        else:
            raise AssertionError("a file has one owner")
    client.stop()  # closes the file
