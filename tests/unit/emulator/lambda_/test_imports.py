from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from emulator.apigateway.records import WebSocketApi
from emulator.apigateway.websocket_api import WebSocketGateway
from emulator.lambda_.records import Function
from emulator.lambda_.requirements import provided
from emulator.lambda_.service import Lambda
from tests.support.emulator.gateways import serving
from tests.support.emulator.lambda_service import check, fail, invoke, running
from tests.support.emulator.templates import loaded


def write(code: Path, source: str, requirements: str = "") -> None:
    (code / "app.py").write_text(source)
    (code / "requirements.txt").write_text(requirements)


@pytest.mark.parametrize("requirements", ["", "boto3\n# aiohttp\n", "-r elsewhere.txt\n"])
def test_a_package_that_no_requirements_file_names_is_missing_as_on_aws(code: Path, requirements: str) -> None:
    write(code, "import aiohttp\ndef handler(event, context): return 1", requirements)

    async def scenario(service: Lambda) -> None:
        error = await fail(service)
        assert error["errorType"] == "Runtime.ImportModuleError"
        assert error["errorMessage"].startswith("Unable to import module 'app': No module named 'aiohttp': ")
        assert "the function needs it in its requirements.txt" in error["errorMessage"]

    check(code, scenario)


def test_a_missing_package_is_told_from_an_import_within_the_handler_too(code: Path) -> None:
    write(code, "def handler(event, context):\n    import aiohttp.web")

    async def scenario(service: Lambda) -> None:
        error = await fail(service)
        assert error["errorType"] == "ModuleNotFoundError"
        assert "No module named 'aiohttp'" in error["errorMessage"]

    check(code, scenario)


@pytest.mark.parametrize(
    "requirements",
    ["aiohttp", "AioHTTP==1.0 \\\n    --hash=sha256:00", "aiohttp[speedups]>=3 ; python_version > '3'", "-r more.txt"],
)
def test_a_named_package_is_there_with_what_it_needs(code: Path, requirements: str) -> None:
    write(code, "import aiohttp, multidict, yarl\ndef handler(event, context): return aiohttp.__name__", requirements)
    (code / "more.txt").write_text("aiohttp\n")

    async def scenario(service: Lambda) -> None:
        assert await invoke(service) == "aiohttp"

    check(code, scenario)


def test_lambdas_own_packages_need_no_requirements_file(code: Path) -> None:
    source = "import awslambdaric, boto3, botocore, dateutil, jmespath, s3transfer, six, urllib3\n"
    write(code, f"{source}def handler(event, context): return boto3.client('sqs').meta.service_model.service_name")

    async def scenario(service: Lambda) -> None:
        assert await invoke(service) == "sqs"

    check(code, scenario)


def test_a_missing_package_is_optional_for_code_that_asks_for_it(code: Path) -> None:
    write(
        code,
        "import importlib.metadata, importlib.util\n"
        "try:\n    import aiohttp\nexcept ImportError:\n    aiohttp = None\n"
        "def version(name):\n"
        "    try: return bool(importlib.metadata.version(name))\n"
        "    except importlib.metadata.PackageNotFoundError: return False\n"
        "def handler(event, context):\n"
        "    return [aiohttp, importlib.util.find_spec('aiohttp'), version('aiohttp'), version('boto3')]",
    )

    async def scenario(service: Lambda) -> None:
        assert await invoke(service) == [None, None, False, True]

    check(code, scenario)


def test_a_module_of_the_function_comes_before_an_installed_one(code: Path) -> None:
    write(code, "import six\ndef handler(event, context): return six.value")
    (code / "six.py").write_text("value = 6")

    async def scenario(service: Lambda) -> None:
        assert await invoke(service) == 6

    check(code, scenario)


def test_an_import_that_each_environment_repeats_is_limited_too(code: Path) -> None:
    write(code, "import socket; held = socket.socket()\nimport aiohttp\ndef handler(event, context): return 1")

    async def scenario(service: Lambda) -> None:
        assert (await fail(service))["errorType"] == "Runtime.ImportModuleError"
        (code / "requirements.txt").write_text("aiohttp")
        await service.reload("F")
        assert await invoke(service) == 1

    check(code, scenario)


def test_a_reload_reads_the_requirements_again_although_a_standby_has_the_old_ones(code: Path) -> None:
    write(code, "import six\ndef handler(event, context): return 1")

    async def scenario(service: Lambda) -> None:
        assert await invoke(service) == 1
        write(code, "import aiohttp\ndef handler(event, context): return 2", "aiohttp")
        await service.reload("F")
        assert await invoke(service) == 2

    check(code, scenario)


def test_the_dependencies_of_an_extra_come_with_it(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("psycopg")
    assert "psycopg_binary" not in provided([file]).modules
    file.write_text("psycopg[binary]")
    assert {"psycopg", "psycopg_binary"} <= set(provided([file]).modules)


LAYERS = """
  Worker:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.13, Layers: [!Ref First, !Ref Second]}
  First: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: first}}
  Second: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: second}}
"""


def function(folder: Path, resources: str) -> Function:
    return next(iter(loaded(folder, resources).of(Function).values()))


def test_the_later_of_two_layers_wins(code: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "python").mkdir(parents=True)
        (tmp_path / name / "python" / "shared.py").write_text(f"value = {name!r}")
    write(code, "import shared\ndef handler(event, context): return shared.value")
    search_path = function(tmp_path, LAYERS).search_path

    async def scenario(service: Lambda) -> None:
        assert await invoke(service) == "second"

    check(code, scenario, search_path=search_path)


def test_a_layers_packages_for_the_runtimes_python_come_first_and_those_for_another_not_at_all(tmp_path: Path) -> None:
    for folder in ("first/python/lib/python3.13", "first/python/lib/python3.12", "second/python/lib/python3.12"):
        (tmp_path / folder / "site-packages").mkdir(parents=True)
    assert function(tmp_path, LAYERS).search_path == (
        tmp_path / "first/python/lib/python3.13/site-packages",
        tmp_path / "second/python",
        tmp_path / "first/python",
    )


def test_sam_build_installs_the_requirements_of_a_layer_that_it_builds_only(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "python").mkdir(parents=True)
    built = LAYERS.replace("ContentUri: second}", "ContentUri: second}, Metadata: {BuildMethod: python3.13}")
    worker = function(tmp_path, built)
    assert worker.requirements == (tmp_path / "second/requirements.txt",)
    assert worker.search_path == (tmp_path / "second", tmp_path / "first/python")


def test_python_and_numpy_give_each_environment_its_own_random_numbers(code: Path) -> None:
    write(
        code,
        "import os, random, time, numpy.random\n"
        "random.random(), numpy.random.random()\n"
        "def handler(event, context):\n"
        "    time.sleep(0.3)\n"
        "    return [os.getpid(), random.random(), numpy.random.random()]",
        "numpy",
    )

    async def scenario(service: Lambda) -> None:
        first, second = await asyncio.gather(invoke(service), invoke(service))
        assert all(one != other for one, other in zip(first, second, strict=True))

    check(code, scenario, timeout=20)


def test_a_function_reaches_connections_at_the_https_address_that_it_builds_from_its_event(code: Path) -> None:
    write(
        code,
        "import boto3\n"
        "def handler(event, context):\n"
        "    request = event['requestContext']\n"
        "    if request['eventType'] == 'MESSAGE':\n"
        "        address = f\"https://{request['domainName']}/{request['stage']}\"\n"
        "        client = boto3.client('apigatewaymanagementapi', endpoint_url=address)\n"
        "        client.post_to_connection(ConnectionId=request['connectionId'], Data=b'told')\n"
        "    return {'statusCode': 200}",
    )

    async def main() -> None:
        gateways: list[WebSocketGateway] = []
        routes = {"$connect": "F", "$default": "F"}
        async with (
            serving(lambda request: gateways[0].handle(request)) as port,
            running(code, ports=[port], timeout=20) as service,
            aiohttp.ClientSession() as session,
        ):
            gateways.append(WebSocketGateway(WebSocketApi("Sockets", "v1", routes, "$request.body.action"), service))
            for host in ("127.0.0.1", "localhost"):
                async with session.ws_connect(f"http://{host}:{port}/v1") as socket:
                    await socket.send_str("{}")
                    assert await socket.receive_str(timeout=20) == "told"
            await gateways[0].close(5)

    asyncio.run(main())
