"""Deploys a template to an emulated AWS with `sam deploy`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from emulator.common.account import REGION


def environment(endpoint: str) -> dict[str, str]:
    """The environment variables that point the SAM CLI at an emulated AWS."""
    return {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "SAM_CLI_TELEMETRY": "0",
    }


def deploy(
    command: Sequence[str], endpoint: str, template: Path, stack: str, parameters: Mapping[str, str] | None = None
) -> None:
    """Deploys the template as `stack`. `command` is the SAM CLI or a wrapper of it.

    Ignores samconfig.toml. Raises RuntimeError with the output if the deployment fails.
    """
    overrides = [f"{name}={value}" for name, value in (parameters or {}).items()]
    with NamedTemporaryFile(suffix=".toml") as no_configuration:
        ended = subprocess.run(
            [
                *(*command, "deploy", "--template-file", str(template), "--stack-name", stack, "--region", REGION),
                *("--resolve-s3", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-progressbar"),
                *("--no-confirm-changeset", "--config-file", no_configuration.name),
                *(["--parameter-overrides", *overrides] if overrides else []),
            ],
            cwd=template.parent,
            env=environment(endpoint),
            capture_output=True,
            text=True,
            check=False,
        )
    if ended.returncode:
        raise RuntimeError(f"expected {command[0]} deploy to succeed, was: {ended.stdout}{ended.stderr}")
