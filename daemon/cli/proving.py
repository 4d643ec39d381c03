"""The second half of `lapseguard verify`: loaded while the repository's key is being derived."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import typer

from backends.repository.judging_beside import judge_beside
from daemon.bootstrap import Application, verification_tools
from daemon.cli.failure import report
from daemon.cli.opening import open_application
from daemon.cli.output import Json, Output, instant
from daemon.cli.progress import Display, display_of
from daemon.cli.stopping import stop_on_signals
from daemon.domain.verification import Depth, Outcome, Verification
from daemon.errors import ExitCode, Interrupted, VerificationFailed, code_for, hint_for
from daemon.services.destination import Patience
from daemon.services.early_key import EarlyKeys
from daemon.services.overview import RunRecord
from daemon.services.verification import VerificationTools, verify_run
from daemon.settings import Configuration

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofOrder:
    """What `verify` was asked for.

    Attributes:
        named: Runs or servers; None for the newest stored run of every server.
        depth: How deep.
    """

    named: Sequence[str] | None
    depth: Depth


def prove_again(
    ctx: typer.Context,
    configuration: Configuration,
    order: ProofOrder,
    keys: EarlyKeys,
    output: Output,
) -> int:
    """Prove one after the other, and say what was found."""
    display = display_of(ctx, output)
    with open_application(ctx, configuration) as application, stop_on_signals() as stop:
        records = _choose(application, order, output)
        patience = Patience(stop=stop, warn=display.warned)
        tools = _tools(application, order.depth, keys, patience)
        if order.named is not None and len(records) == 1:
            return _answer_one(output, verify_run(tools, records[0], order.depth, display))
        turns = [_verify_one(tools, record, order.depth, display, output) for record in records]
    if output.as_json:
        output.document([document for _, document in turns])
    return ExitCode.FAILED if any(code for code, _ in turns) else ExitCode.DONE


def _tools(
    application: Application, depth: Depth, keys: EarlyKeys, patience: Patience
) -> VerificationTools:
    tools = verification_tools(application, patience)
    tools = replace(tools, destination=keys.at(tools.destination))
    if depth >= Depth.HASHED and application.configuration.unlimited:
        return replace(tools, judging=judge_beside)
    return tools


def _choose(application: Application, order: ProofOrder, output: Output) -> list[RunRecord]:
    overview = application.overview
    if order.named is not None:
        return [overview.run_or_latest(run) for run in dict.fromkeys(order.named)]
    found = []
    for server in application.registry.servers():
        stored = (row for row in overview.history(server=server.name) if row.run.manifest_sha256)
        newest = next(stored, None)
        if newest is None:
            output.warn(f"{server.name} has no stored run to verify")
        else:
            found.append(overview.run(newest.run.run))
    return found


def _answer_one(output: Output, found: Verification) -> ExitCode:
    if output.as_json:
        output.document(_verification_json(found))
        return ExitCode.DONE if found.outcome is Outcome.PASSED else ExitCode.FAILED
    _say_verification(output, found)
    return ExitCode.DONE


def _verify_one(
    tools: VerificationTools, record: RunRecord, depth: Depth, display: Display, output: Output
) -> tuple[ExitCode, Json]:
    """One of several: what goes wrong is told, and the next one gets its turn."""
    run = record.row.run
    try:
        found = verify_run(tools, record, depth, display)
        if not output.as_json:
            _say_verification(output, found)
    except Interrupted:
        raise
    except Exception as error:  # noqa: BLE001 - told; the next one gets its turn
        return report(error, [], subject=f"{run.server}: "), _failure_json(record, error)
    passed = found.outcome is Outcome.PASSED
    return ExitCode.DONE if passed else ExitCode.FAILED, _verification_json(found)


def _failure_json(record: RunRecord, error: Exception) -> Json:
    return {
        "run": record.row.run.run,
        "error": {"code": code_for(error), "message": str(error), "hint": hint_for(error)},
    }


def _say_verification(output: Output, found: Verification) -> None:
    if found.outcome is not Outcome.PASSED:
        raise VerificationFailed(
            "\n".join([f"{found.run} does not verify:", *found.problems[:_SHOWN]])
        )
    source = "; it matches the source" if found.matches_source else ""
    output.say(f"{found.run}: {found.depth.value} {found.outcome.value}{source}.")


def _verification_json(found: Verification) -> Json:
    return {
        "run": found.run,
        "manifest_sha256": found.manifest_sha256,
        "depth": found.depth.value,
        "outcome": found.outcome.value,
        "checked_at": instant(found.checked_at),
        "matches_source": found.matches_source,
        "problems": list(found.problems),
    }
