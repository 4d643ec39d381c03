"""Functions and modules stay small enough to be read in one look."""

import ast
import statistics

from tests.architecture.source_code import functions, modules, parse

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60
MEDIAN, NINTH_DECILE = 8, 25


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, from its first statement after the docstring to its last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1


def lengths() -> dict[str, int]:
    """The body length of every function of the product that has a body, by where it is."""
    found = {
        f"{module.at(function)} {function.name}": body_lines(function)
        for module in modules()
        for function in functions(module.tree)
    }
    return {place: length for place, length in found.items() if length}


def test_no_module_is_too_long() -> None:
    long = {
        module.name: length
        for module in modules()
        if (length := len(module.text.splitlines())) > LONGEST_MODULE
    }

    assert long == {}


def test_no_function_is_too_long() -> None:
    assert {place: n for place, n in lengths().items() if n > LONGEST_FUNCTION} == {}


def test_most_functions_are_short() -> None:
    sizes = sorted(lengths().values())

    assert statistics.median(sizes) <= MEDIAN
    assert statistics.quantiles(sizes, n=10)[-1] <= NINTH_DECILE


def test_a_body_is_measured_without_its_docstring() -> None:
    text = (
        'def f():\n    """One.\n\n    Two.\n    """\n    x = 1\n\n    return (\n        x\n    )\n'
    )

    (function,) = functions(parse("backends/x.py", text).tree)

    assert body_lines(function) == 5
