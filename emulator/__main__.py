"""`python -m emulator up | gateway | invoke | logs | executions | functions | parameter`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tomllib
from pathlib import Path

from emulator import commands
from emulator.cloudformation.custom_resources import CustomResourceError
from emulator.common.errors import TemplateError
from emulator.common.serving import StartError
from emulator.stores import StoreError
from emulator.template import samconfig
from emulator.up import HOST, Options, up


def main() -> None:
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        match arguments.action:
            case "up":
                up(_options(arguments))
            case "gateway":
                _gateway(arguments)
            case "invoke":
                commands.invoke(arguments.data, arguments.function, arguments.event)
            case "logs":
                commands.logs(arguments.data, arguments.function, arguments.follow)
            case "executions":
                commands.executions(arguments.data, arguments.name)
            case "functions":
                commands.functions(arguments.data)
            case "environment":
                commands.environment(arguments.data)
            case "parameter":
                commands.parameter(arguments.data, arguments.name)
    except (CustomResourceError, StartError, StoreError, TemplateError, commands.CommandError) as error:
        sys.exit(f"emulator: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emulator", description="Runs a SAM template on this machine.")
    parser.add_argument("--data", type=Path, default=Path(".local"), help="the folder for data and logs (%(default)s)")
    parser.add_argument("--version", action="version", version=_version())
    actions = parser.add_subparsers(dest="action", required=True)

    # After the action too, where `make run ARGS=…` puts it.
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--data", type=Path, default=argparse.SUPPRESS, help="where data and logs are kept (.local)")

    template = argparse.ArgumentParser(add_help=False)
    template.add_argument("--template", type=Path, default=Path("template.yaml"), help="%(default)s")
    template.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the template"
    )
    template.add_argument(
        "--parameter-from",
        action="append",
        default=[],
        metavar="NAME=VARIABLE",
        help="a parameter whose value is in an environment variable: other users can read command lines",
    )
    template.add_argument("--config-env", metavar="NAME", help="the environment in samconfig.toml (default)")

    start = actions.add_parser("up", parents=[data, template], help="run the stack until Ctrl-C")
    start.add_argument("--postgres", metavar="NAME", help="run an embedded Postgres and pass its URL as this parameter")
    start.add_argument("--redis", metavar="NAME", help="run an embedded Redis and pass its URL as this parameter")
    start.add_argument(
        "--process",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="run a command in the folder NAME of the data, and pass the URL that it prints first as this parameter",
    )
    start.add_argument("--host", default=HOST, help="the address to listen on (%(default)s)")
    for name, port in (("rest", 3000), ("websocket", 3001), ("aws", 4566)):
        start.add_argument(f"--{name}-port", type=int, default=port, help="%(default)s; 0 for any free one")
    start.add_argument("--grace", type=float, default=10, help="seconds in which running work may finish (%(default)s)")
    start.add_argument(
        "--read-only-console", action="store_true", help="the console shows the stack and changes nothing"
    )

    apis = actions.add_parser(
        "gateway", parents=[template], help="serve the APIs of a stack that is deployed elsewhere, until Ctrl-C"
    )
    apis.add_argument("--stack", required=True, metavar="NAME", help="the name of the deployed stack")
    apis.add_argument(
        "--endpoint", metavar="URL", help="the endpoint of CloudFormation and Lambda (as AWS clients are configured)"
    )
    apis.add_argument("--host", default=HOST, help="the address to listen on (%(default)s)")
    for name, port in (("rest", 3000), ("websocket", 3001)):
        apis.add_argument(f"--{name}-port", type=int, default=port, help="%(default)s; 0 for any free one")

    invoke = actions.add_parser(
        "invoke", parents=[data], help="run a function in this process, as part of the running stack"
    )
    invoke.add_argument("function")
    invoke.add_argument("--event", default="-", help="a JSON file; - for standard input")

    logs = actions.add_parser("logs", parents=[data], help="show the logs of the functions")
    logs.add_argument("function", nargs="?")
    logs.add_argument("-f", "--follow", action="store_true")

    executions = actions.add_parser("executions", parents=[data], help="list the executions of the state machines")
    executions.add_argument("name", nargs="?", help="show the events of this execution")

    actions.add_parser("functions", parents=[data], help="list the functions' counters")

    actions.add_parser("environment", parents=[data], help="print the functions' environment variables, as JSON")

    parameter = actions.add_parser("parameter", parents=[data], help="print a parameter's value, such as a store's URL")
    parameter.add_argument("name")
    return parser


def _version() -> str:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def _gateway(arguments: argparse.Namespace) -> None:
    from emulator import deployed
    from emulator.stack import load

    stack = load(arguments.template, _parameters(arguments))
    deployment = deployed.Deployment(arguments.stack, arguments.endpoint)
    deployed.serve(stack, deployment, arguments.host, arguments.rest_port, arguments.websocket_port)


def _parameters(arguments: argparse.Namespace) -> dict[str, str]:
    return {
        **samconfig.parameter_overrides(arguments.template, arguments.config_env),
        **_pairs("--parameter NAME=VALUE", arguments.parameter),
        **_from_environment(_pairs("--parameter-from NAME=VARIABLE", arguments.parameter_from)),
    }


def _from_environment(variables: dict[str, str]) -> dict[str, str]:
    for variable in variables.values():
        if variable not in os.environ:
            raise StartError(f"expected the environment variable {variable!r}, which --parameter-from names, was none")
    return {name: os.environ[variable] for name, variable in variables.items()}


def _pairs(option: str, given: list[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given]
    for name, equals, _ in pairs:
        if not equals:
            raise StartError(f"expected {option}, was {name!r}")
    return {name: value for name, _, value in pairs}


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        template=arguments.template,
        data=arguments.data,
        parameters=_parameters(arguments),
        postgres=arguments.postgres,
        redis=arguments.redis,
        processes=_pairs("--process NAME=COMMAND", arguments.process),
        host=arguments.host,
        rest_port=arguments.rest_port,
        websocket_port=arguments.websocket_port,
        aws_port=arguments.aws_port,
        grace=arguments.grace,
        read_only_console=arguments.read_only_console,
    )


if __name__ == "__main__":
    main()
