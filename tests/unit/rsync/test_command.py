"""The argument list of a pull."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import LocalPathUnusable, SourcePathInvalid
from backends.rsync.command import (
    Removal,
    Scratch,
    normal_path,
    quote_remote_shell,
    rsync_argv,
    source_argument,
)
from backends.types import PullBudget, PullSpec, SshTarget

TARGET = SshTarget(
    alias="web-1",
    host="192.0.2.7",
    user="backup",
    identity="/keys/id",
    host_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICMkvPMlSgOceq6TtdfP0hMa5V5cQFezSFZZ/3YoMcHd",
)
SPEC = PullSpec(target=TARGET, paths=("/srv/www", "/etc"), staging="/stage/web-1")
SCRATCH = Scratch(incoming="/stage/in", partial="/stage/part")


def argv(
    *, plain: bool = False, removal: Removal = Removal.BY_RSYNC, **changes: object
) -> tuple[str, ...]:
    spec = dataclasses.replace(SPEC, **changes)
    return rsync_argv(spec, ssh=("ssh", "-x"), scratch=SCRATCH, plain=plain, removal=removal)


def test_an_ordinary_pull_names_its_paths_after_the_options() -> None:
    found = argv()

    assert found[0] == "rsync"
    assert found[-4:] == ("--", "192.0.2.7:/srv/www", ":/etc", "/stage/web-1/")
    assert found[found.index("-e") + 1] == "'ssh' '-x'"


def test_everything_about_a_file_is_carried_and_kept_without_root() -> None:
    found = argv()

    assert "-rlptgoHAX" in found
    assert {"--devices", "--specials", "--sparse", "--numeric-ids", "--fake-super"} <= {*found}
    assert "--relative" in found


def test_staging_becomes_equal_to_the_server_without_its_excludes() -> None:
    assert {"--delete", "--delete-excluded"} <= {*argv()}


@pytest.mark.parametrize("removal", [Removal.BY_NAME, Removal.NONE])
def test_where_rsync_deletes_nothing_a_file_still_takes_the_place_of_a_folder(
    removal: Removal,
) -> None:
    """Also where the folder holds what is excluded: only the server shall know of that."""
    found = argv(removal=removal, excludes=("*.tmp",))

    assert not [part for part in found if part.startswith("--delete")]
    assert {"--force", "--filter=-s *.tmp"} <= {*found}
    assert ("-ii" in found) == (removal is Removal.BY_NAME)


def test_changes_within_a_second_are_sent_and_recorded_attributes_kept() -> None:
    """What these options do is tried with a real rsync in tests/integration/test_fake_super.py."""
    options = {"--modify-window=-1", "--filter=-xr user.rsync.%*", "--filter=-xr system.*"}

    assert options <= {*argv()}


def test_unfinished_files_stay_out_of_the_image() -> None:
    assert "--temp-dir=/stage/in" in argv()
    assert "--partial-dir=/stage/part" in argv()


@pytest.mark.parametrize(
    "option",
    [
        *("-z", "--compress", "-L", "-k", "-K", "--copy-links", "--inplace", "--append"),
        *("--trust-sender", "--old-args", "--ignore-errors", "-8", "-c", "--checksum", "-s"),
        *("--secluded-args", "--insecure-links", "--safe-links", "--files-from"),
    ],
)
def test_options_that_trust_the_server_are_never_used(option: str) -> None:
    assert option not in argv(sudo=True, one_file_system=True, bandwidth=1, excludes=("x",))


def test_each_line_carries_the_sources_own_checksum() -> None:
    assert "--out-format=%i %b %l %C %n" in argv()
    assert "--checksum-choice=xxh128" in argv()


def test_an_old_server_is_asked_for_nothing_it_does_not_know() -> None:
    found = argv(plain=True)

    assert not [part for part in found if part.startswith(("--checksum-choice", "--max-alloc"))]
    assert f"--out-format=%i %b %l {' ' * 32} %n" in found


def test_a_frozen_view_is_read_but_the_paths_stay_the_servers() -> None:
    found = argv(source_root="/run/snap/")

    assert found[-3:-1] == ("192.0.2.7:/run/snap/./srv/www", ":/run/snap/./etc")


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("/", "", "/"),
        ("/", "/run/snap", "/run/snap/./"),
        ("//srv///www/./x/", "", "/srv/www/x"),
        ("/srv/a*b[c]?", "", r"/srv/a\*b\[c\]\?"),
        ("/srv/back\\slash $HOME 'x'", "", "/srv/back\\slash $HOME 'x'"),
        ("/srv/x", "/run/[s]", r"/run/\[s\]/./srv/x"),
        ("/-dash", "", "/-dash"),
    ],
)
def test_a_path_is_taken_literally(path: str, root: str, expected: str) -> None:
    assert source_argument(path, root) == expected


@pytest.mark.parametrize(
    "path", ["", "srv", "./srv", "~/x", "/srv/../etc", "/..", "/a\nb", "/a\rb", "/a\0b"]
)
def test_a_path_that_could_mean_another_is_refused(path: str) -> None:
    with pytest.raises(SourcePathInvalid):
        argv(paths=(path,))
    with pytest.raises(SourcePathInvalid):
        argv(source_root=path or "x")


def test_a_pull_of_nothing_is_refused() -> None:
    with pytest.raises(SourcePathInvalid):
        argv(paths=())


def test_staging_must_be_absolute() -> None:
    with pytest.raises(LocalPathUnusable):
        argv(staging="stage")


def test_an_address_with_colons_is_bracketed() -> None:
    found = argv(target=dataclasses.replace(TARGET, host="2001:db8::1"))

    assert found[-3] == "[2001:db8::1]:/srv/www"


def test_excludes_are_rules_that_nothing_in_them_can_change() -> None:
    found = argv(excludes=("*.tmp", "+ keep", "!", "- x", "/srv/cache"))

    rules = [part for part in found if part.startswith("--filter=- ")]
    assert rules == [
        *("--filter=- *.tmp", "--filter=- + keep", "--filter=- !", "--filter=- - x"),
        "--filter=- /srv/cache",
    ]


@pytest.mark.parametrize("pattern", ["", "a\nb", "a\0b"])
def test_a_pattern_that_cannot_be_passed_on_is_refused(pattern: str) -> None:
    with pytest.raises(SourcePathInvalid):
        argv(excludes=(pattern,))


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"sudo": True}, "--rsync-path=sudo -n rsync"),
        ({"one_file_system": True}, "--one-file-system"),
        ({"bandwidth": 2_048_000}, "--bwlimit=2000"),
        ({"bandwidth": 1}, "--bwlimit=1"),
        ({"budget": PullBudget(max_file_bytes=5, max_bytes=9)}, "--max-size=5"),
        ({"budget": PullBudget(max_bytes=9)}, "--max-size=9"),
    ],
)
def test_what_is_not_asked_for_is_not_passed(changes: dict[str, object], option: str) -> None:
    assert option in argv(**changes)
    name = option.partition("=")[0]
    assert not [part for part in argv() if part.startswith(name)]


def split_remote_shell(text: str) -> list[str]:
    """How rsync itself takes the text of `-e` apart: see `do_cmd` in its main.c."""
    arguments, current, quote, position = [], "", "", 0
    while position < len(text):
        char = text[position]
        position += 1
        if not quote and char == " ":
            arguments.append(current)
            current = ""
        elif not quote and char in "'\"":
            quote = char
        elif char == quote and text[position : position + 1] == quote:
            current += char
            position += 1
        elif char == quote:
            quote = ""
        else:
            current += char
    return [*arguments, current]


printable = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))


@given(st.lists(printable.filter(bool), min_size=1))
def test_rsync_takes_the_ssh_command_apart_as_it_was_put_together(arguments: list[str]) -> None:
    assert split_remote_shell(quote_remote_shell(arguments)) == arguments


def as_the_shell_reads(argument: str) -> str:
    """What reaches the server's rsync: rsync's quoting (`safe_arg` in its options.c), then sh."""
    quoted = ""
    for position, char in enumerate(argument):
        masks_wildcard = char == "\\" and argument[position + 1 : position + 2] in {*"*?[]"}
        special = char in "!#$&;|<>(){}\"'` \t\n\r\\"
        quoted += "\\" + char if special and not masks_wildcard else char
    assert not re.search(r"(?<!\\)(?:\\\\)*[*?\[\]]", quoted), "a wildcard is left"
    return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


@given(st.text(st.characters(blacklist_characters="\0\n\r/", blacklist_categories=["Cs"])))
def test_any_name_reaches_the_server_unchanged(name: str) -> None:
    path = normal_path(f"/srv/{name}") if name != ".." else "/srv"

    assert as_the_shell_reads(source_argument(path)) == path


@given(st.text(alphabet="\\*?[]a", min_size=1))
def test_backslashes_before_wildcards_are_literal_too(name: str) -> None:
    assert as_the_shell_reads(source_argument(f"/{name}")) == f"/{name}"
