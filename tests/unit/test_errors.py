"""Every error has its exit code, its name and its next step."""

import inspect
from types import ModuleType

import pytest

import backends.errors
import daemon.errors
from backends.errors import BackendError, HostKeyChanged
from daemon.errors import (
    Interrupted,
    LapseguardError,
    NotFound,
    RunIncomplete,
    UsageError,
    code_for,
    exit_code_for,
    hint_for,
)


def own_errors() -> list[type[LapseguardError]]:
    return [
        value
        for value in vars(daemon.errors).values()
        if inspect.isclass(value) and issubclass(value, LapseguardError)
    ]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (LapseguardError("x"), 1),
        (HostKeyChanged("x"), 1),
        (BackendError("x"), 1),
        (RuntimeError("x"), 1),
        (UsageError("x"), 2),
        (NotFound("x"), 2),
        (RunIncomplete("x"), 3),
        (Interrupted("x"), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_a_script_can_tell_the_outcome_by_the_exit_code(
    error: BaseException, expected: int
) -> None:
    assert exit_code_for(error) == expected


@pytest.mark.parametrize("error", own_errors())
def test_every_error_says_what_to_do_next(error: type[LapseguardError]) -> None:
    assert error("what happened").hint.endswith((".", "`"))
    assert error("what happened", hint="this").hint == "this"
    assert error("what happened").code == error.__name__


def test_no_name_means_two_things() -> None:
    names = [name for name, value in vars(backends.errors).items() if inspect.isclass(value)]
    assert not {error.__name__ for error in own_errors()} & set(names) - {"BackendError"}


@pytest.mark.parametrize("module", [daemon.errors, backends.errors])
def test_the_drawing_of_the_tree_names_every_error(module: ModuleType) -> None:
    drawing = inspect.getdoc(module) or ""
    for name, value in vars(module).items():
        if inspect.isclass(value) and issubclass(value, Exception):
            assert name in drawing or value.__module__ != module.__name__


def test_the_unforeseen_is_called_a_defect() -> None:
    assert code_for(ValueError("x")) == "InternalError"
    assert "defect" in hint_for(ValueError("x"))
