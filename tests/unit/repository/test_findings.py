"""What a check collects."""

from backends.repository.findings import (
    MOST_OF_A_KIND,
    MOST_VICTIMS,
    Findings,
    Problem,
    ProblemKind,
    Victim,
)
from backends.types import BlobId, BlobKind

BLOB = BlobId(bytes(32))


def problem(kind: ProblemKind = ProblemKind.PACK_MISSING, name: str = "data/00/00") -> Problem:
    return Problem(kind=kind, object=name, detail="It is gone.")


def victim(number: int) -> Victim:
    return Victim(snapshot="aa", path=b"%d" % number)


def test_damage_and_hints_are_told_apart():
    findings = Findings()
    findings.add(problem())
    findings.add(problem(ProblemKind.PACK_MIXED))

    damage, hints = findings.split()

    assert [found.kind for found in damage] == [ProblemKind.PACK_MISSING]
    assert [found.kind for found in hints] == [ProblemKind.PACK_MIXED]


def test_files_that_need_a_lost_blob_are_named_with_what_lost_it():
    findings = Findings()
    findings.add(problem(), lost=[(BlobKind.DATA, BLOB)])

    assert findings.hurts(BlobKind.DATA, BLOB, victim(1))
    assert findings.hurts(BlobKind.DATA, BLOB, victim(1))
    assert not findings.hurts(BlobKind.TREE, BLOB, victim(2))

    assert findings.split()[0][0].victims == (victim(1),)


def test_victims_and_problems_without_end_are_counted_and_not_kept():
    findings = Findings()
    findings.add(problem(), lost=[(BlobKind.DATA, BLOB)])
    for number in range(MOST_VICTIMS + 5):
        assert findings.hurts(BlobKind.DATA, BLOB, victim(number))
    for _ in range(MOST_OF_A_KIND + 5):
        findings.add(problem(ProblemKind.BLOB_MISSING))

    damage, _ = findings.split()

    assert len(damage[0].victims) == MOST_VICTIMS
    assert len(damage) == 1 + MOST_OF_A_KIND
    assert findings.unlisted == 5
