"""Tables of contracts, as spreadsheets save them."""

import pytest

from daemon.domain.contract import Contract
from daemon.domain.fleet import Fleet
from daemon.services.fleet_building import Built, build
from daemon.services.fleet_csv import column_of, read_csv, read_date
from tests.factories import NOW, a_contract, a_server
from tests.fleets import source

RECORDED = Fleet(servers=(a_server(), a_server(name="db-1")), contracts=(a_contract(),))


def read(text: str) -> Built:
    """What a table means beside what is recorded."""
    return build(read_csv(source(text, name="c.csv")), RECORDED, NOW)


def contract(text: str) -> Contract:
    """The one contract that a table with one sound row means."""
    built = read(text)
    assert built.problems == ()
    (found,) = built.fleet.contracts
    return found


def problems(text: str) -> list[str]:
    entries = read_csv(source(text, name="c.csv"))
    built = build(entries, RECORDED, NOW)
    return [str(problem) for problem in (*entries.problems, *built.problems)]


@pytest.mark.parametrize(
    "text",
    [
        "name,provider,expires,timezone,servers\nnew,ovh,2027-01-05,UTC,web-1 db-1\n",
        "Name;Provider;Expiry;Time Zone;Servers\r\nnew;ovh;2027/1/5;UTC;web-1|db-1\r\n",
        " NAME \tvendor\tExpiration Date\ttz\tserver\n\nnew\tovh\t2027-1-5\tUTC\tweb-1 | db-1\n",
        'name,provider,expires,timezone,servers\n"new","ovh",2027-01-05,UTC,"web-1\ndb-1"\n',
        "name,provider,expires,timezone,servers,\nnew,ovh,2027-01-05,UTC,web-1 db-1,\n,,,,,\n",
    ],
)
def test_the_same_contract_in_many_dialects(text: str) -> None:
    found = contract(text)

    assert (found.name, found.provider, str(found.expiry)) == ("new", "ovh", "2027-01-05 UTC")
    assert found.servers == ("web-1", "db-1")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2027-1-5", "2027-01-05"),
        ("2027/12/05", "2027-12-05"),
        ("2027.12.5", "2027-12-05"),
        ("2027-12-05 8:00", "2027-12-05T08:00"),
        ("2027-12-05T18:00:30", "2027-12-05T18:00:30"),
        ("05.12.2027", "05.12.2027"),
        ("2027-12-05Z", "2027-12-05Z"),
    ],
)
def test_dates_with_the_year_first_are_understood(written: str, meant: str) -> None:
    assert read_date(written) == meant


def test_what_a_table_has_no_column_for_stays_as_it_is() -> None:
    found = contract("name,expires\nweb-2026,2027-12-31\n")

    assert found.expiry.text == "2027-12-31"
    assert (found.expiry.timezone, found.provider) == ("Asia/Shanghai", "aliyun")
    assert found.servers == ("web-1",)


def test_an_empty_cell_empties_what_it_is_about() -> None:
    found = contract("name,timezone,reference\nweb-2026,,\n")

    assert (found.expiry.timezone, found.reference) == (None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "c.csv: has no row of column names."),
        ("provider\nx\n", "c.csv:1: has no column `name`"),
        ("name,sevrers\n", "c.csv:1: `sevrers` is not a column that is known here; did you mean"),
        ("name,expiry,expires\n", "c.csv:1: `expires` is a second column for expires."),
        ("name,provider\n\nx\n", "c.csv:3: has 1 cells where the first row has 2."),
        ('name\n"x\n', "c.csv:2: is not valid CSV, on this line or below"),
        ("name,expires\nweb-2026,05.12.2027\n", "c.csv:2: [web-2026] `expires` cannot be used"),
        ("name,servers\nweb-2026,web-9\n", "c.csv:2: [web-2026] `servers` names 'web-9', which"),
        ("name,provider\nweb-2026,\n", "c.csv:2: [web-2026] `provider` is missing"),
        ("name,labels\nweb-2026,Prod\n", "c.csv:2: [web-2026] `labels` cannot be used: 'Prod'"),
    ],
)
def test_a_wrong_table_is_answered_with_its_line(text: str, said: str) -> None:
    (problem,) = problems(text)

    assert problem.startswith(said)


def test_each_wrong_row_is_named() -> None:
    text = "name,provider,expires,subject\na,x,never,s\nb,x,2027-01-01,s\nc,x,soon,s\n"

    assert [problem.split(" ")[0] for problem in problems(text)] == ["c.csv:2:", "c.csv:4:"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Expiry Date", "expires"), ("EXPIRES-AT", "expires"), ("Labels", "labels"), ("x y", "x_y")],
)
def test_column_names_are_tolerant(written: str, meant: str) -> None:
    assert column_of(written) == meant
