"""The network and the stores that the templates create on AWS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from emulator.template import intrinsics
from order_engine.domain.markets import CLUSTERS

ROOT = Path(__file__).parents[4]
STACK = intrinsics.read(ROOT / "template.yaml")
NETWORK = intrinsics.read(ROOT / "infra/network.yaml")
STORES = intrinsics.read(ROOT / "infra/stores.yaml")
NESTED = {
    name: intrinsics.read(ROOT / item["Properties"]["TemplateURL"])
    for name, item in STACK["Resources"].items()
    if item["Type"] == "AWS::CloudFormation::Stack"
}
FUNCTIONS = {name: item for name, item in STACK["Resources"].items() if item["Type"] == "AWS::Serverless::Function"}
WITHOUT_STORES = {"DashboardFunction", "DescribeFunction", "PostFunction"}
USING_STORES = FUNCTIONS.keys() - WITHOUT_STORES
BY_IPV6 = {"execute-api", "kms", "lambda", "secretsmanager"}
"""Services that have IPv6 addresses, and no endpoint in the network. So must Solana's nodes."""
SERVING = USING_STORES - {"MigrateFunction"}
CONNECTIONS = {
    ("FunctionsSecurityGroup", "ProxySecurityGroup", 5432),
    ("FunctionsSecurityGroup", "CacheSecurityGroup", 6379),
    ("FunctionsSecurityGroup", "EndpointsSecurityGroup", 443),
    ("MigrationSecurityGroup", "ProxySecurityGroup", 5432),
    ("ProxySecurityGroup", "DatabaseSecurityGroup", 5432),
}
OUT = {
    ("FunctionsSecurityGroup", "::/0", 443),
    ("MigrationSecurityGroup", "::/0", 443),
    ("MigrationSecurityGroup", "0.0.0.0/0", 443),
}
"""Connections to addresses: to all that is public by IPv6, and to S3, to which alone IPv4 is routed."""


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: item.get("Properties", {}) for name, item in template["Resources"].items() if item["Type"] == kind}


def walk(value: Any) -> Iterator[Any]:
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(item)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions(function: dict[str, Any]) -> set[str]:
    found = [item for item in walk(function["Properties"].get("Policies", [])) if isinstance(item, dict)]
    return {action for item in found if item.get("Effect") == "Allow" for action in as_list(item["Action"])}


# The network


def test_the_network_accepts_no_connections_from_outside() -> None:
    kinds = {item["Type"] for item in NETWORK["Resources"].values()}
    assert not kinds & {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::EIP"}
    assert [subnet["MapPublicIpOnLaunch"] for subnet in of_type(NETWORK, "AWS::EC2::Subnet").values()] == [False] * 2
    (route,) = of_type(NETWORK, "AWS::EC2::Route").values()
    assert set(route) == {"RouteTableId", "DestinationIpv6CidrBlock", "EgressOnlyInternetGatewayId"}


def test_the_subnets_are_in_two_availability_zones() -> None:
    zones = [subnet["AvailabilityZone"] for subnet in of_type(NETWORK, "AWS::EC2::Subnet").values()]
    assert zones == [{"Fn::Select": [0, {"Fn::GetAZs": ""}]}, {"Fn::Select": [1, {"Fn::GetAZs": ""}]}]


def test_the_smallest_network_has_room_for_the_subnets() -> None:
    pattern = NETWORK["Parameters"]["Cidr"]["AllowedPattern"]
    smallest = next(bits for bits in range(32, 0, -1) if re.fullmatch(pattern, f"10.0.0.0/{bits}"))
    for subnet in of_type(NETWORK, "AWS::EC2::Subnet").values():
        index, ranges = subnet["CidrBlock"]["Fn::Select"]
        _, count, host_bits = ranges["Fn::Cidr"]
        possible = ip_network(f"10.0.0.0/{smallest}").subnets(new_prefix=32 - host_bits)
        assert index < count <= len(list(possible))


def test_every_connection_has_a_rule_on_both_sides() -> None:
    groups = of_type(NETWORK, "AWS::EC2::SecurityGroup")
    going = {
        (
            name,
            rule.get("DestinationSecurityGroupId", {}).get("Ref") or rule.get("CidrIp") or rule["CidrIpv6"],
            rule.get("FromPort"),
        )
        for name, group in groups.items()
        for rule in group["SecurityGroupEgress"]
    }
    coming = {
        (rule["SourceSecurityGroupId"]["Ref"], rule["GroupId"]["Ref"], rule["FromPort"])
        for rule in of_type(NETWORK, "AWS::EC2::SecurityGroupIngress").values()
    }
    assert coming == CONNECTIONS
    nowhere = {(name, "127.0.0.1/32", None) for name in groups.keys() - {start for start, _, _ in CONNECTIONS}}
    assert going == CONNECTIONS | OUT | nowhere


def test_every_rule_is_for_one_port() -> None:
    rules = [item for item in walk(NETWORK) if isinstance(item, dict) and "IpProtocol" in item]
    for rule in rules:
        if rule.get("CidrIp") != "127.0.0.1/32":
            assert (rule["IpProtocol"], rule["FromPort"]) == ("tcp", rule["ToPort"])
    assert not any("SecurityGroupIngress" in group for group in of_type(NETWORK, "AWS::EC2::SecurityGroup").values())


def endpoints(kind: str) -> dict[str, dict[str, Any]]:
    """The endpoints by the name of their service."""
    found = of_type(NETWORK, "AWS::EC2::VPCEndpoint").values()
    return {
        endpoint["ServiceName"]["Fn::Sub"].rpartition(".")[2]: endpoint
        for endpoint in found
        if endpoint["VpcEndpointType"] == kind
    }


def test_every_service_that_functions_in_the_network_call_has_an_endpoint() -> None:
    """Signing tokens for the stores needs no service."""
    called = {action for name in USING_STORES for action in actions(FUNCTIONS[name])}
    called = {action for action in called if action.split(":")[0] not in {"rds-db", "elasticache", *BY_IPV6}}
    services = {"sync-states" if action == "states:StartSyncExecution" else action.split(":")[0] for action in called}
    assert endpoints("Interface").keys() == services
    allowed = {
        action
        for endpoint in endpoints("Interface").values()
        for statement in endpoint["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
    }
    assert allowed == called


def test_endpoints_have_the_services_names_and_admit_this_account_only() -> None:
    for endpoint in endpoints("Interface").values():
        assert endpoint["PrivateDnsEnabled"] is True
        for statement in endpoint["PolicyDocument"]["Statement"]:
            assert "${AWS::AccountId}" in statement["Principal"]["AWS"]["Fn::Sub"]


def test_the_s3_endpoint_allows_only_answers_to_cloudformation() -> None:
    (endpoint,) = endpoints("Gateway").values()
    (statement,) = endpoint["PolicyDocument"]["Statement"]
    assert statement["Action"] == "s3:PutObject"
    assert statement["Resource"]["Fn::Sub"][0].endswith(":::cloudformation-custom-resource-response-${Region}/*")


def test_the_websocket_api_is_reached_by_ipv6() -> None:
    (api,) = of_type(STACK, "AWS::Serverless::WebSocketApi").values()
    assert api["IpAddressType"] == "dualstack"
    assert "execute-api" not in endpoints("Interface")


# The functions


def test_only_functions_that_use_stores_are_in_the_network() -> None:
    assert {name for name, function in FUNCTIONS.items() if "VpcConfig" in function["Properties"]} == USING_STORES
    assert {name for name, function in FUNCTIONS.items() if "rds-db:connect" in actions(function)} == USING_STORES


@pytest.mark.parametrize("name", sorted(USING_STORES))
def test_a_function_in_the_network_has_its_security_group(name: str) -> None:
    condition, created, given = FUNCTIONS[name]["Properties"]["VpcConfig"]["Fn::If"]
    assert condition == "CreatesNetwork"
    group = "MigrationSecurityGroup" if name == "MigrateFunction" else "FunctionsSecurityGroup"
    assert created["SecurityGroupIds"] == [{"Fn::GetAtt": ["Network", f"Outputs.{group}"]}]
    assert given["Fn::If"][0] == "HasSubnets"
    by_ipv6 = {action.split(":")[0] for action in actions(FUNCTIONS[name])} & BY_IPV6
    assert created.get("Ipv6AllowedForDualStack", False) or not by_ipv6


@pytest.mark.parametrize("name", sorted(USING_STORES))
def test_a_function_may_connect_as_its_own_user_only(name: str) -> None:
    output = "OwnerArn" if name == "MigrateFunction" else "DatabaseUserArn"
    statements = [item for item in walk(FUNCTIONS[name]["Properties"]["Policies"]) if isinstance(item, dict)]
    (resource,) = [item["Resource"] for item in statements if item.get("Action") == "rds-db:connect"]
    assert resource == {"Fn::GetAtt": ["Stores", f"Outputs.{output}"]}


@pytest.mark.parametrize("name", sorted(SERVING))
def test_a_function_waits_for_the_schema(name: str) -> None:
    assert FUNCTIONS[name]["DependsOn"] == "Schema"


def test_a_changed_database_is_migrated() -> None:
    assert "OwnerUrl" in str(STACK["Resources"]["Schema"]["Properties"]["Database"])


def test_behind_the_proxy_statements_are_not_prepared() -> None:
    variables = STACK["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["PREPARED_STATEMENTS"]["Fn::If"][:2] == ["CreatesDatabase", "false"]


def test_the_proxy_refuses_a_connection_before_the_function_times_out() -> None:
    (targets,) = of_type(STORES, "AWS::RDS::DBProxyTargetGroup").values()
    timeout = targets["ConnectionPoolConfigurationInfo"]["ConnectionBorrowTimeout"]
    timeouts = [FUNCTIONS[name]["Properties"].get("Timeout") for name in USING_STORES]
    assert timeout < min(given or STACK["Globals"]["Function"]["Timeout"] for given in timeouts)


def test_migrations_report_an_unreachable_database_before_they_time_out() -> None:
    properties = FUNCTIONS["MigrateFunction"]["Properties"]
    _, *seconds = properties["Environment"]["Variables"]["PATIENCE_SECONDS"]["Fn::If"]
    patience, none = map(int, seconds)
    assert none < patience < properties["Timeout"] < STACK["Resources"]["Schema"]["Properties"]["ServiceTimeout"]


# The stores


def test_the_database_is_encrypted_backed_up_and_protected_from_deletion() -> None:
    database = STORES["Resources"]["Database"]
    assert (database["DeletionPolicy"], database["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    properties = database["Properties"]
    assert properties["StorageEncrypted"] is True
    assert properties["CopyTagsToSnapshot"] is True
    assert STORES["Parameters"]["BackupDays"]["MinValue"] >= 1
    assert STORES["Parameters"]["DeletionProtection"]["Default"] == "true"
    assert STACK["Parameters"]["DatabaseDeletionProtection"]["Default"] == "true"
    for instance in of_type(STORES, "AWS::RDS::DBInstance").values():
        assert instance["PubliclyAccessible"] is False


def test_no_password_for_the_database_is_given_out() -> None:
    database = STORES["Resources"]["Database"]["Properties"]
    assert database["ManageMasterUserPassword"] is True
    assert database["EnableIAMDatabaseAuthentication"] is True
    assert "MasterUserPassword" not in database
    (proxy,) = of_type(STORES, "AWS::RDS::DBProxy").values()
    assert proxy["DefaultAuthScheme"] == "IAM_AUTH"
    assert [user["IAMAuth"] for user in proxy["Auth"]] == ["REQUIRED"]


def test_the_stores_accept_tls_only() -> None:
    (proxy,) = of_type(STORES, "AWS::RDS::DBProxy").values()
    assert proxy["RequireTLS"] is True
    assert STORES["Resources"]["DatabaseSettings"]["Properties"]["Parameters"]["rds.force_ssl"] == "1"
    for output in ("DatabaseUrl", "OwnerUrl"):
        options = parse_qs(urlsplit(STORES["Outputs"][output]["Value"]["Fn::Sub"]).query)
        # The certificate bundle of Amazon Linux, on which functions run.
        assert options == {"sslmode": ["verify-full"], "sslrootcert": ["/etc/pki/tls/certs/ca-bundle.crt"]}
    assert STORES["Outputs"]["RedisUrl"]["Value"]["Fn::Sub"].startswith("rediss://")


def test_the_names_of_the_database_users_are_consistent() -> None:
    outputs = STORES["Outputs"]
    owner = STORES["Resources"]["Database"]["Properties"]["MasterUsername"]
    role = outputs["DatabaseRole"]["Value"]
    for url, arn, user in (("DatabaseUrl", "DatabaseUserArn", role), ("OwnerUrl", "OwnerArn", owner)):
        assert outputs[url]["Value"]["Fn::Sub"].startswith(f"postgresql://{user}@${{Proxy.Endpoint}}:5432/")
        assert outputs[arn]["Value"]["Fn::Sub"][0].endswith(f":dbuser:${{Id}}/{user}")
    (statement,) = [
        item
        for item in walk(STORES["Resources"]["ProxyRole"])
        if isinstance(item, dict) and item.get("Action") == "rds-db:connect"
    ]
    assert statement["Resource"]["Fn::Sub"].endswith(f":dbuser:${{Database.DBClusterResourceId}}/{role}")


def test_the_cache_has_one_user_who_authenticates_by_iam() -> None:
    (user,) = of_type(STORES, "AWS::ElastiCache::User").values()
    assert user["AuthenticationMode"] == {"Type": "iam"}
    assert user["UserId"] == user["UserName"]
    assert "-@all" in user["AccessString"].split()
    assert not {"allkeys", "~*", "allcommands", "+@all", "nopass"} & set(user["AccessString"].split())
    (group,) = of_type(STORES, "AWS::ElastiCache::UserGroup").values()
    assert group["UserIds"] == [{"Ref": "CacheUser"}]
    (cache,) = of_type(STORES, "AWS::ElastiCache::ServerlessCache").values()
    assert cache["UserGroupId"] == {"Ref": "CacheUsers"}


def test_the_cache_is_limited() -> None:
    (cache,) = of_type(STORES, "AWS::ElastiCache::ServerlessCache").values()
    assert {limit["Maximum"] > 0 for limit in cache["CacheUsageLimits"].values()} == {True}


# Nested stacks


def test_the_stack_uses_exactly_the_outputs_of_its_nested_stacks() -> None:
    taken = {
        (item["Fn::GetAtt"][0], item["Fn::GetAtt"][1].removeprefix("Outputs."))
        for item in walk(STACK)
        if isinstance(item, dict) and "Fn::GetAtt" in item and item["Fn::GetAtt"][0] in NESTED
    }
    assert taken == {(name, output) for name, nested in NESTED.items() for output in nested.get("Outputs", {})}


@pytest.mark.parametrize("name", NESTED)
def test_a_nested_stack_gets_its_parameters(name: str) -> None:
    given = STACK["Resources"][name]["Properties"].get("Parameters", {}).keys()
    asked = NESTED[name]["Parameters"]
    assert {key for key, declaration in asked.items() if "Default" not in declaration} <= given <= asked.keys()


def test_the_outputs_name_the_market_as_the_engine_does() -> None:
    assert STACK["Mappings"]["Markets"] == {cluster: {"Name": name} for cluster, name in CLUSTERS.items()}
    assert STACK["Parameters"]["SolanaCluster"]["AllowedValues"] == list(CLUSTERS)


def test_bounds_and_defaults_are_the_same_in_both_templates() -> None:
    for outer, inner in (("DatabaseMinCapacity", "MinCapacity"), ("DatabaseMaxCapacity", "MaxCapacity")):
        for key in ("Default", "MinValue", "MaxValue"):
            assert STACK["Parameters"][outer][key] == STORES["Parameters"][inner][key]


def test_every_skipped_check_has_a_reason() -> None:
    skipped = [
        skip
        for template in (NETWORK, STORES)
        for item in template["Resources"].values()
        for skip in item.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert all(re.fullmatch(r"CKV2?_AWS_\d+", skip["id"]) and len(skip["comment"]) > 20 for skip in skipped)
    assert len(skipped) > 0
