"""The program's own modules, parsed once for all architecture tests."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("backends", "daemon", "migrations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One source file of ours; `name` is its path below the repository, with `/`."""

    name: str
    text: str
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        """Where a node is, for messages."""
        return f"{self.name}:{getattr(node, 'lineno', 0)}"


@functools.cache
def modules() -> tuple[Module, ...]:
    """Every Python file of the product, sorted by name."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return tuple(parse(path.relative_to(ROOT).as_posix(), path.read_text()) for path in paths)


def parse(name: str, text: str) -> Module:
    """A module of this name and text."""
    return Module(name=name, text=text, tree=ast.parse(text))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an attribute chain, or an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""
