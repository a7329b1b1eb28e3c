"""Simulates the engine with SimPy as a network of queues: a gate that limits running orders, cores and connections.

Times are in seconds. A run depends on its seed alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

Sampler = Callable[[random.Random], float]
Process = Generator[simpy.Event, Any, None]

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One invocation: `waiting` uses nothing, as for a venue, `work` uses a core, and `statements` use a connection."""

    work: Sampler
    waiting: Sampler | None = None
    statements: Sampler | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """`accept` comes before the queue; `begin`, `steps` and `end` hold a place at the gate.

    `aside` is work that no step waits for, spread over an order's steps. `slips` is the probability that an attempt
    ends with slippage, `fails` that a step has to be retried, and `cold` that an invocation starts with `cold_start`.
    `burst` is the mean number of orders that arrive together.
    """

    rate: float
    gate: int
    steps: Sequence[Step]
    accept: Step | None = None
    begin: Step | None = None
    end: Step | None = None
    cores: int | None = None
    connections: int | None = None
    aside: float = 0.0
    slips: float = 0.0
    fails: float = 0.0
    cold: float = 0.0
    cold_start: Sampler | None = None
    burst: float = 1.0


@dataclass(slots=True)
class Outcome:
    """The latency, wait at the gate and time in the gate of each order after the first tenth.

    `queued` is the mean length of the queue during that time, `depth` its length over the whole run. `throughput` is
    the orders a second of the whole run.
    """

    latencies: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    queued: float = 0.0
    throughput: float = 0.0
    depth: list[tuple[float, int]] = field(default_factory=list)


def percentile(values: Sequence[float], share: float) -> float:
    """The interpolated percentile. `share` is from 0 to 1."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def quantiles(cuts: Sequence[float], scale: float = 1.0) -> Sampler:
    """A sampler of a measured distribution, given by evenly spaced quantiles from 0 to 1."""

    def draw(chance: random.Random) -> float:
        position = chance.random() * (len(cuts) - 1)
        below = int(position)
        return scale * (cuts[below] + (cuts[below + 1] - cuts[below]) * (position - below))

    return draw


def between(shortest: float, longest: float) -> Sampler:
    return lambda chance: chance.uniform(shortest, longest)


class Simulation:
    def __init__(self, model: Model, orders: int, seed: int) -> None:
        self._model = model
        self._orders = orders
        self._chance = random.Random(seed)
        self._env = simpy.Environment()
        self._gate = simpy.Resource(self._env, model.gate)
        self._cores = simpy.Resource(self._env, model.cores) if model.cores else None
        self._connections = simpy.Resource(self._env, model.connections) if model.connections else None
        self._outcome = Outcome()
        self._first = orders // 10
        self._counting_since: float | None = None
        self._area = 0.0
        self._changed_at = 0.0
        self._waiting = 0

    def run(self) -> Outcome:
        self._env.process(self._arrivals())
        self._env.run()
        self._outcome.throughput = self._orders / self._env.now
        return self._outcome

    def _arrivals(self) -> Process:
        model, chance = self._model, self._chance
        number = 0
        while number < self._orders:
            yield self._env.timeout(chance.expovariate(model.rate / model.burst))
            # Geometric, with the mean `burst`.
            size = 1 if model.burst <= 1 else 1 + int(math.log(chance.random()) / math.log(1 - 1 / model.burst))
            for _ in range(min(size, self._orders - number)):
                self._env.process(self._order(number))
                number += 1
        # After the last arrival the queue only drains.
        self._count(0)
        if self._counting_since is not None:
            self._outcome.queued = self._area / (self._env.now - self._counting_since)

    def _order(self, number: int) -> Process:
        model, arrived = self._model, self._env.now
        if number == self._first:
            self._count(0)
            self._counting_since, self._area = self._env.now, 0.0
        if model.accept:
            yield from self._step(model.accept)
        queued = self._env.now
        self._count(1)
        with self._gate.request() as place:
            yield place
            self._count(-1)
            wait = self._env.now - queued
            if model.begin:
                yield from self._step(model.begin)
            for attempt in range(ATTEMPTS):
                for step in model.steps:
                    yield from self._tried(step)
                if attempt + 1 == ATTEMPTS or self._chance.random() >= model.slips:
                    break
            if number >= self._first:
                self._outcome.latencies.append(self._env.now - arrived)
                self._outcome.waits.append(wait)
            if model.end:
                yield from self._step(model.end)
            if number >= self._first:
                self._outcome.held.append(self._env.now - queued - wait)

    def _tried(self, step: Step) -> Process:
        for attempt in range(ATTEMPTS):
            yield from self._step(step)
            if attempt + 1 == ATTEMPTS or self._chance.random() >= self._model.fails:
                return
            # As in the state machine: exponential backoff with full jitter.
            yield self._env.timeout(self._chance.uniform(0, min(2.0**attempt, 5)))

    def _step(self, step: Step) -> Process:
        model, chance = self._model, self._chance
        if model.cold_start and chance.random() < model.cold:
            yield self._env.timeout(model.cold_start(chance))
        if step.waiting:
            yield self._env.timeout(step.waiting(chance))
        if step.statements:
            yield from self._held(self._connections, step.statements(chance))
        if model.aside:
            steps = len(model.steps) + sum(part is not None for part in (model.accept, model.begin, model.end))
            self._env.process(self._held(self._cores, model.aside / steps))
        yield from self._held(self._cores, step.work(chance))

    def _held(self, resource: simpy.Resource | None, seconds: float) -> Process:
        if resource is None:
            yield self._env.timeout(seconds)
            return
        with resource.request() as place:
            yield place
            yield self._env.timeout(seconds)

    def _count(self, change: int) -> None:
        self._area += self._waiting * (self._env.now - self._changed_at)
        self._changed_at = self._env.now
        self._waiting += change
        if change:
            self._outcome.depth.append((self._env.now, self._waiting))


def simulate(model: Model, orders: int, seed: int = 1) -> Outcome:
    return Simulation(model, orders, seed).run()
