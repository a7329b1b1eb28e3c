"""What an order and a month use of each AWS service, and what that costs.

Counts come from `template.yaml`, its nested templates and the state machine, durations and bytes from `one_order.json`,
prices from `prices.py`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from bench.application import Application
from bench.prices import HOURS, PRICES

DAYS = HOURS / 24

# The memory in MB at which Lambda gives a function one whole CPU. With less, computing takes proportionally longer.
MEMORY_OF_ONE_CPU = 1769
# Step Functions bills an Express execution for 50 MB, its definition and its data, rounded up to chunks.
EXPRESS_MB, EXPRESS_CHUNK_MB, EXPRESS_ROUNDING_MS = 50, 64, 100
# An event source mapping with MaximumConcurrency has five pollers, and each polls every 20 seconds.
POLLERS, POLLS_AN_HOUR = 5, 180
# Send, receive and delete.
REQUESTS_A_MESSAGE = 3
# One for the REST request, whose authorization may be cached, and one for the WebSocket connection.
AUTHORIZATIONS = 2
# X-Ray's default sampling: the first trace of each second and 5 % of the others. An order has four traces, one of its
# REST request and three of its connection.
TRACES, TRACES_A_SECOND, TRACED_SHARE = 4, 1, 0.05
# A fully used vCPU is four ACU; Aurora scales up before that.
ACU_OF_ONE_CPU, BUSY = 4, 0.7
PROXY_ACU, CACHE_GB, REDIS_GB = 8, 0.1, 1.0
AURORA_IO_BYTES = 4096
# One line each for the REST request, for connecting and for disconnecting.
ACCESS_LOG_BYTES, ACCESS_LOG_LINES = 450, 3
WATCHING_METRICS = ("OpenOrders", "OrderOpen", "WatchTick")
"""Those that are only written where orders wait."""
DELIVERING_METRICS = ("WebhooksDelivered", "WebhooksFailed")
"""Those that are only written where a webhook gets events."""
# Once in 15 seconds the deliverer writes down since when it follows the orders of webhooks.
MARKS_AN_HOUR = 240

MONTHS_KEPT = 3
"""How long orders stay in the database."""

# Servers that each run one Node process (Fastify, BullMQ, pg, ws): the rate measured on two whole CPUs, and the share
# of them that a t4g.small may use all the time.
NODE_ORDERS_A_SECOND, BASELINE = 755, 0.2
NEW_CONNECTIONS_OF_ONE_LCU = 25
SERVER_GB, DATABASE_GB = 20, 20


@dataclass(frozen=True, slots=True)
class Use:
    """`quantity` units at `PRICES[price]`."""

    service: str
    what: str
    price: str
    quantity: float


def dollars(uses: Iterable[Use], times: float = 1) -> float:
    """The price in dollars if each use occurs `times` times in a month. Uses of the same price share its tiers."""
    total: dict[str, float] = {}
    for use in uses:
        total[use.price] = total.get(use.price, 0) + use.quantity * times
    return sum(PRICES[price].of(quantity) for price, quantity in total.items())


def durations(measured: dict[str, Any]) -> dict[str, float]:
    """Billed milliseconds of one invocation, by function."""
    return {name: float(function["billed_ms"]) for name, function in measured["functions"].items()}


def slower(application: Application, function: str) -> float:
    """The factor by which the function computes more slowly than on a whole CPU."""
    return max(MEMORY_OF_ONE_CPU / application.memory(function), 1)


class Order:
    """What one order uses if it is confirmed at the first attempt, on the market of the record.

    Without `waits`, venues and chain answer at once. On Solana the wallet's key is in KMS.
    """

    def __init__(self, application: Application, record: dict[str, Any], waits: bool = True) -> None:
        self._application = application
        self._record = record["realistic"]
        self._instant = durations(record["instant"])
        self._waiting = durations(self._record) if waits else self._instant
        # The states of the measurement, which the machine may have changed since.
        self._measured_steps: float = sum(
            self._instant[name] * record["instant"]["functions"][name]["invocations"]
            for name in {step.function for step in application.steps()}
        )
        # A market that answers at once has the result at the first question.
        (question,) = application.steps(application.again())
        asked, once = (
            record[market]["functions"][question.function]["invocations"] for market in ("realistic", "instant")
        )
        self._again: float = round(asked - once, 3) if waits else 0
        counted = Counter(step.function for step in application.steps())
        self._steps: dict[str, float] = {**counted, question.function: counted[question.function] + self._again}

    def milliseconds(self, function: str) -> int:
        """The billed duration of an invocation: waiting as measured, computing at the CPU share of its memory."""
        computing = self._instant[function]
        waiting = max(self._waiting[function] - computing, 0)
        return math.ceil(computing * slower(self._application, function) + waiting)

    def execution_milliseconds(self) -> int:
        """The duration of the execution: its steps, and its pauses between the questions for the result."""
        steps = sum(count * self.milliseconds(function) for function, count in self._steps.items())
        return math.ceil(steps + self._again * self._application.pause() * 1000)

    def transitions(self) -> float:
        """The number of states that the execution enters."""
        return len(self._application.path()) + self._again * len(self._application.again())

    def dispatch_milliseconds(self, waits: bool = True) -> int:
        """The billed duration of `DispatchFunction`, which waits for the execution unless `waits` is false."""
        own = max(self._instant["DispatchFunction"] - self._measured_steps, 0)
        own *= slower(self._application, "DispatchFunction")
        return math.ceil(own) + (self.execution_milliseconds() if waits else 0)

    def held(self) -> Use:
        """The wait of `DispatchFunction` for the execution."""
        return self._gigabyte_seconds("DispatchFunction", self.execution_milliseconds() / 1000)

    def slower_node(self, milliseconds: int) -> list[Use]:
        """What an order uses in addition if each answer of a node takes so much longer.

        All calls count as calls of `ExecuteFunction`, which has most of them.
        """
        seconds = self._record["node_calls"] * milliseconds / 1000
        functions = ("ExecuteFunction", "DispatchFunction")
        hours = Use("Step Functions", "", "express duration", seconds / 3600 * self._execution_megabytes() / 1024)
        return [hours, *(self._gigabyte_seconds(function, seconds) for function in functions)]

    def invocations(self) -> list[tuple[str, float, int]]:
        """Function, mean number of invocations and billed milliseconds of each."""
        others = {"AuthorizeFunction": AUTHORIZATIONS, "SubmitFunction": 1, "WsConnectFunction": 3}
        found: list[tuple[str, float, int]] = [(name, count, self.milliseconds(name)) for name, count in others.items()]
        found.append(("DispatchFunction", 1, self.dispatch_milliseconds()))
        return found + [(name, count, self.milliseconds(name)) for name, count in self._steps.items()]

    def uses(self) -> list[Use]:
        functions = self._functions(self.invocations())
        return [*self._client(), *functions, *self._execution(), *self._signed(), *self._kept()]

    def standard(self) -> list[Use]:
        """What the order uses with a Standard workflow: `DispatchFunction` starts it and does not wait."""
        dispatched = ("DispatchFunction", 1, self.dispatch_milliseconds(waits=False))
        invocations = [dispatched if found[0] == "DispatchFunction" else found for found in self.invocations()]
        transitions = Use("Step Functions", "Standard: state transitions", "standard transition", self.transitions())
        return [*self._client(), *self._functions(invocations), transitions, *self._signed(), *self._kept()]

    def _client(self) -> Iterator[Use]:
        pushes = self._record["messages"] * math.ceil(self._record["largest_message_bytes"] / 32_768)
        minutes = math.ceil(self._connected_seconds() / 60)
        yield Use("API Gateway", "REST requests", "rest request", 1)
        yield Use("API Gateway", "WebSocket messages, of 32 KB", "websocket message", pushes)
        yield Use("API Gateway", "WebSocket minutes, rounded up", "websocket minute", minutes)
        yield Use("API Gateway", "GB out", "data out", self._record["bytes_out"] / 1e9)
        queues = [name for name in self._application.queue_triggers() if name != "DeadLetterQueue"]
        yield Use("SQS", f"requests for {len(queues)} messages", "sqs request", len(queues) * REQUESTS_A_MESSAGE)

    def _connected_seconds(self) -> float:
        return self.execution_milliseconds() / 1000

    def _functions(self, invocations: list[tuple[str, float, int]]) -> Iterator[Use]:
        yield Use("Lambda", "requests", "lambda request", sum(count for _, count, _ in invocations))
        for name, count, milliseconds in invocations:
            what = f"GB-seconds, {name.removesuffix('Function')}: {count:g} × {milliseconds} ms"
            yield replace(self._gigabyte_seconds(name, count * milliseconds / 1000), what=what)

    def _gigabyte_seconds(self, function: str, seconds: float) -> Use:
        quantity = seconds * self._application.memory(function) / 1024
        return Use("Lambda", "GB-seconds", f"lambda {self._application.architecture}", quantity)

    def _execution(self) -> Iterator[Use]:
        milliseconds = self.execution_milliseconds()
        rounded = math.ceil(milliseconds / EXPRESS_ROUNDING_MS) * EXPRESS_ROUNDING_MS
        billed = self._execution_megabytes()
        hours = rounded / 3_600_000 * billed / 1024
        yield Use("Step Functions", "Express: requests", "express request", 1)
        yield Use("Step Functions", f"Express: GB-hours, {rounded / 1000:g} s × {billed} MB", "express duration", hours)

    def _execution_megabytes(self) -> int:
        megabytes = EXPRESS_MB + self._application.definition_bytes() / 2**20
        return math.ceil(megabytes / EXPRESS_CHUNK_MB) * EXPRESS_CHUNK_MB

    def _signed(self) -> Iterator[Use]:
        if self._record["node_calls"]:
            yield Use("KMS", "signatures", "signature", 1)

    def _kept(self) -> Iterator[Use]:
        logged = sum(count * self._record["functions"][name]["log_bytes"] for name, count, _ in self.invocations())
        logged += ACCESS_LOG_BYTES * ACCESS_LOG_LINES
        yield Use("CloudWatch", "GB of logs", "log", logged / 1e9)
        # One more for the rate limit, which is off in the measured stack.
        yield Use("ElastiCache", "ECPU", "ecpu", self._record["redis_commands"] + 1)
        yield Use("Aurora", "I/O", "aurora io", self._record["postgres_wal_bytes"] / AURORA_IO_BYTES)
        yield Use(
            "Aurora",
            f"GB kept for {MONTHS_KEPT} months",
            "aurora storage",
            self._record["postgres_stored_bytes"] / 1e9 * MONTHS_KEPT,
        )


def fixed(application: Application, record: dict[str, Any]) -> list[Use]:
    """What a month uses without a single order, on Solana, with the wallet's key in KMS and a node's URL in a secret.

    The search for pools takes as long as it may.
    """
    counted = application.counted()
    scheduled = {name: count * HOURS for name, count in application.runs_an_hour().items()}
    sweep = record["realistic"]["functions"]["RecoverFunction"]["billed_ms"] / 1000

    def of_sweeps(function: str, what: str) -> Use:
        gigabytes = application.memory(function) / 1024
        seconds = scheduled[function] * sweep * slower(application, function)
        return Use("Lambda", f"GB-seconds of {what}", f"lambda {application.architecture}", seconds * gigabytes)

    found = [
        *database(application),
        *network(application),
        *(
            Use("ElastiCache", "GB-hours, minimum", "cache storage", HOURS * least_cached(properties))
            for _, properties in application.of("AWS::ElastiCache::ServerlessCache")
        ),
        Use("Secrets Manager", "secrets", "secret", secrets(application) + 1),
        Use("KMS", "keys", "key", counted["AWS::KMS::Key"] + 1),
        Use("CloudWatch", "metrics", "metric", len(record["realistic"]["metrics"])),
        Use("CloudWatch", "alarms, by metric", "alarm", alarm_metrics(application)),
        Use("CloudWatch", "dashboards", "dashboard", counted["AWS::CloudWatch::Dashboard"]),
        Use(
            "SQS",
            "empty receives",
            "sqs request",
            len(application.queue_triggers()) * POLLERS * POLLS_AN_HOUR * HOURS,
        ),
        Use("EventBridge Scheduler", "runs", "schedule", sum(scheduled.values())),
        Use("Lambda", "runs by schedule", "lambda request", sum(scheduled.values())),
        of_sweeps("RecoverFunction", "sweeps"),
        # One transaction, where a sweep has several.
        of_sweeps("WatchFunction", "questions whether an order waits, at most"),
        of_sweeps("DeliverFunction", "questions whether there is a webhook, at most"),
        Use(
            "Lambda",
            "GB-seconds of searches for pools, at most",
            f"lambda {application.architecture}",
            scheduled["DiscoverFunction"]
            * application.timeout("DiscoverFunction")
            * application.memory("DiscoverFunction")
            / 1024,
        ),
    ]
    return [use for use in found if use.quantity]


def watching(application: Application) -> list[Use]:
    """What a month uses in addition if an order waits all the time. The watcher renews its lease at every look."""
    looks = HOURS * 3600 / application.watch_interval()
    gigabytes = application.memory("WatchFunction") / 1024
    return [
        Use("Lambda", "GB-seconds of watching", f"lambda {application.architecture}", HOURS * 3600 * gigabytes),
        Use("Aurora", "I/O", "aurora io", looks),
        Use("CloudWatch", "metrics", "metric", len(WATCHING_METRICS)),
    ]


def delivering(application: Application) -> list[Use]:
    """What a month uses in addition if there is a webhook all the time, beside its messages."""
    gigabytes = application.memory("DeliverFunction") / 1024
    return [
        Use("Lambda", "GB-seconds of delivering", f"lambda {application.architecture}", HOURS * 3600 * gigabytes),
        Use("Aurora", "I/O", "aurora io", HOURS * MARKS_AN_HOUR),
        Use("CloudWatch", "metrics", "metric", len(DELIVERING_METRICS)),
    ]


def message(application: Application, seconds: float) -> list[Use]:
    """What one message to a webhook uses whose receiver answers after `seconds`: `PostFunction` waits for it."""
    gigabytes = application.memory("PostFunction") / 1024
    return [
        Use("Lambda", "requests", "lambda request", 1),
        Use("Lambda", "GB-seconds of messages", f"lambda {application.architecture}", seconds * gigabytes),
    ]


def database(application: Application) -> Iterator[Use]:
    capacity = least_capacity(application)
    if capacity:
        yield Use("Aurora", "ACU-hours, minimum", "acu", capacity * HOURS)
    proxies = application.counted()["AWS::RDS::DBProxy"]
    if proxies:
        yield Use("RDS Proxy", f"ACU-hours, at least {PROXY_ACU}", "proxy", proxies * max(PROXY_ACU, capacity) * HOURS)


def network(application: Application) -> Iterator[Use]:
    hours = 0
    for template, properties in application.of("AWS::EC2::VPCEndpoint"):
        if properties.get("VpcEndpointType") == "Interface":
            hours += HOURS * len(template.value(properties["SubnetIds"]))
    if hours:
        yield Use("PrivateLink", f"hours of {hours // HOURS} interface endpoints and zones", "endpoint", hours)
    yield Use("VPC", "hours of NAT gateways", "nat", application.counted()["AWS::EC2::NatGateway"] * HOURS)


def alarm_metrics(application: Application) -> int:
    """The number of metrics that are billed for alarms. An alarm on an expression is billed for each metric in it."""
    return sum(
        sum("MetricStat" in metric for metric in alarm.get("Metrics", [])) or 1
        for _, alarm in application.of("AWS::CloudWatch::Alarm")
    )


def least_capacity(application: Application) -> float:
    """The minimum capacity of all instances together, in ACU."""
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
    """What grows with the orders, but not in proportion: capacity above the minimum, and traces."""
    a_second = orders_a_day / 86_400
    found = []
    least = least_capacity(application)
    needed = a_second * record["realistic"]["postgres_cpu_ms"] / 1000 * ACU_OF_ONE_CPU / BUSY
    # A standby scales with the writer.
    needed *= application.counted()["AWS::RDS::DBInstance"]
    more = max(needed - least, 0)
    if least and more:
        found.append(Use("Aurora", "ACU-hours above the minimum", "acu", more * HOURS))
        beyond = max(needed - max(PROXY_ACU, least), 0) * application.counted()["AWS::RDS::DBProxy"]
        found.append(Use("RDS Proxy", "ACU-hours above the minimum", "proxy", beyond * HOURS))
    if application.traced:
        traces = a_second * TRACES
        recorded = min(traces, TRACES_A_SECOND) + max(traces - TRACES_A_SECOND, 0) * TRACED_SHARE
        found.append(Use("X-Ray", "traces", "trace", recorded * 3600 * HOURS))
    return found


def month(application: Application, record: dict[str, Any], orders_a_day: float, order: list[Use]) -> float:
    """The total in dollars. All uses of a service count towards its tiers."""
    orders = orders_a_day * DAYS
    uses = [Use(use.service, use.what, use.price, use.quantity * orders) for use in order]
    return dollars([*uses, *fixed(application, record), *growing(application, record, orders_a_day)])


def servers(record: dict[str, Any], orders_a_day: float, managed: bool) -> float:
    """Dollars a month for the same orders on servers that always run, with one more than needed in case one fails."""
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
