"""Manifests: what they hold, their bytes, and the chain that they form."""

import dataclasses
import json
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.types import Omission, PackReceipt
from daemon.domain.beside import Beside, DumpFact, PassportFact
from daemon.domain.canonical import MAX_INTEGER, write_canonical
from daemon.domain.contract import Expiry
from daemon.domain.manifest import (
    ChainedManifest,
    ChainFault,
    ContractFact,
    PackFact,
    RepositoryFact,
    SourceComparison,
    SumsFact,
    ToolVersion,
    VerificationFact,
    manifest_key,
    read_manifest_key,
    sums_key,
    verify_chain,
)
from daemon.domain.manifest_document import SIGNATURE_TAG, read_manifest, write_manifest
from daemon.domain.run import RunKind
from daemon.domain.source import Consistency, SourcePart, SourceView
from daemon.domain.verification import Depth, Outcome
from daemon.errors import InvalidValue, ManifestInvalid
from tests.factories import RUN, a_contract, a_manifest, digest, unsigned_document

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNTS = st.integers(0, MAX_INTEGER)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
INSTANTS = st.datetimes(timezones=st.just(UTC))
EXPIRIES = st.builds(
    Expiry,
    text=st.sampled_from(["2026-12-31", "2026-12-31T18:00"]),
    timezone=st.sampled_from([None, "Asia/Shanghai"]),
)
PARTS = st.builds(
    SourcePart,
    target=TEXTS,
    kind=TEXTS,
    id=TEXTS,
    taken_at=INSTANTS,
    consistency=st.sampled_from(Consistency),
    reason=st.text(string.ascii_letters + " ", max_size=20).map(str.strip),
)
ABSENT = st.builds(DumpFact, name=TEXTS, kind=TEXTS, path=TEXTS, load=TEXTS, problem=TEXTS)
PRESENT = st.builds(
    DumpFact,
    name=TEXTS,
    kind=TEXTS,
    path=TEXTS,
    load=TEXTS,
    size=COUNTS,
    sha256=DIGESTS,
    taken_at=INSTANTS,
)
BESIDE = st.builds(
    Beside,
    dumps=st.lists(ABSENT | PRESENT, max_size=2).map(tuple),
    passport=st.none()
    | st.builds(PassportFact, path=TEXTS, size=COUNTS, gaps=st.lists(TEXTS).map(tuple)),
)
MANIFESTS = st.builds(
    a_manifest,
    kind=st.sampled_from(RunKind),
    sequence=st.integers(2, 99_999_999),
    previous_sha256=DIGESTS,
    complete=st.booleans(),
    server=TEXTS,
    host=TEXTS,
    paths=st.lists(TEXTS).map(tuple),
    excludes=st.lists(TEXTS).map(tuple),
    contracts=st.lists(
        st.builds(
            ContractFact,
            name=TEXTS,
            provider=TEXTS,
            reference=st.none() | TEXTS,
            expiry=EXPIRIES,
            expires_at=INSTANTS,
        ),
        max_size=2,
    ).map(tuple),
    source=st.builds(
        SourceView,
        kind=TEXTS,
        consistency=st.sampled_from(Consistency),
        parts=st.lists(PARTS, max_size=2).map(tuple),
    ),
    beside=BESIDE,
    started_at=INSTANTS,
    finished_at=INSTANTS,
    files=COUNTS,
    dirs=COUNTS,
    bytes=COUNTS,
    stored_bytes=COUNTS,
    new_bytes=COUNTS,
    repository=st.builds(RepositoryFact, id=DIGESTS, url=TEXTS, snapshot=DIGESTS, tree=DIGESTS),
    packs=st.lists(
        st.builds(
            PackFact,
            id=DIGESTS,
            size=COUNTS,
            attested=st.booleans(),
            version_id=st.none() | TEXTS,
            new=st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
    omissions=st.lists(st.builds(Omission, path=st.binary(), reason=TEXTS), max_size=3).map(tuple),
    vanished=st.lists(st.binary(), max_size=3).map(tuple),
    tools=st.lists(st.builds(ToolVersion, name=TEXTS, version=TEXTS), max_size=3).map(tuple),
    comparison=st.builds(
        SourceComparison, compared=COUNTS, unchanged=COUNTS, uncompared=COUNTS, mismatched=COUNTS
    ),
    sums=st.builds(SumsFact, key=TEXTS, sha256=DIGESTS, text_sha256=st.none() | DIGESTS),
    verification=st.builds(
        VerificationFact,
        depth=st.sampled_from(Depth),
        outcome=st.sampled_from(Outcome),
        checked_at=INSTANTS,
    ),
)


@given(MANIFESTS)
def test_a_manifest_survives_its_document(manifest):
    assert read_manifest(unsigned_document(manifest)).manifest == manifest


def test_every_attribute_of_a_manifest_is_in_the_document():
    beside = Beside(passport=PassportFact(path="/.lapseguard/passport.txt", size=1))
    body = json.loads(unsigned_document(a_manifest(beside=beside)))["body"]
    named = {field.name for field in dataclasses.fields(a_manifest())}
    assert body.keys() == named | {"type", "version"}


def test_a_manifest_of_before_there_were_dumps_is_still_read():
    document = unsigned_document(a_manifest())
    assert "beside" not in json.loads(document)["body"]
    assert read_manifest(document).manifest.beside == Beside()


def test_a_dump_that_is_missing_has_no_consistency_and_counts_as_left_out():
    about = {"kind": "postgres", "load": "pg_restore FILE"}
    there = DumpFact(
        name="a", path="/d/a", size=5, sha256=digest("a"), taken_at=datetime.now(UTC), **about
    )
    missing = DumpFact(name="b", path="/d/b", problem="no such database", **about)
    assert there.consistency is Consistency.APPLICATION
    assert missing.consistency is Consistency.NONE
    (omission,) = Beside(dumps=(there, missing)).omissions
    assert omission == Omission(path=b"d/b", reason="no such database")


@pytest.mark.parametrize("change", [{"size": 5}, {"sha256": digest("a")}])
def test_a_dump_is_wholly_there_or_not_at_all(change):
    with pytest.raises(InvalidValue, match="neither"):
        DumpFact(name="a", kind="sqlite", path="/d/a", load="", **change)


def test_the_signature_covers_a_tag_and_the_canonical_body():
    signed: list[bytes] = []

    def sign(message: bytes) -> bytes:
        signed.append(message)
        return b"s" * 64

    document = write_manifest(a_manifest(), sign, "ed25519:ours")
    body = json.loads(document)["body"]
    assert signed == [SIGNATURE_TAG + write_canonical(body)]
    read = read_manifest(document)
    assert (read.message, read.signature, read.key) == (signed[0], b"s" * 64, "ed25519:ours")


def test_a_reason_that_quotes_half_a_character_does_not_spoil_the_manifest():
    manifest = a_manifest(omissions=(Omission(path=b"/x", reason="no \udcff"),))
    assert read_manifest(unsigned_document(manifest)).manifest.omissions[0].reason == "no ?"


def edited(change) -> bytes:
    outer = json.loads(unsigned_document(a_manifest()))
    change(outer)
    return write_canonical(outer)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda d: d.update(extra=1), "unknown members: extra"),
        (lambda d: d.pop("key"), "no key"),
        (lambda d: d.update(signature="?"), "base64"),
        (lambda d: d["body"].update(extra=1), "unknown members: extra"),
        (lambda d: d["body"].pop("run"), "no run"),
        (lambda d: d["body"].update(type="receipt"), "not a manifest"),
        (lambda d: d["body"].update(version=2), "version 2"),
        (lambda d: d["body"].update(kind="accidental"), "not a runkind"),
        (lambda d: d["body"].update(started_at="yesterday"), "not an instant"),
        (lambda d: d["body"]["packs"][0].update(id="ff"), "not a SHA-256"),
        (lambda d: d["body"]["packs"][0].update(size=-1), r"packs\[0\].size"),
        (lambda d: d["body"].update(vanished=["%"]), "not a path"),
        (lambda d: d["body"].update(sequence=2), "name the previous"),
    ],
)
def test_a_document_that_says_more_less_or_nonsense_is_refused(change, complaint):
    with pytest.raises(ManifestInvalid, match=complaint):
        read_manifest(edited(change))


def test_a_document_spelled_another_way_is_refused():
    with pytest.raises(ManifestInvalid, match="canonical"):
        read_manifest(unsigned_document(a_manifest()) + b"\n")


def test_a_contract_is_recorded_with_its_words_and_the_instant_they_meant():
    fact = ContractFact.of(a_contract())
    assert fact.expiry.text == "2026-12-31"
    assert fact.expires_at == datetime(2026, 12, 30, 16, tzinfo=UTC)


def test_a_receipt_becomes_a_fact_about_a_new_pack():
    receipt = PackReceipt(pack=b"\x01" * 32, size=7, attested=True, version_id="v1")
    fact = PackFact.of(receipt, new=True)
    assert fact == PackFact(id="01" * 32, size=7, attested=True, version_id="v1", new=True)


@pytest.mark.parametrize(
    ("comparison", "matches"),
    [
        (SourceComparison(compared=2, unchanged=1), True),
        (SourceComparison(unchanged=1), True),
        (SourceComparison(compared=2, uncompared=1), None),
        (SourceComparison(compared=2, mismatched=1), False),
        (SourceComparison(uncompared=1, mismatched=1), False),
        (SourceComparison(), None),
    ],
)
def test_a_copy_matches_its_source_only_if_every_file_was_compared(comparison, matches):
    assert a_manifest(comparison=comparison).matches_source is matches


def test_keys_sort_as_sequences_do_and_can_be_read_back():
    assert manifest_key(7, RUN) == f"lapseguard/manifests/00000007-{RUN}.json"
    assert manifest_key(9, RUN) < manifest_key(10, RUN)
    assert read_manifest_key(manifest_key(7, RUN)) == (7, RUN)
    assert sums_key(RUN) == f"lapseguard/sums/{RUN}.large.sha256.zst"
    with pytest.raises(ManifestInvalid):
        read_manifest_key("lapseguard/manifests/x.json")
    with pytest.raises(InvalidValue):
        manifest_key(1, "../x")


@pytest.mark.parametrize("sequence", [0, 100_000_000])
def test_a_sequence_that_a_key_cannot_hold_is_refused(sequence):
    with pytest.raises(ManifestInvalid, match="sequence"):
        a_manifest(sequence=sequence, previous_sha256=digest("before"))


def chained(length: int) -> list[ChainedManifest]:
    links: list[ChainedManifest] = []
    previous = None
    for sequence in range(1, length + 1):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=sequence)
        manifest = a_manifest(
            run=f"{at:%Y%m%dT%H%M%SZ}-aaaaaa", sequence=sequence, previous_sha256=previous
        )
        previous = read_manifest(unsigned_document(manifest)).sha256
        links.append(ChainedManifest(manifest=manifest, sha256=previous))
    return links


def faults(links) -> list[tuple[ChainFault, int]]:
    return [(problem.fault, problem.sequence) for problem in verify_chain(links)]


@given(st.permutations(chained(4)))
def test_an_untouched_chain_is_sound_in_whatever_order_it_is_listed(links):
    assert verify_chain(links) == ()
    assert verify_chain([]) == ()


def test_a_removed_manifest_leaves_a_gap():
    links = chained(4)
    assert faults(links[:1] + links[2:]) == [(ChainFault.GAP, 3)]
    assert faults(links[2:]) == [(ChainFault.GAP, 3)]
    assert "1 to 2 is missing" in verify_chain(links[2:])[0].detail


def test_a_replaced_manifest_breaks_the_link_after_it():
    links = chained(3)
    forged = dataclasses.replace(links[1], sha256=digest("forged"))
    assert faults([links[0], forged, links[2]]) == [(ChainFault.BROKEN_LINK, 3)]


def test_two_manifests_with_one_number_are_a_fork():
    links = chained(2)
    twin = dataclasses.replace(links[1].manifest, run="20270101T000000Z-bbbbbb")
    assert (ChainFault.FORK, 2) in faults([*links, ChainedManifest(manifest=twin, sha256="00")])


def test_a_manifest_of_another_server_is_a_stranger():
    links = chained(3)
    stranger = dataclasses.replace(links[2].manifest, server="web-2")
    found = faults([*links, dataclasses.replace(links[2], manifest=stranger)])
    assert found == [(ChainFault.STRANGER, 3)]
