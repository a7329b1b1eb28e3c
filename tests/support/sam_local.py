"""The REST API on `sam local start-api`, next to an emulator with the stores, the queue and the WebSocket API."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import docker
from docker.errors import DockerException, ImageNotFound

from emulator.stores import free_port
from tests.support.stack import ROOT, Stack
from tools.sam_local import ARCHITECTURES

START_SECONDS = 300.0
_IMAGE = "public.ecr.aws/lambda/python:3.13-"


def missing() -> str | None:
    """Returns what this machine lacks for sam local and how to get it, or None."""
    if shutil.which("python3.13") is None:
        return "expected python3.13 on PATH, with which sam build makes what Lambda runs: pyenv install 3.13"
    socket_path = Path(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
    # With an engine that does not exist, the client leaks a socket.
    if socket_path.is_absolute() and not socket_path.is_socket():
        return f"expected a Docker engine, such as Debian's docker.io, was no socket at {socket_path}"
    try:
        engine = docker.from_env()
        image = _IMAGE + ARCHITECTURES[engine.version()["Arch"]]
        engine.images.get(image)
    except ImageNotFound:
        return f"expected Lambda's image: docker pull {image}"
    except (DockerException, OSError) as error:
        return f"expected a Docker engine at DOCKER_HOST or its standard socket, such as Debian's docker.io: {error}"
    return None


class SamLocal:
    """A running sam local with the interface of `Stack`."""

    def __init__(self, stack: Stack) -> None:
        self.data = stack.data
        self.websocket = stack.websocket
        self.endpoint = stack.endpoint
        self.parameters = stack.parameters
        self.key = stack.key
        # The origin whose pages the WebSocket API accepts.
        self.origin = stack.rest
        port = free_port()
        self.rest = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [*_COMMAND, "--data", str(stack.data), "start-api", "--port", str(port)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        if not self._ready.wait(START_SECONDS) or self._process.poll() is not None:
            self.stop()
            raise AssertionError(f"expected sam local to come up, was: {''.join(self.output)}")
        try:
            self._warm_up()
        except BaseException:
            self.stop()
            raise

    def _warm_up(self) -> None:
        """Starts a container for each function, because a first start may exceed the time limit of a request."""
        give_up = time.monotonic() + START_SECONDS
        for path in ("/health", "/api/orders", "/", "/openapi.json"):
            request = Request(self.rest + path, headers={"Authorization": f"Bearer {self.key}"})
            while True:
                try:
                    urlopen(request, timeout=START_SECONDS).close()
                    break
                except HTTPError as error:
                    error.close()
                    if time.monotonic() > give_up:
                        raise AssertionError(f"expected {path} to be served, was: {''.join(self.output)}") from error

    def physical(self, logical_id: str) -> str:
        return logical_id

    def stop(self) -> int:
        """Stops it like Ctrl-C and returns the exit status."""
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(60)
        finally:
            self._process.kill()
            self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self.output.append(line)
                if "Running on" in line:
                    self._ready.set()
        self._ready.set()


@contextmanager
def running_sam_local(stack: Stack) -> Iterator[SamLocal]:
    sam_local = SamLocal(stack)
    try:
        yield sam_local
    finally:
        code = sam_local.stop()
    assert code == 0
    assert containers() == []


def invoke(data: Path, function: str, event: str) -> subprocess.CompletedProcess[str]:
    """Runs `sam local invoke` with the last build, next to the emulator whose data is in `data`."""
    return subprocess.run(
        [*_COMMAND, "--data", str(data), "--no-build", "invoke", function, "--event", "-"],
        cwd=ROOT,
        input=event,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )


def containers() -> list[str]:
    """Returns the names of the containers that run this project's functions."""
    found = docker.from_env().containers.list(all=True, filters={"label": "sam.cli.container.type=lambda"})
    return [one.name for one in found if any(str(ROOT) in mount["Source"] for mount in one.attrs["Mounts"])]


_COMMAND = (sys.executable, "-m", "tools.sam_local")
