"""What a settings file may say, where it is found, and how its mistakes are named."""

from pathlib import Path

import pytest
from pydantic import ByteSize

from daemon.errors import NotFound, SettingsError
from daemon.settings import (
    Configuration,
    DaemonSettings,
    DefaultSettings,
    Environment,
    PlanningSettings,
    PolicySettings,
    StoreSettings,
    configure,
    load_configuration,
    settings_from_text,
    settings_schema,
)

MODELS = (DaemonSettings, StoreSettings, DefaultSettings, PlanningSettings, PolicySettings)
GOOD = """
[daemon]
state_dir = "state"
[stores.main]
url = "s3://bucket/prefix/"
endpoint = "https://s3.example.net"
repository_password_file = "secrets/password"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def environment(folder: Path, *, superuser: bool = False, **variables: str) -> Environment:
    return Environment(variables=variables, home=folder / "home", superuser=superuser)


def load(folder: Path, text: str, mode: int = 0o600, **variables: str) -> Configuration:
    file = folder / "lapseguard.toml"
    file.write_text(text)
    file.chmod(mode)
    return load_configuration(file, environment(folder, **variables))


def problems(folder: Path, text: str, mode: int = 0o600, **variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(folder, text, mode, **variables)
    return str(caught.value)


def test_relative_paths_are_taken_from_the_settings_file(folder: Path) -> None:
    settings = load(folder, GOOD).settings
    assert settings.daemon.state_dir == folder / "state"
    assert settings.stores["main"].repository_password_file == folder / "secrets/password"


def test_the_database_lies_in_the_state_folder_unless_said_otherwise(folder: Path) -> None:
    assert load(folder, GOOD).settings.daemon.database == f"sqlite:///{folder}/state/lapseguard.db"


def test_a_relative_sqlite_path_is_taken_from_the_settings_file_too(folder: Path) -> None:
    text = '[daemon]\ndatabase = "sqlite:///here.db"'
    assert load(folder, text).settings.daemon.database == f"sqlite:///{folder}/here.db"


def test_plain_postgresql_urls_get_the_driver_that_is_installed(folder: Path) -> None:
    text = '[daemon]\ndatabase = "postgresql://host/name"'
    assert load(folder, text).settings.daemon.database == "postgresql+psycopg://host/name"


@pytest.mark.parametrize(
    ("text", "key", "advice"),
    [
        ('[daemon]\nstate_dri = "x"', "daemon.state_dri", "did you mean `state_dir`?"),
        ('[stores.main]\nurl = "s3://b"\nendpont = "x"', "stores.main.endpont", "`endpoint`?"),
        ('[store.main]\nurl = "s3://b"', "store", "did you mean `stores`?"),
        ('region = "x"', "region", "it belongs in [stores.NAME]"),
        ("[defaults]\nzzz = 1", "defaults.zzz", "known are: compression_level, io_priority"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_valid_one(
    folder: Path, text: str, key: str, advice: str
) -> None:
    said = problems(folder, text)
    assert f"{folder}/lapseguard.toml: `{key}`" in said
    assert advice in said


def test_all_mistakes_are_reported_at_once(folder: Path) -> None:
    said = problems(
        folder,
        """
        [daemon]
        database = "mysql://x"
        [stores.main]
        url = "s3://user:key@bucket"
        access_key_id_file = "a"
        access_key_id_command = ["b"]
        [stores."Bad Name"]
        url = "file:///x"
        [defaults]
        store = "mian"
        compression_level = 99
        """,
    )
    for key in (
        "daemon.database",
        "stores.main.url",
        "stores.main.access_key_id",
        "stores.Bad Name",
        "defaults.store",
        "defaults.compression_level",
    ):
        assert f"`{key}`" in said


def test_a_mistake_names_the_file_it_is_in(folder: Path) -> None:
    (folder / "conf.d").mkdir()
    (folder / "conf.d/20-more.toml").write_text("[defaults]\nuploads = 0")
    said = problems(folder, GOOD)
    assert said.startswith(f"{folder}/conf.d/20-more.toml: `defaults.uploads`")


def test_later_files_win_in_the_order_of_their_names(folder: Path) -> None:
    (folder / "conf.d").mkdir()
    (folder / "conf.d/20-b.toml").write_text("[defaults]\nuploads = 7")
    (folder / "conf.d/10-a.toml").write_text("[defaults]\nuploads = 6\nworkers = 5")
    configuration = load(folder, GOOD)
    assert configuration.settings.defaults.uploads == 7
    assert configuration.settings.defaults.workers == 5
    origins = {entry.key: entry.origin for entry in configuration.entries}
    assert origins["defaults.uploads"] == str(folder / "conf.d/20-b.toml")
    assert origins["defaults.pack_size"] == "default"


def test_broken_toml_is_reported_with_its_position(folder: Path) -> None:
    assert "line 2" in problems(folder, "[daemon]\nstate_dir = \n")


def test_a_mistyped_secret_is_never_repeated_in_the_error(folder: Path) -> None:
    said = problems(folder, '[stores.main]\nurl="s3://b"\nrepository_password = ["hunter2"]')
    assert "repository_password" in said
    assert "hunter2" not in said


def test_a_secret_in_a_settings_file_that_others_may_read_is_refused(folder: Path) -> None:
    text = '[stores.main]\nurl = "s3://b"\nrepository_password = "x"'
    assert f"chmod 600 {folder}/lapseguard.toml" in problems(folder, text, mode=0o640)
    assert load(folder, text, mode=0o600).settings.stores["main"].repository_password is not None


def test_a_database_password_in_the_url_counts_as_a_secret(folder: Path) -> None:
    text = '[daemon]\ndatabase = "postgresql://me:pw@host/name"'
    assert "chmod 600" in problems(folder, text, mode=0o644)
    shown = {entry.key: entry.value for entry in load(folder, text).entries}
    assert shown["daemon.database"] == "postgresql+psycopg://me:***@host/name"


def test_half_an_s3_key_pair_is_refused(folder: Path) -> None:
    said = problems(folder, '[stores.main]\nurl = "s3://b"\naccess_key_id_file = "x"')
    assert "given without `secret_access_key`" in said


def test_a_credential_beside_a_setting_is_one_too_many(folder: Path) -> None:
    credentials = folder / "credentials"
    credentials.mkdir()
    (credentials / "main.repository_password").write_text("x")
    said = problems(folder, GOOD, CREDENTIALS_DIRECTORY=str(credentials))
    assert "the systemd credential `main.repository_password`" in said


def test_a_credential_for_all_stores_yields_to_what_a_store_says_itself(folder: Path) -> None:
    credentials = folder / "credentials"
    credentials.mkdir()
    (credentials / "repository_password").write_text("common\n")
    text = GOOD + '[stores.other]\nurl = "s3://other"\n[defaults]\nstore = "main"'
    configuration = load(folder, text, CREDENTIALS_DIRECTORY=str(credentials))
    own = configuration.store_secret("main", "repository_password")
    common = configuration.store_secret("other", "repository_password")
    assert own is not None
    assert own.origin == f"file {folder}/secrets/password"
    assert common is not None
    assert common.read().reveal() == "common"


def test_an_unknown_store_is_answered_with_the_nearest_one(folder: Path) -> None:
    with pytest.raises(NotFound, match="did you mean `main`"):
        load(folder, GOOD).store("mian")


def test_the_only_store_is_the_default_one(folder: Path) -> None:
    assert load(folder, GOOD).store()[0] == "main"


def test_without_a_default_several_stores_are_ambiguous(folder: Path) -> None:
    with pytest.raises(SettingsError, match="no default"):
        load(folder, GOOD + '[stores.other]\nurl = "s3://other"').store()


def test_the_schema_knows_every_name_of_the_documentation() -> None:
    definitions = settings_schema()["$defs"]
    assert isinstance(definitions, dict)
    store = definitions["StoreSettings"]["properties"]
    assert {"url", "endpoint", "region", "access_key_id_file", "session_token_command"} <= set(
        store
    )
    assert definitions["StoreSettings"]["additionalProperties"] is False


EXAMPLE = Path(__file__).parents[3] / "deploy/lapseguard.toml"


def test_the_example_settings_are_right(folder: Path) -> None:
    merged = settings_from_text(EXAMPLE.read_text(), folder / "lapseguard.toml")
    assert configure(merged, environment(folder)).store()[0] == "main"


def test_the_example_mentions_every_setting_and_its_default() -> None:
    text = EXAMPLE.read_text()
    for model in MODELS:
        for name, field in model.model_fields.items():
            if not name.endswith(("_file", "_command")) and "Secret" not in str(field.annotation):
                assert f"{name} " in text, name
            if isinstance(field.default, bool | int) and not isinstance(field.default, ByteSize):
                assert f"{name} = {str(field.default).lower()} " in text, name


class TestLookup:
    def test_the_command_line_comes_first(self, folder: Path) -> None:
        surroundings = environment(folder, LAPSEGUARD_CONFIG="/elsewhere.toml")
        assert surroundings.settings_file(Path("/given.toml")) == Path("/given.toml")

    def test_then_the_variable_then_the_systemd_folder(self, folder: Path) -> None:
        both = {"LAPSEGUARD_CONFIG": "/a.toml", "CONFIGURATION_DIRECTORY": "/etc/b:/etc/c"}
        assert environment(folder, **both).settings_file(None) == Path("/a.toml")
        del both["LAPSEGUARD_CONFIG"]
        assert environment(folder, **both).settings_file(None) == Path("/etc/b/lapseguard.toml")

    def test_a_user_s_own_file_counts_only_if_it_exists(self, folder: Path) -> None:
        surroundings = environment(folder)
        assert surroundings.settings_file(None) == Path("/etc/lapseguard/lapseguard.toml")
        surroundings.default_file.parent.mkdir(parents=True)
        surroundings.default_file.touch()
        assert surroundings.settings_file(None) == surroundings.default_file

    def test_a_missing_file_says_how_to_make_one(self, folder: Path) -> None:
        with pytest.raises(SettingsError) as caught:
            load_configuration(folder / "none.toml", environment(folder))
        assert "lapseguard init" in caught.value.hint

    @pytest.mark.parametrize(
        ("variables", "superuser", "expected"),
        [
            ({"STATE_DIRECTORY": "/var/lib/private/x:/y"}, True, "/var/lib/private/x"),
            ({}, True, "/var/lib/lapseguard"),
        ],
    )
    def test_the_state_folder_follows_the_service_manager_or_the_user(
        self, folder: Path, *, variables: dict[str, str], superuser: bool, expected: str
    ) -> None:
        (folder / "s.toml").write_text("")
        surroundings = environment(folder, superuser=superuser, **variables)
        configuration = load_configuration(folder / "s.toml", surroundings)
        assert configuration.settings.daemon.state_dir == Path(expected)

    def test_an_ordinary_user_keeps_state_in_the_home_folder(self, folder: Path) -> None:
        (folder / "s.toml").write_text("")
        configuration = load_configuration(folder / "s.toml", environment(folder))
        assert configuration.state_folder.root == folder / "home/.local/state/lapseguard"
