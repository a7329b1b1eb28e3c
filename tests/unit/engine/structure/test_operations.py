"""Logs, alarms, versions, limits and timeouts of the stack, in AWS's own translation of the template."""

from __future__ import annotations

import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from order_engine.bootstrap.aws import SEND_SECONDS
from order_engine.bootstrap.outbound import POSTING_SECONDS
from order_engine.domain.timing import EXECUTION_SECONDS
from order_engine.services import delivering, recovery, watching
from order_engine.storage.deliveries import CLAIM_SECONDS
from tests.support import translation
from tests.support.translation import ROOT, Resources, as_list, of_type, references, template, translated

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
TOPIC = "arn:aws:sns:us-east-1:123456789012:ours"
NOT_PUBLISHED = {"KeysFunction", "MigrateFunction"}
"""Operators call KeysFunction by its name, and CloudFormation calls MigrateFunction before it publishes versions."""

NEED_NO_STORE = {"DashboardFunction", "DescribeFunction", "PostFunction"}

API_GATEWAY_SECONDS = 29
AUTHORIZER_SECONDS = 10
SWEEP_SECONDS = 60
# What Aurora accepts with one ACU, the smallest maximum capacity, and the share that RDS Proxy uses.
POSTGRES_CONNECTIONS = 189 * 90 // 100
RESERVED = 20


@pytest.fixture(scope="module")
def resources() -> Resources:
    return translated()


@pytest.fixture(scope="module")
def functions(resources: Resources) -> Resources:
    return of_type(resources, "AWS::Lambda::Function")


@pytest.fixture(scope="module")
def alarms() -> Resources:
    """All alarms of a stack that creates its stores."""
    created = translation.watching(DatabaseUrl="", RedisUrl="", AlarmEmail="on-call@example.com", AlarmTopicArn=TOPIC)
    return of_type(created, "AWS::CloudWatch::Alarm")


def consumers(resources: Resources) -> list[tuple[str, str, dict[str, Any]]]:
    """The queue, function and properties of every event source mapping."""
    found = []
    for mapping in of_type(resources, "AWS::Lambda::EventSourceMapping").values():
        (queue,) = references(mapping["EventSourceArn"])
        (function,) = function_of(resources, mapping["FunctionName"])
        found.append((queue, function, mapping))
    return found


def function_of(resources: Resources, value: Any) -> set[str]:
    """The functions that a value refers to, by their names or aliases."""
    aliases = of_type(resources, "AWS::Lambda::Alias")
    functions = of_type(resources, "AWS::Lambda::Function")
    named = references(value)
    by_alias = (references(aliases[name]["FunctionName"]) for name in named & aliases.keys())
    return (named & functions.keys()).union(*by_alias)


# Logs and traces


def test_every_log_group_has_the_retention_of_the_parameter(resources: Resources) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert groups
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())


def test_every_function_logs_into_a_group_of_the_stack_and_is_traced(
    resources: Resources, functions: Resources
) -> None:
    for function in functions.values():
        assert references(function["LoggingConfig"]["LogGroup"]) <= of_type(resources, "AWS::Logs::LogGroup").keys()
        assert function["TracingConfig"] == {"Mode": "Active"}


def test_the_state_machine_logs_failures_without_execution_data(resources: Resources) -> None:
    (machine,) = of_type(resources, "AWS::StepFunctions::StateMachine").values()
    logging = machine["LoggingConfiguration"]
    assert logging["IncludeExecutionData"] is False
    assert logging["Level"] == {"Fn::If": ["LogsEverything", "ALL", "ERROR"]}
    assert references(logging["Destinations"]) <= of_type(resources, "AWS::Logs::LogGroup").keys()
    assert machine["TracingConfiguration"] == {"Enabled": True}


def test_both_apis_log_client_request_and_latency(resources: Resources) -> None:
    (rest,) = of_type(resources, "AWS::ApiGateway::Stage").values()
    (websocket,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    assert rest["TracingEnabled"] is True
    for settings in (rest["AccessLogSetting"], websocket["AccessLogSettings"]):
        assert references(settings["DestinationArn"]) & of_type(resources, "AWS::Logs::LogGroup").keys()
        line = json.loads(settings["Format"])
        assert line.keys() >= {"requestId", "status", "integrationLatency", "principal"}
        assert line["principal"] == "$context.authorizer.principalId"
        assert not re.search(r"querystring|header|userAgent|error\.message|authorizer\.error", settings["Format"])


# Alarms


def test_every_alarm_has_actions_a_description_and_documentation(alarms: Resources) -> None:
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == ["AlarmTopic", TOPIC], name
        assert alarm["AlarmDescription"], name
        documented = re.sub(
            "(Ticket|Dashboard|Submit|Market|Describe|WsConnect|Dispatch|Watch|Recover|Discover|Webhooks|Deliver|Post)Errors",
            "…Errors",
            name,
        )
        assert f"`{documented}`" in OPERATIONS, name


def test_without_a_topic_alarms_have_no_actions() -> None:
    alarms = of_type(translation.watching(), "AWS::CloudWatch::Alarm")
    assert alarms
    assert not [name for name, alarm in alarms.items() if "AlarmActions" in alarm or "OKActions" in alarm]


def test_alarms_can_be_left_out() -> None:
    assert translation.watching(Alarms="false", DeploymentPreference="AllAtOnce") == {}


def test_every_queue_with_a_consumer_has_an_alarm(resources: Resources, alarms: Resources) -> None:
    watched = {
        queue: {
            alarm["MetricName"]
            for alarm in alarms.values()
            if {"Name": "QueueName", "Value": f"{queue}.QueueName"} in dimensions(alarm)
        }
        for queue, _, _ in consumers(resources)
    }
    assert watched == {
        "OrderQueue": {"ApproximateAgeOfOldestMessage"},
        "ReplayQueue": {"ApproximateAgeOfOldestMessage"},
        "DeadLetterQueue": {"NumberOfMessagesReceived", "ApproximateNumberOfMessagesVisible"},
    }


def test_an_alarm_counts_the_throttles_of_every_function(functions: Resources, alarms: Resources) -> None:
    counted = [
        [dimension["Value"] for dimension in dimensions(alarms[name])] for name in ("Throttles", "OrderThrottles")
    ]
    assert sorted(chain.from_iterable(counted)) == sorted(functions.keys() - NOT_PUBLISHED)
    assert max(map(len, counted)) <= 10, "CloudWatch takes ten metrics for an alarm: make another one"


def test_alarms_use_the_metrics_that_functions_write(functions: Resources, alarms: Resources) -> None:
    metrics = [metric["MetricStat"]["Metric"] for metric in alarms["OrdersFailed"]["Metrics"] if "MetricStat" in metric]
    assert {metric["MetricName"] for metric in metrics} == {"OrderFailed", "OrderConfirmed"}
    variables = functions["ExecuteFunction"]["Environment"]["Variables"]
    for metric in metrics:
        assert metric["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
        service = template().value(variables["POWERTOOLS_SERVICE_NAME"])
        assert metric["Dimensions"] == [{"Name": "service", "Value": service}]


@pytest.mark.parametrize(("stores", "widgets"), [({}, 11), ({"DatabaseUrl": "", "RedisUrl": ""}, 13)])
def test_the_dashboard_is_json(stores: dict[str, str], widgets: int) -> None:
    (dashboard,) = of_type(translation.watching(**stores), "AWS::CloudWatch::Dashboard").values()
    assert len(json.loads(dashboard["DashboardBody"])["widgets"]) == widgets


# Versions


def test_every_function_is_called_by_its_alias(resources: Resources, functions: Resources) -> None:
    not_calling = {
        *("AWS::Lambda::Function", "AWS::Lambda::Version", "AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig"),
        "AWS::CloudFormation::Stack",  # watches
    }
    calling = {name: item for name, item in resources.items() if item["Type"] not in not_calling}
    # Some references to aliases are written as strings.
    text = re.sub(r"\$\{(\w+)\.Arn\}:live", r"${\1Aliaslive}", json.dumps(calling))
    called = {name: references(item) & functions.keys() for name, item in json.loads(text).items()}
    assert {name: found for name, found in called.items() if found} == {"Schema": {"MigrateFunction"}}


def test_an_alias_in_a_string_is_created_first(resources: Resources) -> None:
    assert "AuthorizeFunctionAliaslive" in resources["Api"]["DependsOn"]
    assert {"RouteFunctionAliaslive", "ExecuteFunctionAliaslive"} <= set(resources["OrderMachine"]["DependsOn"])
    assert "Api" in references(resources["ApiKeyAuthorizerPermission"]["Properties"]["SourceArn"])


def test_a_changed_layer_and_a_new_release_publish_versions(functions: Resources) -> None:
    def other_layer(document: dict[str, Any]) -> None:
        document["Resources"]["CommonLayer"]["Properties"]["ContentUri"]["Key"] = "other"

    before, layer, release = (
        of_type(found, "AWS::Lambda::Version").keys()
        for found in (translated(), translated(other_layer), translated(Release="1792000000"))
    )
    assert len(before) == len(layer) == len(release) == len(functions.keys() - NOT_PUBLISHED)
    assert not before & layer
    assert not before & release


def test_a_gradual_deployment_rolls_back_when_the_function_or_orders_fail(
    resources: Resources, functions: Resources, alarms: Resources
) -> None:
    groups = of_type(resources, "AWS::CodeDeploy::DeploymentGroup")
    assert len(groups) == len(functions.keys() - NOT_PUBLISHED)
    by_name = {alarm.get("AlarmName", f"{name}.Outputs.Name"): name for name, alarm in alarms.items()}
    for name, group in groups.items():
        function = name.removesuffix("DeploymentGroup")
        watched_by = {by_name[alarm["Name"]] for alarm in template().value(group["AlarmConfiguration"]["Alarms"])}
        (own,) = watched_by - {"OrdersFailed", "RestErrors"}
        assert len(watched_by) == 3
        assert {"Name": "Resource", "Value": f"{function}:live"} in dimensions(alarms[own])
        assert resources[f"{function}Aliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]


@pytest.mark.parametrize("function", ["AuthorizeFunction", "RouteFunction", "ExecuteFunction"])
def test_an_alarm_on_a_version_is_updated_before_requests_move_to_it(
    resources: Resources, alarms: Resources, function: str
) -> None:
    """CloudFormation updates what a resource refers to before the resource itself."""
    alarm = function.replace("Function", "Errors")
    assert {"Name": "ExecutedVersion", "Value": f"{function}.Version.Version"} in dimensions(alarms[alarm])
    (version,) = {name for name in of_type(resources, "AWS::Lambda::Version") if name.startswith(f"{function}Version")}
    assert references(resources[alarm]) >= {function, version}
    assert alarm in references(resources[f"{function}DeploymentGroup"])
    update_policy = resources[f"{function}Aliaslive"]["UpdatePolicy"]
    assert f"{function}DeploymentGroup" in references(update_policy)


def test_a_deployment_at_once_does_not_use_codedeploy() -> None:
    found = translated(DeploymentPreference="AllAtOnce")
    assert not [name for name, item in found.items() if item["Type"].startswith("AWS::CodeDeploy::")]


def test_new_code_runs_after_the_migrations(resources: Resources, functions: Resources) -> None:
    for name in functions.keys() - NOT_PUBLISHED - NEED_NO_STORE:
        assert "Schema" in as_list(resources[name].get("DependsOn", [])), name


def dimensions(alarm: dict[str, Any]) -> list[Any]:
    metrics = [metric["MetricStat"]["Metric"] for metric in alarm.get("Metrics", []) if "MetricStat" in metric]
    return [dimension for metric in metrics or [alarm] for dimension in metric["Dimensions"]]


# Limits


def test_the_resources_of_the_websocket_api_exist_even_with_a_gateway_elsewhere(resources: Resources) -> None:
    """aws-sam-translator creates the API then too, because it forgets the condition."""
    apis = [item for item in resources.values() if item["Type"].startswith("AWS::ApiGatewayV2::")]
    named = set.union(*map(references, apis)) & resources.keys()
    assert "WebSocketLogs" in named
    assert {name for name in named if resources[name].get("Condition") == "HasWebSocketApi"} == set()


def test_both_apis_are_throttled(resources: Resources) -> None:
    limits = {"ThrottlingRateLimit": {"Ref": "RequestsPerSecond"}, "ThrottlingBurstLimit": {"Ref": "RequestBurst"}}
    (rest,) = of_type(resources, "AWS::ApiGateway::Stage").values()
    (websocket,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    assert rest["MethodSettings"] == [{"ResourcePath": "/*", "HttpMethod": "*", **limits}]
    assert websocket["DefaultRouteSettings"] == limits


def test_queues_are_encrypted(resources: Resources) -> None:
    assert all(queue["SqsManagedSseEnabled"] is True for queue in of_type(resources, "AWS::SQS::Queue").values())


def test_postgres_accepts_the_connections_of_all_functions_at_their_limits(
    resources: Resources, functions: Resources
) -> None:
    """Each environment has one. The callers of a function without reserved concurrency limit it."""
    parameters = {"ReservedConcurrency": RESERVED, "MaxRunningOrders": 10}
    bounds = {}
    for name in functions.keys() - NEED_NO_STORE:
        if "ReservedConcurrentExecutions" in functions[name]:
            condition, limit, _ = functions[name]["ReservedConcurrentExecutions"]["Fn::If"]
            assert condition == "ReservesConcurrency"
            bounds[name] = parameters[limit["Ref"]] if isinstance(limit, dict) else limit
        else:
            queues = [mapping for _, function, mapping in consumers(resources) if function == name]
            at_once = sum(mapping["ScalingConfig"]["MaximumConcurrency"] for mapping in queues)
            # One more for the schedule, CloudFormation or an operator.
            bounds[name] = at_once + 1
    assert bounds["RecoverFunction"] == 3
    assert bounds["WatchFunction"] == 2
    assert bounds["DeliverFunction"] == 2
    assert sum(bounds.values()) == 160
    assert "= 160" in OPERATIONS
    assert sum(bounds.values()) <= POSTGRES_CONNECTIONS


def test_no_queue_uses_more_than_the_reserved_concurrency(resources: Resources, functions: Resources) -> None:
    for _, function, mapping in consumers(resources):
        at_once = mapping["ScalingConfig"]["MaximumConcurrency"]
        reserved = functions[function].get("ReservedConcurrentExecutions")
        if reserved is not None:
            limit = reserved["Fn::If"][1]
            assert at_once == limit or at_once <= RESERVED


# Timeouts


def test_a_message_stays_hidden_for_six_times_its_functions_timeout(resources: Resources, functions: Resources) -> None:
    queues = of_type(resources, "AWS::SQS::Queue")
    for queue, function, mapping in consumers(resources):
        window = mapping.get("MaximumBatchingWindowInSeconds", 0)
        assert queues[queue]["VisibilityTimeout"] >= 6 * functions[function]["Timeout"] + window, queue


def test_a_message_is_kept_until_all_its_receives_are_over(resources: Resources) -> None:
    queues = of_type(resources, "AWS::SQS::Queue")
    for name, queue in queues.items():
        tries = queue.get("RedrivePolicy", {}).get("maxReceiveCount", 1)
        kept = queue.get("MessageRetentionPeriod", 345_600)
        assert kept > tries * queue["VisibilityTimeout"], name
        for target in references(queue.get("RedrivePolicy", {})):
            # The retention of a dead letter counts from its first sending.
            assert queues[target]["MessageRetentionPeriod"] > kept


def test_dispatch_waits_longer_than_an_order_runs(functions: Resources) -> None:
    assert functions["DispatchFunction"]["Timeout"] > EXECUTION_SECONDS + 5


def test_a_function_ends_when_its_step_times_out(functions: Resources) -> None:
    states = [state for state in definition()["States"].values() if state["Type"] == "Task"]
    assert states
    for state in states:
        function = state["Resource"].removeprefix("${").removesuffix("Arn}")
        assert functions[function]["Timeout"] <= state["TimeoutSeconds"]


def test_every_sweep_may_enqueue_an_order_again(resources: Resources) -> None:
    sweep = of_type(resources, "AWS::Scheduler::Schedule")["RecoverFunctionSweep"]
    assert sweep["ScheduleExpression"] == "rate(1 minute)"
    assert recovery.STALLED_SECONDS < SWEEP_SECONDS


def test_a_watcher_watches_until_the_next_one_takes_over(resources: Resources, functions: Resources) -> None:
    """A schedule starts one at some time in each minute, and two at most run at once."""
    schedule = of_type(resources, "AWS::Scheduler::Schedule")["WatchFunctionWatch"]
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert functions["WatchFunction"]["Timeout"] == 2 * SWEEP_SECONDS
    assert functions["WatchFunction"]["ReservedConcurrentExecutions"] == {
        "Fn::If": ["ReservesConcurrency", 2, {"Ref": "AWS::NoValue"}]
    }
    configs = of_type(resources, "AWS::Lambda::EventInvokeConfig").values()
    assert all((one["MaximumRetryAttempts"], one["MaximumEventAgeInSeconds"]) == (0, SWEEP_SECONDS) for one in configs)
    configured = set.union(*(function_of(resources, one["FunctionName"]) for one in configs))
    assert configured == {"WatchFunction", "DeliverFunction"}


def test_deliveries_to_webhooks_go_on_from_one_run_to_the_next(resources: Resources, functions: Resources) -> None:
    schedule = of_type(resources, "AWS::Scheduler::Schedule")["DeliverFunctionDeliver"]
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert functions["DeliverFunction"]["Timeout"] - delivering.ENDING_SECONDS == SWEEP_SECONDS


def test_a_message_is_on_its_way_for_no_longer_than_it_is_waited_for_and_claimed(functions: Resources) -> None:
    """Otherwise it might arrive after a later one of the same order."""
    longest = functions["PostFunction"]["Timeout"]
    assert POSTING_SECONDS < longest < SEND_SECONDS < delivering.ENDING_SECONDS < CLAIM_SECONDS / 2
    assert longest < delivering.POSTPONED_SECONDS


def test_a_watcher_that_was_killed_is_followed_in_its_successors_time(functions: Resources) -> None:
    longest = template().document["Parameters"]["WatchIntervalSeconds"]["MaxValue"] + watching.LEASE_SECONDS
    assert longest < functions["WatchFunction"]["Timeout"] - SWEEP_SECONDS


def test_api_gateway_waits_longer_than_its_functions_run(resources: Resources, functions: Resources) -> None:
    permissions = of_type(resources, "AWS::Lambda::Permission").items()
    for name, permission in permissions:
        if permission["Principal"] == "apigateway.amazonaws.com":
            (function,) = function_of(resources, permission["FunctionName"])
            limit = AUTHORIZER_SECONDS if "Authorizer" in name else API_GATEWAY_SECONDS
            assert functions[function]["Timeout"] <= limit, name


def test_cloudformation_waits_longer_than_the_migrations_run(resources: Resources, functions: Resources) -> None:
    assert resources["Schema"]["Properties"]["ServiceTimeout"] > functions["MigrateFunction"]["Timeout"]


def definition() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(ROOT / "statemachine" / "order.asl.json").read_text())
    return found
