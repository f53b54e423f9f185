"""Workflows that several tests of the scheduler use, each made of a `Lab`'s activities and put into its registry."""

from __future__ import annotations

from tests.support.engine import Lab
from yieldflow import Flow, Workflow, gather, sleep, wait_for, wait_signal, workflow


def make_chain(lab: Lab) -> Workflow[..., list[str]]:
    """Activities one after another."""

    @workflow(registry=lab.registry)
    def chain(*labels: str) -> Flow[list[str]]:
        results = []
        for label in labels:
            results.append((yield from lab.work(label)))
        return results

    return chain


def make_fan(lab: Lab) -> Workflow[..., list[str]]:
    """Activities side by side."""

    @workflow(registry=lab.registry)
    def fan(*labels: str) -> Flow[list[str]]:
        return (yield from gather(*map(lab.work, labels)))

    return fan


def make_nap(lab: Lab) -> Workflow[[float], str]:
    """A sleep."""

    @workflow(registry=lab.registry)
    def nap(seconds: float) -> Flow[str]:
        yield sleep(seconds)
        return "rested"

    return nap


def make_waits(lab: Lab) -> Workflow[[float], object]:
    """A signal that is waited for, so many seconds."""

    @workflow(registry=lab.registry)
    def waits(seconds: float) -> Flow[object]:
        try:
            return (yield from wait_for(wait_signal("go"), seconds))
        except TimeoutError:
            return "too late"

    return waits
