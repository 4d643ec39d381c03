"""The provider facts that are shipped: complete, sound, and never kinder than the research."""

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daemon.domain.duration import read_duration
from daemon.domain.preset import Confidence, RenewalBasis
from daemon.errors import InvalidValue, NotFound
from daemon.presets.catalogue import Catalogue, load_catalogue, read_preset

SOUND = """
provider = "cloud"
product = "Server"
sources = ["https://cloud.example/terms"]
checked = 2026-10-31
confidence = "high"
note = "What a person should know."

[[phases]]
name = "stopped"
start = "0"
renewal = true

[[phases]]
name = "released"
start = "15d"
data = false
"""


@pytest.mark.parametrize(
    ("name", "stop", "release"),
    [
        ("alibaba-ecs-subscription", "0", "15d"),
        ("alibaba-ecs-overdue-intl", "15d", "30d"),
        ("alibaba-ecs-overdue-china", "0", "15d"),
        ("alibaba-dedicated-host", "0", "15d"),
        ("tencent-cvm-subscription", "0", "7d"),
        ("tencent-cvm-payg", "2h", "26h"),
        ("tencent-lighthouse", "0", "7d"),
        ("huawei-ecs-international", "15d", "30d"),
        ("byteplus-ecs-subscription", "12h", "15d"),
        ("ovh-manual-renewal", "0", "0"),
        ("ovh-dedicated-expired", "0", "7d"),
        ("ovh-dedicated-terminated", "0", "24h"),
        ("ovh-dedicated-suspended", "0", "5d"),
        ("ovh-dedicated-3az", "0", "0"),
        ("ovh-web-hosting", "0", "45d"),
        ("ovh-object-storage", "0", "7d"),
        ("ovh-vps", "0", "5d"),
        ("hetzner", "0", "0"),
        ("digitalocean", "0", "14d"),
        ("scaleway", "10d", "20d"),
        ("aws-account-closure", "0", "90d"),
        ("azure-subscription", "0", "1d"),
        ("google-cloud-project", "0", "30d"),
        ("gtld-domain", "0", "35d"),
        ("vpsdime", "3d", "10d"),
        ("host-for-net-vds", "0", "7d"),
        ("host-for-net-dedicated", "0", "3d"),
        ("thehost-ua", "0", "7d"),
        ("ukrnames", "0", "14d"),
        ("vultam", "1d", "7d"),
        ("hosting-xyz", "0", "30d"),
        ("cherry-servers", "0", "0"),
    ],
)
def test_stop_and_release_are_what_the_provider_says(name, stop, release):
    course = load_catalogue().get(name).course
    assert (course.stop, course.release) == (read_duration(stop), read_duration(release))


def test_nothing_is_shipped_that_could_not_be_confirmed():
    names = load_catalogue().names
    assert len(names) == 32
    assert not [name for name in names if "vultr" in name or "linode" in name]


@pytest.mark.parametrize("preset", load_catalogue().all(), ids=lambda preset: preset.name)
def test_every_preset_says_where_it_is_from_and_what_to_mind(preset):
    assert preset.note.endswith(".")
    assert preset.checked >= date(2026, 10, 31)
    assert preset.timezone is None or ZoneInfo(preset.timezone)
    assert preset.course.stop >= timedelta()


def test_where_a_late_renewal_counts_from_the_old_expiry_it_is_known():
    known = {
        preset.name
        for preset in load_catalogue().all()
        if preset.renewal_from is RenewalBasis.OLD_EXPIRY
    }
    assert {"tencent-cvm-subscription", "huawei-ecs-international", "ovh-manual-renewal"} <= known
    assert not [name for name in known if name.startswith("alibaba")]


@pytest.mark.parametrize("name", ["ovh-vps", "ovh-dedicated-suspended"])
def test_what_is_somebodys_word_is_of_low_confidence(name):
    assert load_catalogue().get(name).confidence is Confidence.LOW


@pytest.mark.parametrize("provider", ["alibaba", "Aliyun", "Alibaba Cloud"])
def test_a_providers_presets_are_found_by_any_of_its_names(provider):
    found = [preset.name for preset in load_catalogue().of_provider(provider)]
    assert len(found) == 4
    assert all(name.startswith("alibaba-") for name in found)


def test_an_unknown_preset_is_answered_with_the_nearest():
    with pytest.raises(NotFound) as refused:
        load_catalogue().get("huawei-ecs-international-site")
    assert "huawei-ecs-international?" in refused.value.hint
    assert load_catalogue().find("of-another-version") is None
    assert load_catalogue().find(None) is None


def test_the_same_catalogue_serves_the_whole_process():
    assert load_catalogue() is load_catalogue()
    assert load_catalogue().get("hetzner") is load_catalogue().get("hetzner")


def test_a_broken_file_speaks_only_when_it_is_asked_for(tmp_path: Path):
    (tmp_path / "sound.toml").write_text(SOUND)
    (tmp_path / "broken.toml").write_text("provider =")
    (tmp_path / "notes.txt").write_text("not a preset")
    catalogue = Catalogue(tmp_path)
    assert catalogue.names == ("broken", "sound")
    assert catalogue.get("sound").course.release == timedelta(days=15)
    with pytest.raises(InvalidValue, match=r"broken\.toml is not TOML"):
        catalogue.get("broken")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param("note =", "notes =", "cloud.toml has the unknown key `notes`", id="unknown"),
        pytest.param('provider = "cloud"', "", "cloud.toml has no `provider`", id="missing"),
        pytest.param("2026-10-31", '"2026"', "`checked` must be of the type date", id="a text"),
        pytest.param(
            "2026-10-31",
            "2026-10-31T00:00:00Z",
            "`checked` must be of the type date",
            id="an instant where a date is meant",
        ),
        pytest.param('"high"', '"sure"', "`confidence` must be one of high", id="not a member"),
        pytest.param(
            "renewal =", "renew =", "phase 1 has the unknown key `renew`", id="in a phase"
        ),
        pytest.param(
            "renewal = true", "renewal = 1", "`renewal` must be of the type bool", id="a number"
        ),
        pytest.param('start = "0"\n', "", "phase 1 has no `start`", id="missing in a phase"),
        pytest.param('"15d"', '"15 days"', "cloud.toml: '15 days' is not a length", id="no length"),
        pytest.param("data = false", "", "cloud.toml: .*when the data is destroyed", id="no end"),
        pytest.param('["https://cloud.example/terms"]', "[]", "where it is from", id="no source"),
        pytest.param(
            '["https://cloud.example/terms"]', "[1]", "`sources` must be", id="odd source"
        ),
    ],
)
def test_a_slip_in_a_file_names_the_file_and_the_key(old, new, reason):
    assert old in SOUND
    with pytest.raises(InvalidValue, match=reason):
        read_preset("cloud", SOUND.replace(old, new))


def test_a_file_that_leaves_the_rest_out_is_sound():
    preset = read_preset("cloud", SOUND)
    assert preset.renewal_from is RenewalBasis.UNKNOWN
    assert preset.timezone is None


def test_phases_are_tables_and_nothing_else():
    head = SOUND.partition("[[phases]]")[0]
    with pytest.raises(InvalidValue, match="`phases` must be tables"):
        read_preset("cloud", f"{head}phases = ['stopped']")
