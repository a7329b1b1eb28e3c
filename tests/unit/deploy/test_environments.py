"""`samconfig.toml`, the parameter files and the workflows fit the template and each other."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulator.common.errors import TemplateError
from emulator.template import intrinsics
from emulator.template.samconfig import parameter_overrides

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "template.yaml"
SETTINGS = tomllib.loads((ROOT / "samconfig.toml").read_text())
ENVIRONMENTS = ("dev", "prod")
REQUIRED = {"DatabaseUrl": "postgresql://", "RedisUrl": "redis://"}


def workflow(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return found


def declared() -> dict[str, Any]:
    found: dict[str, Any] = intrinsics.read(TEMPLATE)["Parameters"]
    return found


def test_the_environments_are_dev_and_prod() -> None:
    assert set(SETTINGS) == {"version", "default", *ENVIRONMENTS}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_override_is_an_allowed_value_of_a_parameter(environment: str) -> None:
    given = parameter_overrides(TEMPLATE, environment)
    assert given
    intrinsics.parameters(declared(), {**REQUIRED, **given})


@pytest.mark.parametrize("override", [{"LogLevel": "LOUD"}, {"NoSuch": "1"}, {"MaxRunningOrders": "many"}])
def test_an_invalid_override_is_refused(override: dict[str, str]) -> None:
    with pytest.raises(TemplateError):
        intrinsics.parameters(declared(), {**REQUIRED, **override})


KMS, SECRETS = "arn:aws:kms:us-east-1:123456789012", "arn:aws:secretsmanager:us-east-1:123456789012:secret"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SolanaRpcUrl", "http://127.0.0.1:8899"),
        ("SolanaRpcUrl", "https://a.example/?api-key=1,https://b.example"),
        ("SolanaRpcUrl", f"{SECRETS}:orders/node-AbCdEf"),
        ("WalletKey", f"{KMS}:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("WalletKey", f"{SECRETS}:orders/wallet-AbCdEf"),
        ("WalletKey", "/home/someone/.config/solana/id.json"),
    ],
)
def test_where_a_node_and_the_wallets_key_are_is_allowed(name: str, value: str) -> None:
    assert intrinsics.parameters(declared(), {**REQUIRED, name: value})[name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SolanaRpcUrl", "node.example/secret"),
        ("SolanaRpcUrl", "https://node.example/sec ret"),
        ("SolanaRpcUrl", f"{KMS}:key/secret"),
        # No policy can allow to sign with an alias.
        ("WalletKey", f"{KMS}:alias/secret"),
        ("WalletKey", "[18, 52, 171, 205, 86]"),
        ("WalletKey", "secret.json"),
    ],
)
def test_anything_else_is_refused_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(TemplateError, match=f"{name}.*expected .*was a hidden value") as refused:
        intrinsics.parameters(declared(), {**REQUIRED, name: value})
    assert value not in str(refused.value)


def test_a_laptop_uses_the_templates_defaults() -> None:
    assert parameter_overrides(TEMPLATE, None) == {}


def test_secrets_are_not_in_parameter_files() -> None:
    secret = {name for name, declaration in declared().items() if declaration.get("NoEcho")}
    for environment in ENVIRONMENTS:
        assert not secret & parameter_overrides(TEMPLATE, environment).keys()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_is_complete(environment: str) -> None:
    shared, deploy = (SETTINGS[environment][command]["parameters"] for command in ("global", "deploy"))
    assert shared["stack_name"] == f"order-engine-{environment}"
    assert deploy["s3_prefix"] == shared["stack_name"]
    assert deploy["resolve_s3"] is True
    # For the transforms of nested stacks and for the roles of functions.
    assert set(deploy["capabilities"]) == {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}
    assert f"environment={environment}" in deploy["tags"]
    assert deploy["fail_on_empty_changeset"] is False


def test_both_environments_set_the_same_options() -> None:
    dev, prod = (SETTINGS[environment]["deploy"]["parameters"] for environment in ENVIRONMENTS)
    assert dev.keys() == prod.keys()
    assert prod["confirm_changeset"] is True


def test_the_workflow_deploys_the_same_build_to_each_environment_in_turn() -> None:
    jobs = workflow("deploy.yml")["jobs"]
    assert [jobs[environment]["with"]["environment"] for environment in ENVIRONMENTS] == list(ENVIRONMENTS)
    assert set(jobs["dev"]["needs"]) == {"check", "build"}
    assert jobs["prod"]["needs"] == "dev"
    builds = [step for job in jobs.values() for step in job.get("steps", []) if "make build" in step.get("run", "")]
    assert len(builds) == 1
    (job,) = workflow("deploy-to.yml")["jobs"].values()
    assert job["env"]["ENVIRONMENT"] == job["environment"] == "${{ inputs.environment }}"
    assert not any("make build" in step.get("run", "") for step in job["steps"])


def test_only_a_job_with_an_environment_can_get_a_role_on_aws() -> None:
    for name in ("check.yml", "deploy.yml", "deploy-to.yml"):
        assert workflow(name)["permissions"] == {}
        for job in workflow(name)["jobs"].values():
            if job["permissions"].get("id-token") == "write":
                assert "environment" in job or job["uses"] == "$/.github/workflows/deploy-to.yml"
            assert set(job["permissions"].items()) <= {("contents", "read"), ("id-token", "write")}
            assert "uses" in job or job["timeout-minutes"] <= 60


def test_the_role_trusts_one_environment_of_one_repository() -> None:
    template = intrinsics.read(ROOT / "infra" / "github-oidc.yaml")
    role = template["Resources"]["DeployRole"]["Properties"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {"Fn::Sub": "repo:${Repository}:environment:${Environment}"},
        }
    }
