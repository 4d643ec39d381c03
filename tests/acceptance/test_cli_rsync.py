"""`config validate` looks at the rsync of this machine before a backup has to."""

from dataclasses import replace

import pytest

from tests.parts.program import Program


def finding_with(installed: Program, version: str | None) -> dict[str, str]:
    """What is said of rsync where PATH has this version of it, or none."""
    folder = installed.folder / "bin"
    folder.mkdir()
    if version is not None:
        (folder / "rsync").write_text(f"#!/bin/sh\necho 'rsync  version {version}  protocol 31'\n")
        (folder / "rsync").chmod(0o755)
    ended = replace(installed, environment={"PATH": f"{folder}"}).run(
        "config", "validate", "--json"
    )
    (finding,) = [each for each in ended.document["findings"] if each["subject"] == "rsync"]
    assert ended.exit_code == (1 if finding["severity"] == "error" else 0)
    result: dict[str, str] = finding
    return result


@pytest.mark.parametrize(
    ("version", "severity", "code"),
    [
        (None, "error", "RsyncMissing"),
        ("3.2.3", "error", "RsyncTooOld"),
        ("3.2.7", "warning", ""),
        ("3.5.0", "ok", ""),
    ],
)
def test_old_versions_are_refused_and_middling_ones_remarked_on(
    installed: Program, version: str | None, severity: str, code: str
) -> None:
    finding = finding_with(installed, version)
    assert (finding["severity"], finding["code"]) == (severity, code)
    assert finding["hint"] or severity == "ok"
