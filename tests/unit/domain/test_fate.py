"""A store must not perish with the server that it keeps the only copy of."""

from datetime import timedelta

import pytest

from daemon.domain.fate import StoreFate, shared_fate
from daemon.domain.outlook import Life
from daemon.domain.phase import Timeline
from daemon.domain.phasetext import read_course
from daemon.domain.provider import provider_key, same_provider
from tests.factories import NOW


def life(contract: str = "web", *, days: int = 0, provider: str = "aliyun", account=None) -> Life:
    course = read_course(["stopped:0:-", "released:15d:-"])
    timeline = Timeline(expires=NOW + timedelta(days=days), course=course)
    return Life(contract=contract, provider=provider, account=account, timeline=timeline)


@pytest.mark.parametrize(
    ("provider", "account", "of_server", "shared"),
    [
        pytest.param(None, None, "4711", False, id="of a store nobody says anything about"),
        pytest.param("ovh", "4711", "4711", False, id="another provider, whatever the account"),
        pytest.param("Aliyun", "4711", "4711", True, id="one provider and one account"),
        pytest.param("Alibaba Cloud", "4711", "4711", True, id="one provider by another name"),
        pytest.param("aliyun", "Ops", "ops", True, id="an account in other letters"),
        pytest.param("aliyun", "4711", "4712", False, id="one provider, two accounts"),
        pytest.param("aliyun", None, "4711", True, id="an account that is not known of the store"),
        pytest.param("aliyun", "4711", None, True, id="or of the contract"),
    ],
)
def test_one_unpaid_bill_ends_what_is_on_one_account(provider, account, of_server, shared):
    store = StoreFate(name="main", provider=provider, account=account)
    assert bool(shared_fate(store, [life(account=of_server)])) is shared


def test_a_store_in_the_servers_own_contract_ends_with_it():
    store = StoreFate(name="main")
    (reason,) = shared_fate(store, [life("web")], [life("web")])
    assert reason == "The contract web keeps the store main alive as well."


@pytest.mark.parametrize(
    ("days", "reasons"),
    [
        pytest.param(-1, 1, id="destroyed a day before the server"),
        pytest.param(0, 1, id="destroyed in the same instant"),
        pytest.param(1, 0, id="destroyed a day later"),
    ],
)
def test_a_store_must_outlive_the_server(days, reasons):
    found = shared_fate(StoreFate(name="main"), [life("web")], [life("bucket", days=days)])
    assert len(found) == reasons
    assert all("bucket" in reason for reason in found)


def test_of_several_contracts_of_a_server_the_first_end_counts():
    lives = [life("web", days=10), life("address", days=0)]
    assert shared_fate(StoreFate(name="main"), lives, [life("bucket", days=5)]) == ()


def test_a_server_without_a_contract_shares_no_fate():
    assert shared_fate(StoreFate(name="main", provider="aliyun"), [], [life("bucket")]) == ()


def test_every_reason_is_told_once():
    store = StoreFate(name="main", provider="aliyun", account="4711")
    server = life("web", account="4711")
    found = shared_fate(store, [server, server], [server, life("bucket", days=-1)])
    assert len(found) == len(set(found)) == 3


@pytest.mark.parametrize("name", ["alibaba", "Aliyun", "Alibaba Cloud", "alibaba-cloud", "阿里云"])
def test_a_provider_is_known_by_each_of_its_names(name):
    assert provider_key(name) == "alibaba"


def test_providers_that_only_look_alike_are_two():
    assert not same_provider("ovh", "ovh-us")
    assert not same_provider("---", "...")
    assert same_provider("My Host", "my-host")
