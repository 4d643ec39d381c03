"""The outside world is reached through its doors: programs, and a second process of ours."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source_code import Module, dotted, modules, parse

#: Through the second one no program is started, but this one goes on as two.
DOORS = {"backends/process.py", "backends/twin.py"}
PROGRAM_MODULES = {"subprocess", "multiprocessing", "pty", "pexpect", "sh"}
PROGRAM_CALLS = ("os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn", "os.fork")


def programs_started(module: Module) -> Iterator[str]:
    """Where a module could start a program without going through the door."""
    if module.name in DOORS:
        return
    for node in ast.walk(module.tree):
        for name in _imported(node):
            if name.split(".")[0] in PROGRAM_MODULES:
                yield f"{module.at(node)} imports {name}"
        if isinstance(node, ast.Attribute) and dotted(node).startswith(PROGRAM_CALLS):
            yield f"{module.at(node)} uses {dotted(node)}"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module or ""]
    return []


def test_programs_are_started_through_one_door() -> None:
    assert [found for module in modules() for found in programs_started(module)] == []


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess",
        "from subprocess import run",
        "import os\nos.system('true')",
        "import os\nos.execvp('true', ['true'])",
        "from multiprocessing import Process",
    ],
)
def test_a_second_door_is_found(text: str) -> None:
    assert len(list(programs_started(parse("backends/ssh.py", text)))) == 1


def test_asynchronous_code_has_no_place_here() -> None:
    asynchronous = [
        module.at(node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await) or "asyncio" in _imported(node)
    ]

    assert asynchronous == []
