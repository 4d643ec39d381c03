"""Every mistake in the settings is named, with what to do about it."""

import sqlite3

from tests.parts.program import Program


def test_a_misspelt_setting_is_named_with_its_file_and_the_nearest_right_one(
    installed: Program,
) -> None:
    installed.settings.write_text(
        installed.settings.read_text().replace(
            "repository_password_file", "repository_pasword_file"
        )
    )
    error = installed.fail("status")
    assert error["code"] == "SettingsError"
    assert f"{installed.settings}: `stores.main.repository_pasword_file`" in error["message"]
    assert "did you mean `repository_password_file`?" in error["message"]


def test_no_settings_at_all_says_how_to_make_some(program: Program) -> None:
    ended = program.run("status")
    assert ended.exit_code == 2
    assert str(program.settings) in ended.err
    assert "lapseguard init" in ended.err
    assert ended.out == ""


def test_config_names_another_file_wherever_it_stands_on_the_line(installed: Program) -> None:
    elsewhere = installed.folder / "other.toml"
    installed.settings.rename(elsewhere)
    assert installed.run("server", "list").exit_code == 2
    assert installed.run("server", "list", "--config", str(elsewhere)).exit_code == 0
    assert installed.run("--config", str(elsewhere), "server", "list").exit_code == 0


def test_a_secret_that_others_may_read_fails_validation_with_the_command_that_mends_it(
    installed: Program,
) -> None:
    password = installed.state / "secrets/repository_password"
    password.chmod(0o644)
    ended = installed.run("config", "validate", "--json")
    assert ended.exit_code == 1
    (finding,) = [each for each in ended.document["findings"] if each["severity"] == "error"]
    assert finding["code"] == "SecretError"
    assert finding["hint"] == f"Run: chmod 600 {password}"


def test_commands_that_need_no_secret_do_not_look_at_them(installed: Program) -> None:
    (installed.state / "secrets/repository_password").unlink()
    assert installed.ask("status") == []


def test_the_settings_in_effect_are_shown_with_their_origin_and_without_secrets(
    installed: Program,
) -> None:
    more = installed.folder / "conf.d/10-more.toml"
    more.parent.mkdir()
    more.write_text('[stores.main]\nsession_token = "hunter2"\n[defaults]\nuploads = 9\n')
    more.chmod(0o600)
    ended = installed.run("config", "show", "--json")
    shown = {entry["key"]: entry for entry in ended.document["settings"]}
    assert shown["defaults.uploads"] == {
        "key": "defaults.uploads",
        "value": 9,
        "origin": str(more),
    }
    assert shown["stores.main.session_token"]["value"] == "***"
    assert "hunter2" not in ended.out + ended.err + installed.do("config", "show")


def test_the_schema_is_one_json_document(installed: Program) -> None:
    schema = installed.run("config", "schema").document
    tables = {"daemon", "stores", "defaults", "capture", "planning", "policies"}
    assert set(schema["properties"]) == tables


def test_a_missing_state_folder_is_named(installed: Program) -> None:
    installed.state.rename(installed.folder / "moved")
    error = installed.fail("status", exit_code=1)
    assert error["code"] == "StateFolderUnusable"
    assert str(installed.state) in error["message"]
    assert "lapseguard init" in error["hint"]


def test_a_state_folder_open_to_others_is_a_warning(installed: Program) -> None:
    installed.state.chmod(0o755)
    findings = installed.ask("config", "validate")["findings"]
    (warning,) = [each for each in findings if each["subject"] == "state folder"]
    assert warning["severity"] == "warning"
    assert warning["hint"].endswith(f"chmod 700 {installed.state}")


def test_a_database_of_another_age_is_refused_either_way(installed: Program) -> None:
    for revision, code, advice in (
        ("9999", "DatabaseTooNew", "Install at least the version"),
        (None, "DatabaseMissing", "lapseguard db upgrade"),
    ):
        with sqlite3.connect(installed.state / "lapseguard.db") as database:
            if revision is None:
                database.execute("DROP TABLE alembic_version")
            else:
                database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        database.close()
        for command in (("status",), ("db", "current")):
            error = installed.fail(*command, exit_code=1)
            assert error["code"] == code
            assert advice in error["hint"]


def test_a_database_that_is_not_there_is_made_by_upgrade(installed: Program) -> None:
    (installed.state / "lapseguard.db").unlink()
    assert installed.fail("server", "list", exit_code=1)["code"] == "DatabaseMissing"
    done = installed.ask("db", "upgrade")
    assert done["before"] is None
    assert installed.ask("server", "list") == []
    assert installed.ask("db", "upgrade")["before"] == done["after"]


def test_a_file_that_is_no_database_is_called_damaged(installed: Program) -> None:
    (installed.state / "lapseguard.db").write_bytes(b"x" * 4096)
    assert installed.fail("status", exit_code=1)["code"] == "DatabaseDamaged"
