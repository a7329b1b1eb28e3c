"""The container publishes what make run serves, to this machine only, from pinned parts and as an ordinary user."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
DEVCONTAINER: dict[str, Any] = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
PORTS = [3000, 3001, 4566, 8899]


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+?)(?<!\\)$", DOCKERFILE, re.MULTILINE | re.DOTALL)


def test_each_base_image_is_named_by_its_digest() -> None:
    *bases, last = instructions("FROM")
    assert last == "run AS dev"
    assert [name for base in bases for name in re.findall(r"^[\w.:-]+@sha256:[0-9a-f]{64} AS (\w+)$", base)] == [
        "run",
        "node",
    ]


def test_packages_come_from_the_locks_only() -> None:
    commands = " ".join(instructions("RUN"))
    assert not re.search(r"pip install|uv |npm install|curl|wget", commands)
    assert re.findall(r"make (\S+)", commands.replace("\\\n", " "))[-2:] == [".venv/.run", ".venv/.dev"]


@pytest.mark.parametrize("stage", ["run", "dev"])
def test_each_stage_ends_as_an_ordinary_user(stage: str) -> None:
    (text,) = (text for text in DOCKERFILE.split("\n\n\n") if re.search(rf"^FROM .* AS {stage}$", text, re.MULTILINE))
    assert re.findall(r"^USER (\w+)$", text, re.MULTILINE)[-1] == "engine"


def test_the_published_ports_are_those_of_make_run_on_loopback() -> None:
    engine = COMPOSE["services"]["engine"]
    assert engine["ports"] == [f"127.0.0.1:{port}:{port}" for port in PORTS]
    assert DEVCONTAINER["forwardPorts"] == PORTS
    assert all("ports" not in service for name, service in COMPOSE["services"].items() if name != "engine")


def test_the_data_is_in_a_volume() -> None:
    (mount,) = COMPOSE["services"]["engine"]["volumes"]
    volume, _, target = mount.partition(":")
    assert (volume in COMPOSE["volumes"], target) == (True, "/engine/.local")
    assert any("target=/engine/.local,type=volume" in mount for mount in DEVCONTAINER["mounts"])


def test_the_localnets_volumes_survive_the_end_of_localstack() -> None:
    """`docker compose down --volumes --remove-orphans` removes what belongs to its project."""
    localstack = yaml.safe_load((ROOT / "compose.localstack.yaml").read_text())
    assert localstack["name"] != COMPOSE["name"]


def test_nothing_private_is_copied_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".git", ".venv", ".local", ".aws-sam", "**/node_modules"} <= set(ignored)
