from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bench import billing, cost
from bench.application import Application, Step
from bench.billing import Order, Use, dollars
from bench.one_order import RECORD
from bench.prices import HOURS, PRICES, Price

TEMPLATE = cost.ROOT / "template.yaml"
MACHINE = "statemachine/order.asl.json"

SMALL = """
Parameters:
  Capacity: { Type: Number, Default: 0.5 }
  Zones: { Type: CommaDelimitedList, Default: a }
Globals: { Function: { MemorySize: 512 } }
Conditions:
  Small: !Not [!Equals [!Ref Capacity, 2]]
  Never: !And [!Condition Small, !Equals [!Ref Zones, b]]
Resources:
  Stores:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: stores.yaml
      Parameters: { Least: !Ref Capacity, Made: !GetAtt Other.Outputs.Thing, Replica: !If [Small, "false", "true"] }
  Nothing: { Type: AWS::EC2::NatGateway, Condition: Never }
  Simple: { Type: AWS::CloudWatch::Alarm, Properties: { MetricName: Errors } }
  Share:
    Type: AWS::CloudWatch::Alarm
    Properties: { Metrics: [{ Expression: a / b }, { Id: a, MetricStat: {} }, { Id: b, MetricStat: {} }] }
"""
STORES = """
Parameters:
  Least: { Type: Number }
  Made: { Type: String }
  Replica: { Type: String }
Conditions:
  HasReplica: !Or [!Equals [!Ref Replica, "true"], !Equals [!Ref Replica, "yes"]]
Resources:
  Cluster:
    Type: AWS::RDS::DBCluster
    Properties:
      ServerlessV2ScalingConfiguration: { MinCapacity: !Ref Least, MaxCapacity: 8 }
      ManageMasterUserPassword: true
  Writer: { Type: AWS::RDS::DBInstance, Properties: {} }
  Reader: { Type: AWS::RDS::DBInstance, Condition: HasReplica, Properties: {} }
  Proxy: { Type: AWS::RDS::DBProxy, Properties: {} }
  Cache: { Type: AWS::ElastiCache::ServerlessCache, Properties: { Engine: valkey } }
  Queues:
    Type: AWS::EC2::VPCEndpoint
    Properties: { VpcEndpointType: Interface, SubnetIds: [!Ref A, !Ref B] }
  Buckets: { Type: AWS::EC2::VPCEndpoint, Properties: { VpcEndpointType: Gateway } }
"""


@pytest.fixture
def record() -> dict[str, Any]:
    """What was measured on Solana."""
    found: dict[str, Any] = json.loads(RECORD.read_text())["solana"]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the template and of the files that it needs, for a test to change."""
    (tmp_path / "statemachine").mkdir()
    for name in ("template.yaml", MACHINE):
        (tmp_path / name).write_text((cost.ROOT / name).read_text())
    for path in (cost.ROOT / "infra").glob("*.yaml"):
        (tmp_path / "infra").mkdir(exist_ok=True)
        (tmp_path / "infra" / path.name).write_text(path.read_text())
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def quantity(uses: list[Use], service: str, what: str) -> float:
    (found,) = [use.quantity for use in uses if use.service == service and use.what.startswith(what)]
    return found


def test_a_tier_applies_to_the_units_above_the_tier_below() -> None:
    price = Price("thing", "a page", ((10, 1.0), (30, 0.5), (math.inf, 0.1)))
    assert [price.of(count) for count in (0, 10, 20, 30, 40)] == [0, 10, 15, 20, 21]


def test_uses_with_the_same_price_share_its_tiers() -> None:
    uses = [Use("A", "", "express duration", 600), Use("B", "", "express duration", 600)]
    assert dollars(uses) == pytest.approx(1000 * 0.06 + 200 * 0.03)
    assert dollars(uses[:1], 2) == pytest.approx(dollars(uses))


def test_an_order_passes_through_the_states_of_the_machine() -> None:
    application = Application(TEMPLATE)
    assert application.path() == ["Resume", "Route", "Build", "Submit", "Confirm", "HasResult", "Confirmed"]
    assert application.steps()[:2] == [Step("Route", "RouteFunction"), Step("Build", "ExecuteFunction")]
    assert (application.again(), application.pause()) == (["AwaitResult", "Confirm", "HasResult"], 1)


def asked(record: dict[str, Any], more: float) -> dict[str, Any]:
    """Returns the record of orders whose result was asked for `more` times beside the first."""
    once = record["instant"]["functions"]["ExecuteFunction"]["invocations"]
    record["realistic"]["functions"]["ExecuteFunction"]["invocations"] = once + more
    return record


def test_one_state_less_saves_an_invocation_and_a_transition(folder: Path, record: dict[str, Any]) -> None:
    record = asked(record, 0)
    before = Order(Application(TEMPLATE), record)
    machine = json.loads((folder / MACHINE).read_text())
    machine["States"]["Submit"]["Next"] = "Confirmed"
    (folder / MACHINE).write_text(json.dumps(machine))
    after = Order(Application(folder / "template.yaml"), record)
    assert quantity(before.uses(), "Lambda", "requests") - 1 == quantity(after.uses(), "Lambda", "requests")
    transitions = [quantity(order.standard(), "Step Functions", "Standard") for order in (before, after)]
    assert transitions == [7, 5]
    assert before.dispatch_milliseconds() - after.dispatch_milliseconds() == before.milliseconds("ExecuteFunction")


def test_each_further_question_is_an_invocation_and_a_pause(record: dict[str, Any]) -> None:
    application = Application(TEMPLATE)
    once, again = Order(application, asked(record, 0)), Order(application, asked(record, 2.5))
    assert quantity(again.uses(), "Lambda", "requests") == quantity(once.uses(), "Lambda", "requests") + 2.5
    transitions = [quantity(order.standard(), "Step Functions", "Standard") for order in (once, again)]
    assert transitions == [7, 7 + 2.5 * 3]
    longer = again.execution_milliseconds() - once.execution_milliseconds()
    assert longer == math.ceil(2.5 * (1000 + once.milliseconds("ExecuteFunction")))
    assert again.dispatch_milliseconds() - once.dispatch_milliseconds() == longer


def test_venues_that_answer_at_once_are_asked_once(record: dict[str, Any]) -> None:
    order = Order(Application(TEMPLATE), asked(record, 2.5), waits=False)
    assert {name: count for name, count, _ in order.invocations()}["ExecuteFunction"] == 3
    assert order.transitions() == 7


def test_only_dispatch_is_billed_for_the_execution(record: dict[str, Any]) -> None:
    once, again = (Order(Application(TEMPLATE), asked(record, more)) for more in (0, 1))
    longer = again.execution_milliseconds() - once.execution_milliseconds()
    held = again.held().quantity - once.held().quantity
    assert held == pytest.approx(longer / 1000 * Application(TEMPLATE).memory("DispatchFunction") / 1024)


def test_a_slower_node_is_paid_for_by_its_caller_by_dispatch_and_by_the_machine(record: dict[str, Any]) -> None:
    record["realistic"]["node_calls"] = 10
    application = Application(TEMPLATE)
    megabytes = application.memory("ExecuteFunction") + application.memory("DispatchFunction")
    uses = Order(application, record).slower_node(100)
    assert sum(use.quantity for use in uses if use.service == "Lambda") == pytest.approx(megabytes / 1024)
    assert quantity(uses, "Step Functions", "") == pytest.approx(64 / 1024 / 3600)


def test_an_order_is_signed_where_there_is_a_chain(record: dict[str, Any]) -> None:
    assert quantity(Order(Application(TEMPLATE), record).uses(), "KMS", "signatures") == 1
    simulated = json.loads(RECORD.read_text())["simulated"]
    assert not [use for use in Order(Application(TEMPLATE), simulated).uses() if use.service == "KMS"]


def test_less_cpu_lengthens_computing_but_not_waiting(folder: Path, record: dict[str, Any]) -> None:
    record["instant"]["functions"]["RouteFunction"]["billed_ms"] = 10.2
    record["realistic"]["functions"]["RouteFunction"]["billed_ms"] = 1010.2
    assert Order(Application(TEMPLATE), record).milliseconds("RouteFunction") == math.ceil(10.2 * 1769 / 512 + 1000)
    assert Order(Application(TEMPLATE), record, waits=False).milliseconds("RouteFunction") == math.ceil(35.24)
    change(folder / "template.yaml", "MemorySize: 512", "MemorySize: 3538")
    assert Order(Application(folder / "template.yaml"), record).milliseconds("RouteFunction") == math.ceil(1010.2)


def test_an_execution_is_billed_in_tenths_of_a_second_and_chunks_of_64_mb(record: dict[str, Any]) -> None:
    for market in ("instant", "realistic"):
        for function in record[market]["functions"].values():
            function["billed_ms"] = 1769 / 3538
    order = Order(Application(TEMPLATE), asked(record, 0))
    assert order.execution_milliseconds() == 4 * 2
    assert quantity(order.uses(), "Step Functions", "Express: GB-hours") == pytest.approx(0.1 / 3600 * 64 / 1024)


def test_a_message_is_billed_for_each_32_kb_begun(record: dict[str, Any]) -> None:
    pushed = quantity(Order(Application(TEMPLATE), record).uses(), "API Gateway", "WebSocket messages")
    assert pushed == 5
    record["realistic"]["largest_message_bytes"] = 32_769
    assert quantity(Order(Application(TEMPLATE), record).uses(), "API Gateway", "WebSocket messages") == 2 * pushed


def test_invocations_are_counted_as_they_were_measured(record: dict[str, Any]) -> None:
    counted = {name: count for name, count, _ in Order(Application(TEMPLATE), record).invocations()}
    # The REST API cached some of its authorizations.
    assert counted.pop("AuthorizeFunction") == 2
    measured = record["realistic"]["functions"]
    # A connection's end may be logged too late to be measured.
    assert {name: measured[name]["invocations"] for name in counted} == pytest.approx(counted, abs=0.05)


def test_an_empty_queue_is_polled_too(folder: Path, record: dict[str, Any]) -> None:
    before = quantity(billing.fixed(Application(folder / "template.yaml"), record), "SQS", "empty receives")
    assert before == 3 * 5 * 3 * 60 * HOURS
    change(folder / "template.yaml", "DeadLetter:\n          Type: SQS", "DeadLetter:\n          Type: SNS")
    after = quantity(billing.fixed(Application(folder / "template.yaml"), record), "SQS", "empty receives")
    assert after == before * 2 / 3


def test_each_schedule_runs_its_function_as_often_as_it_says(folder: Path, record: dict[str, Any]) -> None:
    template = folder / "template.yaml"
    before = billing.fixed(Application(template), record)
    # A sweep, a watcher and a deliverer a minute, and a search.
    assert quantity(before, "EventBridge Scheduler", "runs") == 181 * HOURS
    searching = quantity(before, "Lambda", "GB-seconds of searches")
    assert searching == HOURS * 300 / 2
    change(template, "rate(1 hour)", "rate(15 minutes)")
    after = billing.fixed(Application(template), record)
    assert quantity(after, "EventBridge Scheduler", "runs") == 184 * HOURS
    assert quantity(after, "Lambda", "GB-seconds of sweeps") == quantity(before, "Lambda", "GB-seconds of sweeps")
    assert quantity(after, "Lambda", "GB-seconds of searches") == 4 * searching


def test_a_watcher_that_watches_is_billed_for_all_of_its_time(folder: Path) -> None:
    uses = billing.watching(Application(folder / "template.yaml"))
    assert quantity(uses, "Lambda", "GB-seconds of watching") == HOURS * 3600 / 2
    assert quantity(uses, "Aurora", "I/O") == HOURS * 3600
    change(folder / "template.yaml", "SECONDS: !Ref WatchIntervalSeconds", "SECONDS: '10'")
    assert quantity(billing.watching(Application(folder / "template.yaml")), "Aurora", "I/O") == HOURS * 360


def test_a_webhook_is_billed_for_all_of_its_time_and_each_message_for_its_answer(folder: Path) -> None:
    application = Application(folder / "template.yaml")
    assert quantity(billing.delivering(application), "Lambda", "GB-seconds of delivering") == HOURS * 3600 / 4
    assert quantity(billing.message(application, 0.2), "Lambda", "requests") == 1
    assert quantity(billing.message(application, 0.2), "Lambda", "GB-seconds of messages") == 0.2 / 4
    change(folder / "template.yaml", "CodeUri: functions/post\n      MemorySize: 256", "CodeUri: functions/post")
    larger = Application(folder / "template.yaml")
    assert quantity(billing.message(larger, 0.2), "Lambda", "GB-seconds of messages") == 0.2 / 2


def test_an_engine_without_webhooks_only_asks_for_them(folder: Path, record: dict[str, Any]) -> None:
    template = folder / "template.yaml"
    uses = billing.fixed(Application(template), record)
    asking = quantity(uses, "Lambda", "GB-seconds of questions whether there is a webhook")
    # With half the memory it computes for twice as long.
    assert asking == quantity(uses, "Lambda", "GB-seconds of questions whether an order waits")
    often = "Deliver:\n          Type: ScheduleV2\n          Properties:\n            ScheduleExpression: rate(1 minute"
    change(template, often, often.replace("1 minute", "2 minutes"))
    uses = billing.fixed(Application(template), record)
    assert quantity(uses, "Lambda", "GB-seconds of questions whether there is a webhook") == asking / 2


def test_resources_of_nested_templates_count(tmp_path: Path, record: dict[str, Any]) -> None:
    (tmp_path / "template.yaml").write_text(SMALL)
    (tmp_path / "stores.yaml").write_text(STORES)
    (tmp_path / "samconfig.toml").write_text("[prod.deploy.parameters]\nparameter_overrides = 'Capacity=2'\n")
    default = Application(tmp_path / "template.yaml")
    assert billing.least_capacity(default) == 0.5
    assert billing.secrets(default) == 1
    uses = [*billing.database(default), *billing.network(default)]
    assert quantity(uses, "Aurora", "ACU-hours, minimum") == 0.5 * HOURS
    assert quantity(uses, "RDS Proxy", "ACU-hours, at least 8") == 8 * HOURS
    assert quantity(uses, "PrivateLink", "hours of 2 interface") == 2 * HOURS
    assert billing.alarm_metrics(default) == 3
    assert default.counted()["AWS::EC2::NatGateway"] == 0
    # Two instances with twice the capacity.
    assert billing.least_capacity(Application(tmp_path / "template.yaml", "prod")) == 2 * 2


def test_the_database_grows_once_its_minimum_capacity_is_busy(tmp_path: Path, record: dict[str, Any]) -> None:
    (tmp_path / "template.yaml").write_text(SMALL)
    (tmp_path / "stores.yaml").write_text(STORES)
    application = Application(tmp_path / "template.yaml")
    record["realistic"]["postgres_cpu_ms"] = 7.0
    # One CPU is four ACU, of which 70 % are used: 100 orders a second need 0.7 CPU and so 4 ACU.
    uses = billing.growing(application, record, 100 * 86_400)
    assert quantity(uses, "Aurora", "ACU-hours above") == pytest.approx((4 - 0.5) * HOURS)
    assert quantity(uses, "RDS Proxy", "ACU-hours above") == 0
    assert billing.growing(application, record, 10 * 86_400) == []


def test_there_are_two_servers_until_the_orders_need_more_than_one(record: dict[str, Any]) -> None:
    one = 755 * 0.2 * 86_400
    small = {**record, "realistic": {**record["realistic"], "postgres_stored_bytes": 0, "bytes_out": 0}}
    few, many = (billing.servers(small, orders, managed=False) for orders in (one * 0.9, one * 1.1))
    another = (PRICES["t4g.small"].of(1) + PRICES["ipv4"].of(1)) * HOURS + PRICES["gp3"].of(billing.SERVER_GB)
    connections = (
        2 * one * 0.2 / 86_400 / billing.NEW_CONNECTIONS_OF_ONE_LCU * PRICES["load balancer capacity"].of(HOURS)
    )
    assert many - few == pytest.approx(another + connections)


def test_the_document_is_up_to_date() -> None:
    """Run `make costs` after a change of the template, the state machine, the prices or the measurements."""
    tables = cost.tables(TEMPLATE, json.loads(RECORD.read_text()))
    document = cost.DOCUMENT.read_text()
    assert cost.updated(document, tables) == document


def test_a_document_without_a_place_for_the_tables_raises() -> None:
    with pytest.raises(ValueError, match="expected the lines"):
        cost.updated("# Costs\n", "")
