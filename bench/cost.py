"""What an order costs on AWS: the billable operations of one, the fixed costs, and both at several volumes.

Counts come from `template.yaml`, its nested templates and the state machine, durations and bytes from `one_order.json`,
prices from `prices.py`. Prints the tables, and puts them into `docs/costs.md`.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.application import Application
from bench.one_order import RECORD
from bench.prices import AS_OF, HOURS, PRICES

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "costs.md"
BEGIN, END = "<!-- Written by make costs: begin -->\n", "<!-- Written by make costs: end -->\n"
ENVIRONMENT = "prod"

DAYS = HOURS / 24
VOLUMES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
"""Orders a day."""

# How Lambda gives CPU: a whole one at so many MB. What is measured as computing here takes so much longer with less.
MEMORY_OF_ONE_CPU = 1769
# Step Functions reckons 50 MB for an Express execution, its definition and its data, in chunks.
EXPRESS_MB, EXPRESS_CHUNK_MB, EXPRESS_ROUNDING_MS = 50, 64, 100
# An event source mapping with MaximumConcurrency keeps so many connections, each of which asks every 20 seconds.
POLLERS, POLLS_AN_HOUR = 5, 180
# One sends, one receives, one deletes.
REQUESTS_A_MESSAGE = 3
# The WebSocket API asks its authorizer at each connection, the REST API where it has no answer of the last seconds.
AUTHORIZATIONS = 2
# X-Ray's own rule: one trace a second, and then one in twenty. An order's: REST, and three of its connection.
TRACES, TRACES_A_SECOND, TRACED_SHARE = 4, 1, 0.05
# A vCPU that is busy all the time is four ACU; Aurora grows before it is.
ACU_OF_ONE_CPU, BUSY = 4, 0.7
PROXY_ACU, CACHE_GB, REDIS_GB = 8, 0.1, 1.0
AURORA_IO_BYTES = 4096
# A line of an access log: of a REST request, of a connection's beginning and of its end.
ACCESS_LOG_BYTES, ACCESS_LOG_LINES = 450, 3
MONTHS_KEPT = 3
"""For how long orders stay in the database."""

# Servers with the design of one Node process (Fastify, BullMQ, pg, ws): what it was measured to do on two whole CPUs,
# and the share of them that a t4g.small may use all the time.
NODE_ORDERS_A_SECOND, BASELINE = 755, 0.2
NEW_CONNECTIONS_OF_ONE_LCU = 25
SERVER_GB, DATABASE_GB = 20, 20


@dataclass(frozen=True, slots=True)
class Use:
    """So many units of what `PRICES[price]` is the price of."""

    service: str
    what: str
    price: str
    quantity: float


def dollars(uses: Iterable[Use], times: float = 1) -> float:
    """For each use so many times in a month. Tiers count what several uses have of one thing together."""
    total: dict[str, float] = {}
    for use in uses:
        total[use.price] = total.get(use.price, 0) + use.quantity * times
    return sum(PRICES[price].of(quantity) for price, quantity in total.items())


def durations(measured: dict[str, Any]) -> dict[str, float]:
    """Milliseconds of an invocation, by function."""
    return {name: float(function["billed_ms"]) for name, function in measured["functions"].items()}


def slower(application: Application, function: str) -> float:
    """How many times as long the function computes as on a whole CPU."""
    return max(MEMORY_OF_ONE_CPU / application.memory(function), 1)


class Order:
    """The usual order of this application. Without `waits` the venues answer at once."""

    def __init__(self, application: Application, record: dict[str, Any], waits: bool = True) -> None:
        self._application = application
        self._record = record["realistic"]
        self._instant = durations(record["instant"])
        self._waiting = durations(self._record) if waits else self._instant
        # Of the states that there were when it was measured.
        self._measured_steps: float = sum(
            self._instant[name] * record["instant"]["functions"][name]["invocations"]
            for name in {step.function for step in application.steps()}
        )

    def milliseconds(self, function: str) -> int:
        """What an invocation is billed: waiting as it was measured, computing with the CPU that its memory brings."""
        computing = self._instant[function]
        waiting = max(self._waiting[function] - computing, 0)
        return math.ceil(computing * slower(self._application, function) + waiting)

    def execution_milliseconds(self) -> int:
        return sum(self.milliseconds(step.function) for step in self._application.steps())

    def dispatch_milliseconds(self, waits: bool = True) -> int:
        """`DispatchFunction` waits for the execution, unless that goes on without it."""
        own = max(self._instant["DispatchFunction"] - self._measured_steps, 0)
        own *= slower(self._application, "DispatchFunction")
        return math.ceil(own) + (self.execution_milliseconds() if waits else 0)

    def invocations(self) -> list[tuple[str, int, int]]:
        """Function, how often, and milliseconds each."""
        others = {"AuthorizeFunction": AUTHORIZATIONS, "SubmitFunction": 1, "WsConnectFunction": 3}
        found = [(name, count, self.milliseconds(name)) for name, count in others.items()]
        found.append(("DispatchFunction", 1, self.dispatch_milliseconds()))
        steps = Counter(step.function for step in self._application.steps())
        return found + [(name, count, self.milliseconds(name)) for name, count in steps.items()]

    def uses(self) -> list[Use]:
        return [*self._client(), *self._functions(self.invocations()), *self._execution(), *self._kept()]

    def standard(self) -> list[Use]:
        """With a Standard workflow, which nobody can wait for: `DispatchFunction` starts it and is done."""
        dispatched = ("DispatchFunction", 1, self.dispatch_milliseconds(waits=False))
        invocations = [dispatched if found[0] == "DispatchFunction" else found for found in self.invocations()]
        transitions = Use(
            "Step Functions", "Standard: state transitions", "standard transition", len(self._application.path())
        )
        return [*self._client(), *self._functions(invocations), transitions, *self._kept()]

    def _client(self) -> Iterator[Use]:
        pushes = self._record["messages"] * math.ceil(self._record["largest_message_bytes"] / 32_768)
        minutes = math.ceil(self._connected_seconds() / 60)
        yield Use("API Gateway", "REST requests", "rest request", 1)
        yield Use("API Gateway", "WebSocket messages, of 32 KB", "websocket message", pushes)
        yield Use("API Gateway", "WebSocket minutes, begun ones", "websocket minute", minutes)
        yield Use("API Gateway", "GB out", "data out", self._record["bytes_out"] / 1e9)
        queues = [name for name in self._application.queue_triggers() if name != "DeadLetterQueue"]
        yield Use("SQS", f"requests for {len(queues)} messages", "sqs request", len(queues) * REQUESTS_A_MESSAGE)

    def _connected_seconds(self) -> float:
        return self.execution_milliseconds() / 1000

    def _functions(self, invocations: list[tuple[str, int, int]]) -> Iterator[Use]:
        yield Use("Lambda", "requests", "lambda request", sum(count for _, count, _ in invocations))
        price = f"lambda {self._application.architecture}"
        for name, count, milliseconds in invocations:
            seconds = count * milliseconds / 1000 * self._application.memory(name) / 1024
            yield Use(
                "Lambda", f"GB-seconds, {name.removesuffix('Function')}: {count} × {milliseconds} ms", price, seconds
            )

    def _execution(self) -> Iterator[Use]:
        milliseconds = self.execution_milliseconds()
        rounded = math.ceil(milliseconds / EXPRESS_ROUNDING_MS) * EXPRESS_ROUNDING_MS
        megabytes = EXPRESS_MB + self._application.definition_bytes() / 2**20
        billed = math.ceil(megabytes / EXPRESS_CHUNK_MB) * EXPRESS_CHUNK_MB
        hours = rounded / 3_600_000 * billed / 1024
        yield Use("Step Functions", "Express: requests", "express request", 1)
        yield Use("Step Functions", f"Express: GB-hours, {rounded / 1000:g} s × {billed} MB", "express duration", hours)

    def _kept(self) -> Iterator[Use]:
        logged = sum(count * self._record["functions"][name]["log_bytes"] for name, count, _ in self.invocations())
        logged += ACCESS_LOG_BYTES * ACCESS_LOG_LINES
        yield Use("CloudWatch", "GB of logs", "log", logged / 1e9)
        # One for the rate limit, which the measured stack does without.
        yield Use("ElastiCache", "ECPU", "ecpu", self._record["redis_commands"] + 1)
        yield Use("Aurora", "I/O", "aurora io", self._record["postgres_wal_bytes"] / AURORA_IO_BYTES)
        yield Use(
            "Aurora",
            f"GB kept for {MONTHS_KEPT} months",
            "aurora storage",
            self._record["postgres_stored_bytes"] / 1e9 * MONTHS_KEPT,
        )


def fixed(application: Application, record: dict[str, Any]) -> list[Use]:
    """What a month costs without an order."""
    counted = application.counted()
    sweeps = application.schedules() * 60 * HOURS
    seconds = record["realistic"]["functions"]["RecoverFunction"]["billed_ms"] / 1000
    seconds *= slower(application, "RecoverFunction")
    found = [
        *database(application),
        *network(application),
        *(
            Use("ElastiCache", "GB-hours, the least there is", "cache storage", HOURS * least_cached(properties))
            for _, properties in application.of("AWS::ElastiCache::ServerlessCache")
        ),
        Use("Secrets Manager", "secrets", "secret", secrets(application)),
        Use("KMS", "keys", "key", counted["AWS::KMS::Key"]),
        Use("CloudWatch", "metrics", "metric", len(record["realistic"]["metrics"])),
        Use("CloudWatch", "alarms, by the metrics that they watch", "alarm", alarm_metrics(application)),
        Use("CloudWatch", "dashboards", "dashboard", counted["AWS::CloudWatch::Dashboard"]),
        Use(
            "SQS",
            "requests that find nothing",
            "sqs request",
            len(application.queue_triggers()) * POLLERS * POLLS_AN_HOUR * HOURS,
        ),
        Use("EventBridge Scheduler", "sweeps", "schedule", sweeps),
        Use("Lambda", "sweeps", "lambda request", sweeps),
        Use(
            "Lambda",
            "GB-seconds of sweeps",
            f"lambda {application.architecture}",
            sweeps * seconds * application.memory("RecoverFunction") / 1024,
        ),
    ]
    return [use for use in found if use.quantity]


def database(application: Application) -> Iterator[Use]:
    capacity = least_capacity(application)
    if capacity:
        yield Use("Aurora", "ACU-hours, the least there is", "acu", capacity * HOURS)
    proxies = application.counted()["AWS::RDS::DBProxy"]
    if proxies:
        yield Use("RDS Proxy", f"ACU-hours, {PROXY_ACU} at least", "proxy", proxies * max(PROXY_ACU, capacity) * HOURS)


def network(application: Application) -> Iterator[Use]:
    hours = 0
    for template, properties in application.of("AWS::EC2::VPCEndpoint"):
        if properties.get("VpcEndpointType") == "Interface":
            hours += HOURS * len(template.value(properties["SubnetIds"]))
    if hours:
        yield Use("PrivateLink", f"hours of {hours // HOURS} interface endpoints and zones", "endpoint", hours)
    yield Use("VPC", "hours of NAT gateways", "nat", application.counted()["AWS::EC2::NatGateway"] * HOURS)


def alarm_metrics(application: Application) -> int:
    """An alarm on an expression is billed for each metric in it."""
    return sum(
        sum("MetricStat" in metric for metric in alarm.get("Metrics", [])) or 1
        for _, alarm in application.of("AWS::CloudWatch::Alarm")
    )


def least_capacity(application: Application) -> float:
    """ACU of all instances together."""
    return sum(
        float(template.value(cluster["ServerlessV2ScalingConfiguration"]["MinCapacity"]))
        * application.counted()["AWS::RDS::DBInstance"]
        for template, cluster in application.of("AWS::RDS::DBCluster")
    )


def least_cached(cache: dict[str, Any]) -> float:
    return CACHE_GB if cache["Engine"] == "valkey" else REDIS_GB


def secrets(application: Application) -> int:
    managed = sum(bool(cluster.get("ManageMasterUserPassword")) for _, cluster in application.of("AWS::RDS::DBCluster"))
    return application.counted()["AWS::SecretsManager::Secret"] + managed


def growing(application: Application, record: dict[str, Any], orders_a_day: float) -> list[Use]:
    """What of a month's costs follows the orders, but not in proportion: capacity above the least, and traces."""
    a_second = orders_a_day / 86_400
    found = []
    least = least_capacity(application)
    needed = a_second * record["realistic"]["postgres_cpu_ms"] / 1000 * ACU_OF_ONE_CPU / BUSY
    # One that stands by grows with the one that works.
    needed *= application.counted()["AWS::RDS::DBInstance"]
    more = max(needed - least, 0)
    if least and more:
        found.append(Use("Aurora", "ACU-hours above the least", "acu", more * HOURS))
        beyond = max(needed - max(PROXY_ACU, least), 0) * application.counted()["AWS::RDS::DBProxy"]
        found.append(Use("RDS Proxy", "ACU-hours above the least", "proxy", beyond * HOURS))
    if application.traced:
        traces = a_second * TRACES
        recorded = min(traces, TRACES_A_SECOND) + max(traces - TRACES_A_SECOND, 0) * TRACED_SHARE
        found.append(Use("X-Ray", "traces", "trace", recorded * 3600 * HOURS))
    return found


def month(application: Application, record: dict[str, Any], orders_a_day: float, order: list[Use]) -> float:
    """Dollars, everything together. Each service's tiers count all that is used of it."""
    orders = orders_a_day * DAYS
    uses = [Use(use.service, use.what, use.price, use.quantity * orders) for use in order]
    return dollars([*uses, *fixed(application, record), *growing(application, record, orders_a_day)])


def servers(record: dict[str, Any], orders_a_day: float, managed: bool) -> float:
    """Dollars a month for the same orders on always-on servers: at least two, of which one may be away."""
    a_second = orders_a_day / 86_400
    count = 1 + max(1, math.ceil(a_second / (NODE_ORDERS_A_SECOND * BASELINE)))
    stored = orders_a_day * DAYS * MONTHS_KEPT * record["realistic"]["postgres_stored_bytes"] / 1e9
    connections = 2 * a_second
    uses = [
        Use("EC2", "t4g.small", "t4g.small", count * HOURS),
        Use("EC2", "disks", "gp3", count * SERVER_GB),
        Use("EC2", "addresses", "ipv4", (count + 2) * HOURS),
        Use("EC2", "data out", "data out", record["realistic"]["bytes_out"] / 1e9 * orders_a_day * DAYS),
        Use("ELB", "Application Load Balancer", "load balancer", HOURS),
        Use("ELB", "LCU", "load balancer capacity", max(1, connections / NEW_CONNECTIONS_OF_ONE_LCU) * HOURS),
    ]
    if managed:
        uses += [
            Use("RDS", "Postgres, Multi-AZ", "db.t4g.small, Multi-AZ", HOURS),
            Use("RDS", "storage", "gp3, Multi-AZ", DATABASE_GB + stored),
            Use("ElastiCache", "two nodes", "cache.t4g.micro", 2 * HOURS),
        ]
    else:
        uses.append(Use("EC2", "the database's disk", "gp3", DATABASE_GB + stored))
    return dollars(uses)


# Tables


def table(columns: list[str], rows: list[list[str]], text: int = 1) -> str:
    """Figures to the right: every column after the first `text`."""
    lines = [columns, ["---"] * text + ["---:"] * (len(columns) - text), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def money(amount: float) -> str:
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"


def number(quantity: float) -> str:
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:.3g}" if quantity >= 0.001 else f"{quantity:.2e}"


def tables(template: Path, record: dict[str, Any]) -> str:
    application, small = Application(template, ENVIRONMENT), Application(template, "dev")
    order = Order(application, record)
    uses, standard = order.uses(), order.standard()
    at_once = Order(application, record, waits=False).uses()
    rows = [[use.service, use.what, number(use.quantity), money(dollars([use], 1e6))] for use in uses]
    rows.append(["**all**", "", "", f"**{money(sum(dollars([use], 1e6) for use in uses))}**"])
    monthly = fixed(application, record)
    fixed_rows = [[use.service, use.what, number(use.quantity), money(dollars([use]))] for use in monthly]
    fixed_rows.append(["**all**", "", "", f"**{money(dollars(monthly))}**"])
    volumes = []
    for volume in VOLUMES:
        here = month(application, record, volume, uses)
        volumes.append(
            [
                f"{volume:,}",
                money(here),
                money(here / (volume * DAYS) * 1e6),
                money(month(application, record, volume, at_once)),
                money(month(application, record, volume, standard)),
                money(servers(record, volume, managed=True)),
                money(servers(record, volume, managed=False)),
            ]
        )
    waiting = dollars(uses, 1e6) - dollars(at_once, 1e6)
    transitions = len(application.path())
    prices = f"List prices of US East (N. Virginia) as known on {AS_OF}, in US dollars, without free tiers."
    measured = f"Durations and bytes measured on {record['when']}, {record['where']}."
    price_of_transitions = money(dollars([Use("", "", "standard transition", transitions)], 1e6))
    compared = (
        f"Of this, ${money(waiting)} are for waiting: with venues that answer at once a million orders cost"
        f" ${money(dollars(at_once, 1e6))}. With a Standard workflow they would cost ${money(dollars(standard, 1e6))}:"
        f" {transitions} state transitions an order, ${price_of_transitions} a million orders, in place of the Express"
        " requests and GB-hours, and no DispatchFunction that waits."
    )
    columns = [
        "orders a day",
        "this",
        "this, for a million orders",
        "venues that answer at once",
        "Standard workflow",
        "two servers, managed stores",
        "two servers, own stores",
    ]
    return "\n".join(
        [
            f"{prices} {measured}\n",
            "### One order\n",
            table(["service", "billed", "for one order", "$ for a million orders"], rows, text=2),
            f"{compared}\n",
            "### A month without an order\n",
            table(["service", "billed", "a month", "$ a month"], fixed_rows, text=2),
            f"In `dev` it is ${money(dollars(fixed(small, record)))}.\n",
            "### A month, in $\n",
            table(columns, volumes, text=0),
        ]
    )


def brought_up_to_date(document: str, tables: str) -> str:
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected a document with {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    written = tables(ROOT / "template.yaml", json.loads(RECORD.read_text()))
    print(written)
    DOCUMENT.write_text(brought_up_to_date(DOCUMENT.read_text(), written))


if __name__ == "__main__":
    main()
