"""Fleets: files as text, what is read from them, and any servers and contracts there could be."""

import string
from datetime import time, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from daemon.domain import dump
from daemon.domain.bandwidth import Stretch
from daemon.domain.contract import Contract, Expiry
from daemon.domain.dump import DatabaseDump
from daemon.domain.fleet import Fleet
from daemon.domain.freezing import HOOK, KINDS, Freezing
from daemon.domain.machine import ProviderMachine
from daemon.domain.phase import Course, Phase
from daemon.domain.server import Server
from daemon.domain.staging import StagingChoice
from daemon.domain.verification import Depth
from daemon.services.fleet_sources import FleetSource, FleetSources, read_sources
from tests.factories import HOST_KEY, NOW

SERVER = f"""
[servers.web-1]
host = "192.0.2.7"
user = "backup"
host_key = "{HOST_KEY}"
paths = ["/srv/www"]
"""
CONTRACT = """
[contracts.web-2026]
provider = "aliyun"
servers = ["web-1"]
expires = 2026-12-31
timezone = "Asia/Shanghai"
"""


def source(text: str, *, name: str = "fleet.toml") -> FleetSource:
    """A file with that text."""
    (read,) = sources(text, name=name).readable
    return read


def sources(text: str, *, name: str = "-") -> FleetSources:
    """What an import of that text alone reads; as standard input, unless a name says otherwise."""
    if name == "-":
        return read_sources(["-"], BytesIO(text.encode()))
    (found,) = read_sources(["-"], BytesIO(text.encode())).readable
    tabular = name.endswith(".csv")
    return FleetSources(
        readable=(
            FleetSource(
                name=name,
                folder=Path("/files"),
                text=found.text,
                sha256=found.sha256,
                tabular=tabular,
            ),
        )
    )


#: Whatever a database takes in a text: no NUL, no lone surrogates.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)
words = texts.filter(str.strip)
names = st.text(string.ascii_lowercase + string.digits + "._-", min_size=1, max_size=12).filter(
    lambda name: name[0] not in "._-"
)
labels = st.lists(names, max_size=3, unique=True).map(tuple)
paths = st.lists(
    st.text(string.ascii_letters + " é\"'#", min_size=1, max_size=8).map(lambda part: f"/{part}"),
    min_size=1,
    max_size=3,
    unique=True,
).map(tuple)
starts = st.lists(st.integers(-86400 * 30, 86400 * 400), min_size=2, max_size=5, unique=True).map(
    sorted
)
zones = st.sampled_from([None, "UTC", "Asia/Shanghai", "Europe/Berlin"])
moments = st.datetimes(
    min_value=NOW.replace(tzinfo=None), max_value=NOW.replace(tzinfo=None, year=2100)
)


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """Any course whose starts are whole seconds."""
    *before, last = draw(starts)
    phases = [
        Phase(
            name=draw(names),
            start=timedelta(seconds=start),
            ssh=draw(st.booleans()),
            snapshot=draw(st.booleans()),
            renewal=draw(st.booleans()),
        )
        for start in before
    ]
    end = Phase(name=draw(names), start=timedelta(seconds=last), data=False)
    return Course(phases=(*phases, end))


@st.composite
def expiries(draw: st.DrawFn) -> Expiry:
    """Any expiry, to the day, the minute or the second."""
    text = draw(moments).isoformat()[: draw(st.sampled_from([10, 16, 19]))]
    return Expiry(text=text, timezone=draw(zones))


@st.composite
def freezings(draw: st.DrawFn) -> Freezing:
    """Any way to freeze a server."""
    commands = st.lists(words, min_size=1, max_size=3).map(tuple)
    kind = draw(st.sampled_from(KINDS))
    return Freezing(
        kind=kind,
        required=draw(st.booleans()),
        before=draw(st.just(()) | commands),
        after=draw(st.just(()) | commands),
        freeze=draw(commands) if kind == HOOK else (),
        thaw=draw(commands) if kind == HOOK else (),
        hook_timeout=draw(timeouts),
    )


#: Words that go to a server as they are.
plain = st.text(string.ascii_letters + string.digits + " é\"'#=-\\", min_size=1, max_size=8)
commands = st.lists(plain, min_size=1, max_size=3).map(tuple)
timeouts = st.integers(1, 80_000).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def dumps(draw: st.DrawFn) -> DatabaseDump:
    """Any dump, with what its kind takes."""
    kind = draw(st.sampled_from(sorted(dump.KINDS)))
    users, ports = st.sampled_from([None, "postgres"]), st.none() | st.integers(1, 65535)
    usual = draw(st.booleans())
    values: dict[str, Any] = {
        "postgres": {"database": "shop", "role": "li", "host": "/run/x", "port": draw(ports)},
        "postgres-globals": {"user": draw(users), "port": draw(ports)},
        "mysql": {"database": draw(st.sampled_from([None, "shöp"])), "user": draw(users)},
        "sqlite": {"path": "/srv/a b.db"},
        "redis": {"port": draw(ports)},
        "command": {"argv": draw(commands)},
    }.get(kind, {})
    name = draw(
        st.text(string.ascii_letters + "0.-_", min_size=1).filter(lambda n: n[0] not in ".-")
    )
    timeout = dump.USUAL_TIMEOUT if usual else draw(timeouts)
    return DatabaseDump(kind=kind, name=name, timeout=timeout, **values)


@st.composite
def machines(draw: st.DrawFn) -> ProviderMachine:
    """Any machine at a provider."""
    account = draw(st.sampled_from([None, "123456789012"]))
    if draw(st.booleans()):
        profile = draw(st.sampled_from([None, "rescue"]))
        return ProviderMachine(
            kind="ebs",
            id="i-0123456789abcdef0",
            region="cn-north-1",
            profile=profile,
            account=account,
        )
    return ProviderMachine(
        kind="command",
        id=draw(plain),
        account=account,
        create=draw(commands),
        find=draw(commands),
        delete=draw(commands),
    )


@st.composite
def day_rates(draw: st.DrawFn) -> tuple[Stretch, ...]:
    """Any rates by the time of the day, or none."""
    minutes = draw(st.lists(st.integers(0, 24 * 60 - 1), max_size=4, unique=True))
    rate = st.integers(1024, 2**40)
    limited = [draw(rate), *(draw(st.none() | rate) for _ in minutes[1:])]
    begins = (time(*divmod(minute, 60)) for minute in sorted(minutes))
    return tuple(
        Stretch(begin=begin, rate=each) for begin, each in zip(begins, limited, strict=False)
    )


@st.composite
def servers(draw: st.DrawFn, name: str) -> Server:
    """Any server of that name."""
    where = draw(paths)
    return Server(
        name=name,
        host=draw(st.sampled_from(["192.0.2.7", "db.example.net", "2001:db8::7"])),
        port=draw(st.integers(1, 65535)),
        user="backup",
        identity=draw(st.sampled_from([None, "/keys/one", "/keys//two/"])),
        host_key=HOST_KEY,
        paths=where,
        priority=draw(st.sampled_from([(), where[:1]])),
        excludes=draw(st.sampled_from([(), ("*.tmp", "a b\t".strip())])),
        sudo=draw(st.booleans()),
        one_file_system=draw(st.booleans()),
        store=draw(st.sampled_from([None, "main"])),
        fate_accepted=draw(st.booleans()),
        verify_depth=draw(st.sampled_from([None, *Depth])),
        labels=draw(labels),
        value=draw(st.integers(0, 1_000_000)),
        bandwidth=draw(st.none() | st.integers(1024, 2**40) | st.just(10 * 1024**2)),
        rates=draw(day_rates()),
        staging=draw(st.sampled_from([None, *StagingChoice])),
        freezing=draw(freezings()),
        dumps=tuple(draw(st.lists(dumps(), max_size=3, unique_by=lambda each: each.name))),
        machine=draw(st.none() | machines()),
        created_at=NOW,
    )


@st.composite
def contracts(draw: st.DrawFn, name: str, living: list[str]) -> Contract:
    """Any active contract of that name, and of some of those servers."""
    return Contract(
        name=name,
        provider=draw(words),
        reference=draw(st.none() | texts),
        account=draw(st.none() | texts),
        servers=tuple(draw(st.lists(st.sampled_from(living), unique=True))) if living else (),
        stores=draw(st.sampled_from([(), ("main",)])),
        subject=draw(words),
        expiry=draw(expiries()),
        preset=draw(st.sampled_from([None, "hetzner"])),
        course=draw(st.none() | courses()),
        labels=draw(labels),
        created_at=NOW,
    )


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """Any fleet."""
    living = draw(st.lists(names, max_size=3, unique=True))
    agreed = draw(st.lists(names, max_size=3, unique=True))
    return Fleet(
        servers=tuple(draw(servers(name)) for name in sorted(living)),
        contracts=tuple(draw(contracts(name, living)) for name in sorted(agreed)),
    )
