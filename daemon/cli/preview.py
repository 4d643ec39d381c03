"""What `backup-now --dry-run` says."""

from collections.abc import Iterable

from daemon.cli.output import Json, Output, instant, size
from daemon.domain.run import Run
from daemon.domain.verification import Depth
from daemon.services.backup_tools import BackupTools
from daemon.services.preview import BackupPreview, preview_backup


def say_previews(
    output: Output, tools: BackupTools, names: Iterable[str], depth: Depth | None
) -> None:
    """Say what would happen to each server.

    Raises:
        NotFound: no such server, or the settings have no such store.
    """
    previews = [preview_backup(tools, name, depth=depth) for name in names]
    if output.as_json:
        output.document([_preview_json(preview) for preview in previews])
        return
    for preview in previews:
        output.fields(
            [
                ("server", f"{preview.server} ({preview.login})"),
                ("paths", "\n".join(preview.paths)),
                ("excludes", "\n".join(preview.excludes)),
                ("repository", preview.repository),
                ("verify", preview.depth.value),
                ("last run", _last(preview.last)),
                ("dumps", "\n".join(preview.dumps.values())),
                ("pull", preview.command),
            ]
        )
    output.say("Nothing was done.")


def _preview_json(preview: BackupPreview) -> Json:
    return {
        "server": preview.server,
        "login": preview.login,
        "paths": list(preview.paths),
        "excludes": list(preview.excludes),
        "repository": preview.repository,
        "depth": preview.depth.value,
        "command": preview.command,
        "dumps": [{"name": name, "command": said} for name, said in preview.dumps.items()],
        "last_run": preview.last.run if preview.last else None,
    }


def _last(run: Run | None) -> str:
    if run is None:
        return "none; everything will be stored"
    return f"{run.run}, {run.files or 0:,} files, {size(run.bytes)}, {instant(run.finished_at)}"
