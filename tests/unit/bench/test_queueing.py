"""Compares the simulation with queueing theory. The seeds are fixed, so the results do not vary."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from bench.queueing import (
    Model,
    Outcome,
    Sampler,
    Step,
    between,
    percentile,
    quantiles,
    simulate,
)

T_95 = 2.262
"""Student's t for a two-sided 95 % interval with ten samples."""


def exponential(mean: float) -> Sampler:
    return lambda chance: chance.expovariate(1 / mean)


def erlang_c(rate: float, mean: float, servers: int) -> float:
    """The mean wait in an M/M/c queue (Erlang, 1917); infinite unless the load is below the number of servers."""
    load = rate * mean
    if load >= servers:
        return math.inf
    # The blocking probability of M/M/c/c by its recursion, which cannot overflow.
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = load * blocked / (count + load * blocked)
    waits = blocked / (1 - load / servers * (1 - blocked))
    return waits * mean / (servers - load)


def queue(rate: float, servers: int, burst: float = 1.0) -> Model:
    """An M/M/c queue with a mean service time of one second."""
    return Model(rate, servers, [Step(exponential(1.0))], burst=burst)


def within(samples: list[float], expected: float) -> bool:
    margin = T_95 * statistics.stdev(samples) / math.sqrt(len(samples))
    return abs(statistics.mean(samples) - expected) <= margin


@pytest.mark.parametrize(("rate", "servers"), [(0.5, 1), (0.8, 1), (3.2, 4), (8.5, 10)])
def test_the_mean_wait_is_that_of_erlang_c(rate: float, servers: int) -> None:
    runs = [simulate(queue(rate, servers), 20_000, seed) for seed in range(10)]
    assert within([statistics.mean(run.waits) for run in runs], erlang_c(rate, 1.0, servers))


def test_the_mean_wait_for_fixed_service_times_is_half_that_for_exponential_ones() -> None:
    """Pollaczek and Khinchine: M/D/1 against M/M/1."""
    fixed = Model(0.8, 1, [Step(lambda _: 1.0)])
    waits = [statistics.mean(simulate(fixed, 20_000, seed).waits) for seed in range(10)]
    assert within(waits, erlang_c(0.8, 1.0, 1) / 2)


@pytest.mark.parametrize("model", [queue(3.2, 4), queue(8.5, 10), queue(2.0, 4, burst=5)])
def test_littles_law_holds(model: Model) -> None:
    """The mean length of the queue is the rate times the mean wait."""
    run = simulate(model, 50_000)
    assert run.queued == pytest.approx(model.rate * statistics.mean(run.waits), rel=0.05)


def test_erlang_c_matches_published_tables() -> None:
    """One server: ρ / (1 − ρ). Two servers at ρ = 1/2: a third of them wait, for half a second."""
    assert erlang_c(0.5, 1.0, 1) == pytest.approx(1.0)
    assert erlang_c(1.0, 1.0, 2) == pytest.approx(1 / 3)
    assert erlang_c(900.0, 1.0, 1000) < 0.01
    assert erlang_c(2.0, 1.0, 2) == math.inf


def test_an_overloaded_gate_works_at_its_capacity() -> None:
    run = simulate(queue(40.0, 10), 20_000)
    assert run.throughput == pytest.approx(10, rel=0.05)


def test_bursts_keep_the_rate_and_lengthen_the_wait() -> None:
    even, bursty = (simulate(queue(5.0, 10, burst), 20_000) for burst in (1, 10))
    assert bursty.throughput == pytest.approx(even.throughput, rel=0.1)
    assert statistics.mean(bursty.waits) > 5 * statistics.mean(even.waits)


def held(model: Model) -> float:
    run = simulate(model, 20_000)
    return statistics.mean(latency - wait for latency, wait in zip(run.latencies, run.waits, strict=True))


def test_an_attempt_that_slips_is_repeated_at_most_twice() -> None:
    """All orders have one attempt, a quarter a second one, a sixteenth a third one."""
    assert held(Model(1.0, 100, [Step(lambda _: 1.0)], slips=0.25)) == pytest.approx(1.3125, rel=0.01)
    assert held(Model(1.0, 100, [Step(lambda _: 1.0)], slips=1.0)) == 3.0


def test_a_failed_step_waits_before_it_is_retried() -> None:
    """The waits are half a second and a second on average."""
    assert held(Model(1.0, 100, [Step(lambda _: 1.0)], fails=1.0)) == pytest.approx(4.5, rel=0.01)


def test_the_parts_of_a_step_add_up() -> None:
    step = Step(lambda _: 1.0, lambda _: 2.0, lambda _: 4.0)
    model = Model(0.001, 100, [step], step, step, step, cores=1, connections=1, cold=1.0, cold_start=lambda _: 8.0)
    # Accept, begin and the one step. The end comes after the answer.
    assert held(model) == pytest.approx(45, rel=0.01)


def test_work_aside_uses_the_cores() -> None:
    """A core that works 0.1 s for an order and 0.4 s aside completes two orders a second."""
    run = simulate(Model(10.0, 50, [Step(lambda _: 0.1)], cores=1, aside=0.4), 2_000)
    assert run.throughput == pytest.approx(2, rel=0.1)


def test_connections_limit_the_rate() -> None:
    run = simulate(Model(100.0, 50, [Step(lambda _: 0.0, statements=lambda _: 0.1)], connections=3), 3_000)
    assert run.throughput == pytest.approx(30, rel=0.1)


def test_the_same_seed_gives_the_same_run() -> None:
    def run(seed: int) -> Outcome:
        return simulate(queue(8.5, 10), 1_000, seed)

    assert run(3) == run(3) != run(4)


def test_samples_have_the_measured_quantiles() -> None:
    chance = random.Random(1)
    draw = quantiles([0.0, 1.0, 10.0], scale=2)
    drawn = [draw(chance) for _ in range(20_000)]
    assert percentile(drawn, 0.5) == pytest.approx(2, rel=0.05)
    assert percentile(drawn, 0.75) == pytest.approx(11, rel=0.05)
    assert 0 <= min(drawn) <= max(drawn) <= 20
    assert all(2 <= between(2, 3)(chance) <= 3 for _ in range(100))
