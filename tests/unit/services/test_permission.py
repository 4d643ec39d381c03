"""What root of a server writes down lets a dump through, and nothing like it."""

import shlex
import subprocess
from pathlib import Path

import pytest

from daemon.domain.dump import DatabaseDump
from daemon.services.dumps import dump_of
from daemon.services.permission import sudo_line, wrapper_line
from tests.parts.requirement import require_program
from tests.parts.source_wrapper import copy_with_lists, rule
from tests.parts.sudo_rules import LOGIN, WITH_RULES, require_sudo

#: A name with whatever sudoers gives a meaning to.
NASTY = r"a,b:c#d\e *[f]?^!"
DUMPS = (
    DatabaseDump(kind="postgres", database="shop", user="daemon"),
    DatabaseDump(kind="postgres", database=NASTY, user="daemon", name="nasty", port=5433),
    DatabaseDump(kind="postgres-globals", user="daemon"),
)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A sudoers file with the lines of all dumps."""
    require_sudo()
    require_program("pg_dump", "postgresql")
    file = tmp_path / "sudoers"
    file.write_text("".join(f"{sudo_line(LOGIN, dump)}\n" for dump in DUMPS))
    file.chmod(0o440)
    return file


def is_permitted(rules: Path, argv: list[str]) -> bool:
    asked = ["sudo", "-n", "-l", "-U", LOGIN, *argv[2:]]
    finished = subprocess.run([*WITH_RULES, rules, *asked], capture_output=True, check=False)
    assert b"syntax error" not in finished.stderr
    return finished.returncode == 0


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name)
def test_sudo_lets_the_dump_through_and_not_with_another_word(
    rules: Path, dump: DatabaseDump
) -> None:
    argv = list(dump_of(dump).argv)

    assert is_permitted(rules, argv)
    assert not is_permitted(rules, [*argv, "--file=/etc/x"])
    assert not is_permitted(rules, [*argv[:-1], argv[-1] + "x"])


def test_the_wrapper_lets_the_dumps_through(tmp_path: Path) -> None:
    require_sudo()
    (tmp_path / "dumps").write_text("".join(f"{wrapper_line(dump)}\n" for dump in DUMPS))
    wrapper = copy_with_lists(tmp_path)

    for dump in DUMPS:
        argv = list(dump_of(dump).argv)
        assert rule(shlex.join(argv), wrapper).argv == argv
        assert rule(shlex.join([*argv, "--file=/etc/x"]), wrapper).code == 126


def test_a_dump_of_the_login_itself_needs_no_sudo() -> None:
    dump = DatabaseDump(kind="redis")

    assert sudo_line(LOGIN, dump) is None
    assert wrapper_line(dump) == "redis-cli --rdb -"
