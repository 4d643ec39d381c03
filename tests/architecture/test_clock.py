"""Time is told, not looked up: a clock is read in one place, or where a caller may replace it."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source_code import Module, dotted, functions, modules, parse

CLOCK = "daemon/clock.py"
WALL = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime"),
}
ELAPSED = {"time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns"}
ELAPSED |= {"time.process_time", "time.clock_gettime", "time.clock_gettime_ns"}


def readings(module: Module) -> Iterator[str]:
    """Where a module reads a clock that it may not read.

    The daemon reads clocks in `daemon/clock.py` alone. `backends`, which cannot import that, may
    measure durations, and reads the wall clock only as a function without arguments that does
    nothing else: a default that every caller can replace.
    """
    if module.name == CLOCK:
        return
    library = module.name.startswith("backends/")
    replaceable = {id(node) for node in _whole_functions(module.tree)} if library else set()
    banned = WALL if library else WALL | ELAPSED
    for node in ast.walk(module.tree):
        name = ".".join(dotted(node).split(".")[-2:]) if isinstance(node, ast.Attribute) else ""
        if name in banned and id(node) not in replaceable:
            yield f"{module.at(node)} reads {name}"
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield f"{module.at(node)} imports clocks by name, where they are hard to see"


def _whole_functions(tree: ast.AST) -> Iterator[ast.expr]:
    for function in functions(tree):
        body = [part for part in function.body if not _is_docstring(part)]
        if len(body) == 1 and isinstance(body[0], ast.Return) and not ast.unparse(function.args):
            value = body[0].value
            if isinstance(value, ast.Call):
                yield value.func


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_no_module_looks_up_the_time() -> None:
    assert [reading for module in modules() for reading in readings(module)] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("daemon/services/backup.py", "import time\nnow = time.time()"),
        ("daemon/domain/run.py", "from datetime import datetime\nx = datetime.now(None)"),
        ("daemon/store/rows.py", "import datetime\nx = datetime.datetime.utcnow()"),
        ("daemon/services/sweep.py", "import time\nx = time.monotonic()"),
        ("daemon/services/sweep.py", "from time import monotonic"),
        ("daemon/services/sweep.py", "import time\ndef now():\n    return time.time()"),
        ("backends/process.py", "import time\nx = time.time()"),
        ("backends/rsync/pull.py", "import time\ndef f(x):\n    return time.time()"),
    ],
)
def test_a_look_at_the_clock_is_found(name: str, text: str) -> None:
    assert len(list(readings(parse(name, text)))) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (CLOCK, "import time\nx = time.time()"),
        ("backends/process.py", "import time\nx = time.monotonic()"),
        ("backends/lock.py", 'import time\ndef now():\n    """Now."""\n    return time.time()'),
        ("daemon/cli/app.py", "x = clock.now()"),
    ],
)
def test_a_clock_that_can_be_replaced_is_left_alone(name: str, text: str) -> None:
    assert list(readings(parse(name, text))) == []
