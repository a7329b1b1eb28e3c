from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from order_engine.aws import observability


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "orders-of-mine")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "OrderEngine")
    observability._metric.cache_clear()
    yield
    observability._metric.cache_clear()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("service")
def test_an_event_is_counted_in_powertools_words(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics()
    for status in ("pending", "confirmed"):
        metrics.add_metric(name=f"Order{status.capitalize()}", unit=MetricUnit.Count, value=1)
        metrics.flush_metrics()
        observability.count(status)
        theirs, ours = lines(capsys)
        assert abs(ours["_aws"].pop("Timestamp") - theirs["_aws"].pop("Timestamp")) < 60_000
        assert ours == theirs
        assert (ours["service"], ours["_aws"]["CloudWatchMetrics"][0]["Namespace"]) == ("orders-of-mine", "OrderEngine")


@pytest.mark.usefixtures("service")
def test_a_count_names_its_order_as_other_lines_do(capsys: pytest.CaptureFixture[str]) -> None:
    observability.logger.set_correlation_id("an-order")
    try:
        observability.count("pending")
    finally:
        observability.logger.set_correlation_id(None)
    observability.count("pending")
    named, unnamed = lines(capsys)
    assert named.pop("correlation_id") == "an-order"
    assert named.keys() == unnamed.keys()


@pytest.mark.usefixtures("service")
def test_what_is_measured_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    observability.measure("WatchTick", "Milliseconds", [12.5, 13.0])
    (line,) = lines(capsys)
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Metrics"] == [{"Name": "WatchTick", "Unit": "Milliseconds"}]
    assert (line["WatchTick"], line["service"]) == ([12.5, 13.0], "orders-of-mine")


@pytest.mark.usefixtures("service")
def test_every_event_is_counted_at_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    before = time.time_ns() // 1_000_000
    observability.count("pending")
    time.sleep(0.01)
    observability.count("pending")
    first, second = (line["_aws"]["Timestamp"] for line in lines(capsys))
    assert before <= first < second <= time.time_ns() // 1_000_000
