from __future__ import annotations

from pathlib import Path

import pytest

from emulator.common.errors import TemplateError
from emulator.template.samconfig import parameter_overrides


def overrides(folder: Path, text: str, environment: str | None = None) -> dict[str, str]:
    (folder / "samconfig.toml").write_text(text)
    return parameter_overrides(folder / "template.yaml", environment)


@pytest.mark.parametrize(
    "given",
    [
        """'Stage=test Names="a, b" Empty='""",
        """["Stage=test", 'Names="a, b"', "Empty="]""",
        """["Stage=test Empty=", 'Names="a, b"']""",
        """'ParameterKey=Stage,ParameterValue=test ParameterKey=Names,ParameterValue="a, b" Empty=""'""",
        """{ Stage = "test", Names = "a, b", Empty = "" }""",
    ],
    ids=["string", "list", "list of several", "long form", "table"],
)
def test_every_form_that_sam_deploy_accepts(tmp_path: Path, given: str) -> None:
    text = f"version = 0.1\n[default.deploy.parameters]\nparameter_overrides = {given}\n"
    assert overrides(tmp_path, text) == {"Stage": "test", "Names": "a, b", "Empty": ""}


def test_numbers_booleans_and_lists_of_a_table_become_text(tmp_path: Path) -> None:
    text = "[default.deploy.parameters.parameter_overrides]\nCount = 3\nOn = true\nNames = ['a', 'b']\n"
    assert overrides(tmp_path, text) == {"Count": "3", "On": "true", "Names": "a,b"}


def test_parameters_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "parameters").mkdir()
    (tmp_path / "parameters" / "test.yaml").write_text("Stage: test\nNames: [a, b]\nCount: 3\n")
    text = "[default.deploy.parameters]\nparameter_overrides = ['file://parameters/test.yaml', 'Stage=late']\n"
    assert overrides(tmp_path, text) == {"Stage": "late", "Names": "a,b", "Count": "3"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "No such file"), ("a: [", "while parsing"), ("3", "expected a string, a list or a table")],
)
def test_an_unreadable_parameter_file_is_named(tmp_path: Path, content: str | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "test.yaml").write_text(content)
    with pytest.raises(TemplateError, match=problem):
        overrides(tmp_path, "[default.deploy.parameters]\nparameter_overrides = 'file://test.yaml'\n")


def test_each_environment_has_its_own(tmp_path: Path) -> None:
    text = """
    [default.global.parameters]
    parameter_overrides = "Stage=shared"
    [prod.global.parameters]
    parameter_overrides = "Stage=shared Region=eu"
    [prod.deploy.parameters]
    parameter_overrides = "Stage=prod"
    """
    assert overrides(tmp_path, text) == {"Stage": "shared"}
    assert overrides(tmp_path, text, "prod") == {"Stage": "prod"}


def test_without_a_file_or_a_section_nothing_is_overridden(tmp_path: Path) -> None:
    assert parameter_overrides(tmp_path / "template.yaml", None) == {}
    assert overrides(tmp_path, "version = 0.1\n[default.deploy.parameters]\nstack_name = 'x'\n") == {}


@pytest.mark.parametrize(
    ("text", "environment", "problem"),
    [
        ("[default", None, "Expected ']'"),
        ("[default.deploy.parameters]\nparameter_overrides = 'Stage'", None, "expected NAME=VALUE, was 'Stage'"),
        ("[default.deploy.parameters]\nparameter_overrides = ['=x']", None, "expected NAME=VALUE, was '=x'"),
        ("[default.deploy.parameters]\nparameter_overrides = 'A=\"x'", None, "No closing quotation"),
        ("[default.deploy.parameters]\nparameter_overrides = 3", None, "expected a string, a list or a table, was 3"),
        ("[default]\ndeploy = 3", None, "expected a table, was 3"),
        ("[default]\n[prod]", "test", "expected one of its environments (default, prod), was 'test'"),
        ("", "test", "expected one of its environments (none), was 'test'"),
    ],
)
def test_an_unreadable_section_is_named(tmp_path: Path, text: str, environment: str | None, problem: str) -> None:
    with pytest.raises(TemplateError) as refused:
        overrides(tmp_path, text, environment)
    assert str(tmp_path / "samconfig.toml") in str(refused.value)
    assert problem in str(refused.value)
