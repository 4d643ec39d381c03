"""One meaning for each word; the words that mean nothing are not used for anything of ours."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePath

import pytest

from tests.architecture.source_code import Module, modules, parse

BANNED = {
    *("job", "jobs", "task", "tasks", "manager", "managers"),
    *("helper", "helpers", "util", "utils", "utility", "utilities"),
}
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def banned_names(module: Module) -> Iterator[str]:
    """Every name that a module gives to something and that has a banned word in it."""
    for part in PurePath(module.name).with_suffix("").parts:
        if words(part) & BANNED:
            yield f"{module.name} is called {part}"
    for node in ast.walk(module.tree):
        name = _given_name(node)
        if words(name) & BANNED:
            yield f"{module.at(node)} gives the name {name}"


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, in small letters."""
    return {word.lower() for word in _WORD.findall(name)}


def _given_name(node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return node.attr
    return (node.asname or "") if isinstance(node, ast.alias) else ""


def test_no_name_of_ours_has_a_banned_word() -> None:
    assert [found for module in modules() for found in banned_names(module)] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("backends/utils.py", ""),
        ("backends/x.py", "class PackManager: ..."),
        ("backends/x.py", "def run_task(): ..."),
        ("backends/x.py", "def f(job_id): ..."),
        ("backends/x.py", "for helper in (): ..."),
        ("backends/x.py", "import os as util"),
    ],
)
def test_a_banned_word_is_found(name: str, text: str) -> None:
    assert len(list(banned_names(parse(name, text)))) == 1


def test_words_that_only_contain_a_banned_one_are_fine() -> None:
    text = "multitasking = 1\ndef utilisation(): ...\nclass Taskless: ..."

    assert list(banned_names(parse("backends/x.py", text))) == []
