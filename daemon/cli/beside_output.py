"""Dumps and the passport of a run, as `show` tells of them."""

from collections.abc import Iterator

from daemon.cli.output import Json, instant, size
from daemon.domain.beside import Beside, DumpFact


def beside_fields(beside: Beside) -> Iterator[tuple[str, str]]:
    """For people, beside the other properties of a run."""
    yield "dumps", "\n".join(map(_dump_text, beside.dumps))
    if beside.passport is not None:
        gaps = len(beside.passport.gaps)
        unknown = f", {gaps} topics without an answer" if gaps else ""
        yield "passport", f"{size(beside.passport.size)}{unknown}; lapseguard show RUN --passport"


def beside_json(beside: Beside) -> dict[str, Json]:
    """For programs: members of the manifest's document."""
    passport = beside.passport
    return {
        "dumps": [
            {
                "name": dump.name,
                "kind": dump.kind,
                "path": dump.path,
                "size": dump.size,
                "sha256": dump.sha256,
                "taken_at": instant(dump.taken_at) or None,
                "consistency": dump.consistency.value,
                "problem": dump.problem or None,
                "load": dump.load,
            }
            for dump in beside.dumps
        ],
        "passport": None
        if passport is None
        else {"path": passport.path, "size": passport.size, "gaps": list(passport.gaps)},
    }


def _dump_text(dump: DumpFact) -> str:
    if not dump.is_there:
        return f"{dump.name}: MISSING: {dump.problem}"
    return (
        f"{dump.path}: {dump.kind}, {size(dump.size)}, {dump.consistency.value}, "
        f"{instant(dump.taken_at)}"
    )
