"""Runs `sam local` with the stores, the queue and the WebSocket API of the running engine.

`sam local` runs the functions in containers, which cannot reach this machine's loopback. While it runs, relays pass
their connections on. The relays listen on the address of Docker's bridge and accept its containers only. If Docker runs
in a virtual machine (Docker Desktop), they listen on loopback, which its containers reach as `host.docker.internal`.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import docker
import yaml
from docker.errors import DockerException

HOST = "host.docker.internal"
CONNECTED_TO = ("AWS_ENDPOINT_URL", "CONNECTIONS_URL", "DATABASE_URL", "REDIS_URL")
NODES = "SOLANA_RPC_URL"
"""Holds several URLs, separated by commas, or the ARN of a secret."""
_PORTS = {"http": 80, "https": 443, "postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379}
ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}
_SAM = str(Path(sys.executable).with_name("sam"))
_SAM_OPTIONS = ("--skip-pull-image",)  # pulls missing images only
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
_WARM = ("--warm-containers", "LAZY")

Environments = dict[str, dict[str, str]]


class SamLocalError(Exception):
    """`sam local` cannot run. The message says what was expected and what to do."""


@dataclass(frozen=True)
class Engine:
    """The Docker engine: its processor, where relays listen, who may connect, and the address that containers use."""

    architecture: str
    listen: str
    peers: ipaddress.IPv4Network | ipaddress.IPv6Network
    seen_as: str


def engine() -> Engine:
    """The Docker engine of this machine. Raises SamLocalError if none answers."""
    try:
        client = docker.from_env()
        architecture = ARCHITECTURES[client.version()["Arch"]]
        configuration = client.networks.get("bridge").attrs["IPAM"]["Config"]
    except (DockerException, OSError) as error:
        message = f"expected a Docker engine at DOCKER_HOST or its standard socket: {error}"
        raise SamLocalError(message) from None
    (subnet,) = (found for one in configuration if (found := ipaddress.ip_network(one["Subnet"])).version == 4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Sends nothing: it finds the address of this machine that packets to the bridge would use.
        probe.connect((str(subnet[2]), 9))
        address: str = probe.getsockname()[0]
    if ipaddress.ip_address(address) in subnet:
        return Engine(architecture, address, subnet, address)
    return Engine(architecture, "127.0.0.1", ipaddress.ip_network("127.0.0.0/8"), "host-gateway")


@dataclass(frozen=True)
class Target:
    """The address that a URL connects to: `host` and `port`, or a Unix socket in the folder `host`."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Target:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise SamLocalError(f"expected a URL with a scheme among {', '.join(_PORTS)}, was {parts.scheme}:…")
        # libpq reads host and port from the query too.
        query = dict(parse_qsl(parts.query)) if parts.scheme.startswith("postgres") else {}
        port = query.get("port") or parts.port or _PORTS[parts.scheme]
        return cls(query.get("host") or parts.hostname or "localhost", int(port))

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host.startswith("/") or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.host.startswith("/"):
            return await asyncio.open_unix_connection(f"{self.host}/.s.PGSQL.{self.port}")
        return await asyncio.open_connection(self.host, self.port)


def relayed_url(url: str, port: int) -> str:
    """The URL that containers use to connect through the relay at `port`."""
    parts = urlsplit(url)
    credentials, at, _ = parts.netloc.rpartition("@")
    query = parts.query
    if parts.scheme.startswith("postgres"):
        query = urlencode([(name, value) for name, value in parse_qsl(query) if name not in ("host", "port")])
    return parts._replace(netloc=f"{credentials}{at}{HOST}:{port}", query=query).geturl()


async def relay(target: Target, engine: Engine) -> asyncio.Server:
    """Starts a relay to the target on a free port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError), closing(writer):
            if ipaddress.ip_address(writer.get_extra_info("peername")[0]) in engine.peers:
                answers, there = await target.connect()
                with closing(there):
                    await asyncio.gather(_pass_on(reader, there), _pass_on(answers, writer))

    return await asyncio.start_server(serve, engine.listen, 0)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def reachable(environments: Environments, relay: Callable[[Target], Awaitable[int]]) -> Environments:
    """The functions' environment variables with relays in place of the URLs that only this machine can reach."""
    ports: dict[Target, int] = {}

    async def reached(url: str) -> str:
        target = Target.of(url)
        if not target.local:
            return url
        if target not in ports:
            ports[target] = await relay(target)
        return relayed_url(url, ports[target])

    found: Environments = {}
    for name, variables in environments.items():
        found[name] = dict(variables)
        for variable in CONNECTED_TO:
            if url := variables.get(variable):
                found[name][variable] = await reached(url)
        nodes = variables.get(NODES, "")
        if nodes.startswith("http"):
            found[name][NODES] = ",".join([await reached(url.strip()) for url in nodes.split(",")])
    return found


def declare(template: dict[str, Any], environments: Environments) -> dict[str, Any]:
    """The template with all variables declared, because `sam local` ignores undeclared ones."""
    globals_ = template.get("Globals", {}).get("Function", {}).get("Environment", {}).get("Variables", {})
    for name, variables in environments.items():
        properties = template["Resources"][name].setdefault("Properties", {})
        declared = properties.setdefault("Environment", {}).setdefault("Variables", {})
        declared.update({variable: "" for variable in variables if variable not in declared | globals_})
    return template


def environments(data: Path) -> Environments:
    """The environment variables of the running engine's functions. Raises SamLocalError if no engine runs."""
    command = [sys.executable, "-m", "emulator", "--data", str(data), "environment"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SamLocalError(f"expected the engine to be running (make run): {done.stderr.strip()}")
    found: Environments = json.loads(done.stdout)
    return found


def build(folder: Path, architecture: str) -> None:
    """Builds the functions into `folder`. Raises SamLocalError if that fails."""
    command = [
        *(_SAM, "build", "--cached", "--build-dir", str(folder / "build"), "--cache-dir", str(folder / "cache")),
        *("--parameter-overrides", f"Architecture={architecture}"),
    ]
    try:
        # To stderr, because stdout is for the answers of sam local.
        subprocess.run(command, check=True, stdout=sys.stderr, env=_environment() | {"ARCHITECTURE": architecture})
    except subprocess.CalledProcessError as error:
        raise SamLocalError(f"expected sam build to succeed, it ended with {error.returncode}") from None


async def run(variables: Environments, engine: Engine, template: Path, data: Path, command: list[str]) -> int:
    """Runs `sam local` until it ends and returns its exit code. Raises SamLocalError."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with ExitStack() as resources:

        async def port(target: Target) -> int:
            server = await relay(target, engine)
            resources.callback(server.close)
            listening: int = server.sockets[0].getsockname()[1]
            return listening

        reached = await reachable(variables, port)
        declaring = _written_beside(template, reached)
        env_vars = resources.enter_context(NamedTemporaryFile("w", dir=data, prefix="sam-local-", suffix=".json"))
        json.dump(reached, env_vars, indent=2)
        env_vars.flush()
        sam = await asyncio.create_subprocess_exec(
            *(_SAM, "local", *command, *_SAM_OPTIONS, "--template", str(declaring), "--env-vars", env_vars.name),
            *("--add-host", f"{HOST}:{engine.seen_as}"),
            *("--parameter-overrides", f"Architecture={engine.architecture}"),
            *(_WARM if command[0].startswith("start-") else ()),
            # sam local passes its credentials to the containers, so these are not real ones.
            env=_environment() | {name: next(iter(variables.values())).get(name, "") for name in _CREDENTIALS},
            # Ctrl-C in the terminal does not reach it: it gets one signal from here and removes its containers.
            start_new_session=True,
        )
        ended, told = asyncio.create_task(sam.wait()), asyncio.create_task(stopping.wait())
        await asyncio.wait([ended, told], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        with suppress(ProcessLookupError):
            sam.send_signal(signal.SIGINT)
        return await ended


def _written_beside(template: Path, environments: Environments) -> Path:
    """Writes the template with its variables declared beside the original, so that relative paths hold."""
    path = template.with_name("sam-local.json")
    path.write_text(json.dumps(declare(yaml.safe_load(template.read_text()), environments)))
    return path


def _environment() -> dict[str, str]:
    return os.environ | {"SAM_CLI_TELEMETRY": "0"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.sam_local", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path(".local"), help="the data of the running engine (%(default)s)"
    )
    parser.add_argument("--build", type=Path, default=Path(".aws-sam/local"), help="where to build (%(default)s)")
    parser.add_argument("--no-build", action="store_true", help="use the last build")
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, help="the command of sam local with its options: start-api, invoke, …"
    )
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("expected a command of sam local, such as start-api")
    try:
        variables = environments(arguments.data)
        docker_engine = engine()
        if not arguments.no_build:
            build(arguments.build, docker_engine.architecture)
        template = arguments.build / "build" / "template.yaml"
        if not template.exists():
            raise SamLocalError(f"expected the output of sam build in {template}: leave out --no-build")
        sys.exit(asyncio.run(run(variables, docker_engine, template, arguments.data, arguments.command)))
    except SamLocalError as error:
        sys.exit(f"sam-local: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
