"""How a server is frozen, from the command line and through the fleet file."""

import tomllib

from tests.parts.program import Program


def test_a_server_is_read_live_until_somebody_says_otherwise(installed: Program) -> None:
    installed.add_server()

    assert installed.ask("server", "show", "web-1")["snapshot"] == "none"


def test_what_is_said_stays_and_is_shown_as_the_words_that_will_run(installed: Program) -> None:
    installed.add_server()

    told = installed.ask(
        *("server", "freeze", "web-1", "--snapshot", "auto", "--required"),
        *("--before", "systemctl stop 'my app'", "--after", "systemctl start 'my app'"),
    )

    assert told == installed.ask("server", "show", "web-1")
    assert (told["snapshot"], told["snapshot_required"]) == ("auto", True)
    assert told["before_capture"] == ["systemctl", "stop", "my app"]
    assert "systemctl start 'my app'" in installed.do("server", "show", "web-1")


def test_a_command_is_taken_away_again(installed: Program) -> None:
    installed.add_server()
    installed.do("server", "freeze", "web-1", "--before", "a", "--after", "b")

    told = installed.ask("server", "freeze", "web-1", "--before", "")

    assert (told["before_capture"], told["after_capture"]) == ([], ["b"])


def test_what_cannot_work_is_refused(installed: Program) -> None:
    installed.add_server()
    freeze = ("server", "freeze", "web-1")

    assert "no kind" in installed.fail(*freeze, "--snapshot", "zip")["message"]
    assert "thaw" in installed.fail(*freeze, "--snapshot", "hook", "--freeze", "a")["message"]
    assert "split" in installed.fail(*freeze, "--before", "'open")["message"]
    assert installed.fail(*freeze)["code"] == "UsageError"
    assert installed.ask("server", "show", "web-1")["snapshot"] == "none"


def test_the_fleet_file_carries_it_there_and_back(installed: Program) -> None:
    installed.add_server()
    hook = ("--snapshot", "hook", "--freeze", "/opt/freeze", "--thaw", "/opt/thaw --now")
    before = installed.ask("server", "freeze", "web-1", *hook)
    fleet = installed.folder / "fleet.toml"
    installed.do("export", str(fleet))
    installed.do("server", "freeze", "web-1", "--snapshot", "none", "--freeze", "", "--thaw", "")

    assert tomllib.loads(fleet.read_text())["servers"]["web-1"]["thaw_command"][1] == "--now"
    installed.do("import", str(fleet))

    assert installed.ask("server", "show", "web-1") == before
