"""The whole fleet as files, from the command line: looked at, imported, exported."""

from collections.abc import Callable

from tests.architecture.source_code import ROOT
from tests.fleets import CONTRACT, SERVER
from tests.parts.program import Program

DEPLOY = ROOT / "deploy"


def write(program: Program, text: str, name: str = "fleet.toml") -> str:
    """A file beside the settings; gives its name, as a person would type it."""
    (program.folder / name).write_text(text, encoding="utf-8")
    return name


def check_round(program: Program) -> None:
    """Look, import, import again, export, import that: only the first import changes anything."""
    file = write(program, SERVER + CONTRACT)
    looked = program.ask("import", file, "--dry-run")
    assert (looked["dry_run"], looked["changed"]) == (True, True)
    assert program.ask("server", "list") == []

    done = program.ask("import", file)
    assert done["servers"]["added"] == ["web-1"]
    assert done["contracts"]["added"] == ["web-2026"]
    assert "nothing was changed" in program.do("import", file)
    program.do("export", "out.toml")
    assert program.ask("import", "out.toml")["changed"] is False
    assert program.do("export") == (program.folder / "out.toml").read_text()


def test_a_fleet_goes_in_once_and_comes_out_the_same(installed: Program) -> None:
    check_round(installed)


def test_the_same_on_postgresql(program: Program, create_postgres: Callable[[str], str]) -> None:
    program.install("--database", create_postgres("template0"))
    check_round(program)


def test_a_dry_run_shows_each_difference_to_a_person(installed: Program) -> None:
    installed.do("import", write(installed, SERVER + CONTRACT))
    changed = CONTRACT.replace("2026-12-31", "2027-12-31")
    shown = installed.run("import", write(installed, changed), "--dry-run")

    assert "~ contract web-2026\n    expires: 2026-12-31 → 2027-12-31\n" in shown.out
    assert "left alone, not in the file: web-1" in shown.out
    assert shown.out.endswith("This was a dry run; nothing was changed.\n")


def test_all_problems_are_said_at_once_with_their_places(installed: Program) -> None:
    file = write(installed, SERVER.replace("user", "usr") + CONTRACT.replace('"web-1"', '"w"'))
    error = installed.fail("import", file, "nothing.toml")

    assert error["code"] == "FleetInvalid"
    places = [(each["file"], each["line"], each["key"]) for each in error["problems"]]
    assert sorted(places, key=str) == sorted(
        [
            ("nothing.toml", None, None),
            ("fleet.toml", 2, "user"),
            ("fleet.toml", 4, "usr"),
            ("fleet.toml", 10, "servers"),
        ],
        key=str,
    )
    assert installed.ask("server", "list") == []
    told = installed.run("import", file)
    assert told.exit_code == 2
    assert "fleet.toml:4: [servers.web-1] `usr` is not a key" in told.err


def test_a_spreadsheet_of_contracts_moves_a_date_with_evidence(installed: Program) -> None:
    installed.do("import", write(installed, SERVER + CONTRACT))
    installed.do("export", "contracts.csv", "--contracts-csv")
    table = (installed.folder / "contracts.csv").read_text().replace("2026-12-31", "2027/12/31")
    installed.do("import", write(installed, table, "moved.csv"))

    shown = installed.ask("contract", "show", "web-2026")
    assert shown["expiry"] == "2027-12-31"
    assert "import of moved.csv (sha256" in installed.do("contract", "show", "web-2026").replace(
        "\n", " "
    )


def test_standard_input_is_taken_as_what_it_looks_like(installed: Program) -> None:
    assert installed.run("import", "-", answer=SERVER).exit_code == 0
    table = "name,provider,expires,servers\nnew,ovh,2099-01-01,web-1\n"
    assert installed.run("import", "-", answer=table).exit_code == 0

    assert [each["contract"] for each in installed.ask("contract", "list")] == ["new"]


def test_a_table_in_another_encoding_is_read_with_a_warning(installed: Program) -> None:
    text = "name,provider,expires,subject\nnew,阿里云,2099-01-01,域名\n"
    (installed.folder / "c.csv").write_bytes(text.encode("gb18030"))
    ended = installed.run("import", "c.csv")

    assert "GB18030" in ended.err
    assert installed.ask("contract", "show", "new")["provider"] == "阿里云"


def test_an_export_replaces_no_file_unless_told_and_is_ours_alone(installed: Program) -> None:
    file = write(installed, "# mine\n")
    error = installed.run("export", file)
    assert error.exit_code == 2
    assert "--force" in error.err
    installed.do("export", file, "--force")

    assert (installed.folder / file).stat().st_mode & 0o777 == 0o600


def test_the_examples_can_be_imported(installed: Program) -> None:
    files = [str(DEPLOY / name) for name in ("fleet.example.toml", "contracts.example.csv")]
    looked = installed.ask("import", *files, "--dry-run")

    assert looked["servers"]["added"] == ["db-1", "web-1"]
    assert len(looked["contracts"]["added"]) == 6
    assert looked["warnings"] == []
