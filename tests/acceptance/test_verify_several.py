"""Several servers are proven in one go; a damaged one does not keep the others from their turn."""

import json
from dataclasses import replace
from pathlib import Path

from tests.parts.installation import Install
from tests.parts.requirement import require_program


def test_every_server_is_proven_and_the_damaged_one_is_named(
    install: Install, tmp_path: Path
) -> None:
    require_program("rsync", "rsync")
    first = install()
    for name in ("web-1", "web-2"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "file").write_bytes(name.encode() * 5000)
        one = replace(first, name=name)
        one.enrol(folder)
        one.back_up()
    first.program.add_server("never-saved")
    assert len(first.program.ask("verify", "--all")) == 2
    store = replace(first, name="web-1").objects
    pack = max(store.list("data/"), key=lambda info: info.size)
    content = bytearray(store.get(pack.key))
    content[9] ^= 1
    store.put(pack.key, bytes(content))

    ended = first.program.run("verify", "--all")

    assert ended.exit_code == 1
    assert "does not verify" in ended.err
    assert "never-saved has no stored run" in ended.err
    assert "hashed passed" in ended.out
    listed = first.program.run("verify", "web-1", "web-2", "--json")
    outcomes = {each["run"]: each["outcome"] for each in json.loads(listed.out)}
    assert sorted(outcomes.values()) == ["failed", "passed"]
    assert first.program.run("verify").exit_code == 2
