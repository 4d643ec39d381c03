"""What stores and servers really do, found out from the command line."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends.rsync.version import find_local_rsync
from backends.ssh import fingerprint
from tests.parts.faulty_proxy import Fault, FaultyProxy
from tests.parts.object_servers import (
    READER_KEY,
    RcloneServer,
    S3Server,
    SeaweedServer,
    free_ports,
)
from tests.parts.program import HOST_KEY, Program
from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd

MakeSshd = Callable[..., Sshd]


def secret(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def install(
    program: Program,
    server: S3Server,
    bucket: str,
    *,
    endpoint: str | None = None,
    access_key: str | None = None,
) -> None:
    program.do(
        "init",
        *("--state-dir", str(program.state), "--store-url", f"s3://{bucket}/fleet"),
        *("--endpoint", endpoint or server.endpoint, "--region", server.region),
        *("--access-key-id-file", secret(program.folder, "id", access_key or server.access_key)),
        *("--secret-access-key-file", secret(program.folder, "key", server.secret_key)),
    )


def findings(document: Any) -> dict[str, str]:
    return {finding["check"]: finding["outcome"] for finding in document["findings"]}


def test_a_good_store_can_do_everything_and_is_left_clean(
    program: Program, s3_server: SeaweedServer
) -> None:
    bucket = s3_server.make_bucket(versioned=True)
    install(program, s3_server, bucket)
    found = program.ask("store", "probe")
    assert (found["store"], found["url"], found["usable"]) == ("main", f"s3://{bucket}/fleet", True)
    outcomes = findings(found)
    assert {check for check, outcome in outcomes.items() if outcome != "yes"} == {"object_lock"}
    assert {f["check"] for f in found["findings"] if f["essential"]} == {
        *("read_after_write", "list_after_write", "overwrite_visible", "range_reads")
    }
    table = program.do("store", "probe", "main")
    assert max(map(len, table.splitlines())) <= 100
    assert re.search(r"object lock +no +A stolen key can destroy all backups", table)
    assert f"s3://{bucket}/fleet can hold backups." in table
    left = s3_server.client().list_object_versions(Bucket=bucket)
    assert (left.get("Versions", []), left.get("DeleteMarkers", [])) == ([], [])


def test_a_store_that_attests_nothing_is_usable_and_says_what_follows(
    program: Program, rclone_server: RcloneServer
) -> None:
    install(program, rclone_server, rclone_server.make_bucket())
    outcomes = findings(program.ask("store", "probe"))
    assert (outcomes["read_after_write"], outcomes["attests_sha256"]) == ("yes", "no")
    assert "backup-now verifies by reading back" in program.do("store", "probe")


def test_a_folder_is_a_store_without_the_fineries_of_s3(installed: Program) -> None:
    outcomes = findings(installed.ask("store", "probe"))
    assert (outcomes["range_reads"], outcomes["object_lock"]) == ("yes", "not_applicable")
    place = installed.folder / "store"
    assert [path for path in place.rglob("*") if path.is_file()] == []


def test_a_store_that_gives_back_other_bytes_fails(
    program: Program, s3_server: SeaweedServer
) -> None:
    with FaultyProxy(s3_server.endpoint) as proxy:
        install(program, s3_server, s3_server.make_bucket(), endpoint=proxy.endpoint)
        for words in ((), ("--json",)):
            proxy.inject(Fault.ANSWER_FLIPPED, method="GET", times=2)
            ended = program.run("store", "probe", *words)
            assert ended.exit_code == 1
        assert ended.document["usable"] is False
        assert findings(ended.document)["read_after_write"] == "no"
        proxy.inject(Fault.ANSWER_FLIPPED, method="GET", times=2)
        said = program.run("store", "probe").out
    assert "cannot hold backups, for want of: read after write." in said


def test_a_store_that_cannot_be_tried_says_why(program: Program, s3_server: SeaweedServer) -> None:
    bucket = s3_server.make_bucket()
    install(program, s3_server, bucket, access_key=READER_KEY)
    assert program.fail("store", "probe", exit_code=1)["code"] == "StoreRefused"
    assert program.fail("store", "probe", "mian")["code"] == "NotFound"
    settings = program.settings.read_text()
    program.settings.write_text(settings.replace(bucket, "no-such-bucket"))
    assert program.fail("store", "probe", exit_code=1)["code"] in {"BucketMissing", "StoreRefused"}
    (port,) = free_ports(1)
    away = f"http://127.0.0.1:{port}"
    program.settings.write_text(settings.replace(s3_server.endpoint, away))
    assert program.fail("store", "probe", exit_code=1)["code"] == "StoreUnreachable"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "file").write_bytes(bytes(100_000))
    return folder


def enrol(installed: Program, host: Sshd, *paths: Path, options: tuple[str, ...] = ()) -> None:
    target = host.target()
    installed.do(
        *("server", "add", "web-1", "--host", target.host, "--port", str(target.port)),
        *("--user", target.user, "--host-key", target.host_key),
        *("--identity", target.identity),
        *(word for path in paths for word in ("--path", str(path))),
        *options,
    )


def ask(installed: Program, exit_code: int = 0) -> Any:
    """What a program is told."""
    ended = installed.run("server", "probe", "web-1", "--json")
    assert ended.exit_code == exit_code, ended
    return ended.document


def read(installed: Program, exit_code: int = 0) -> str:
    """What a person is told, without the folding of lines."""
    ended = installed.run("server", "probe", "web-1")
    assert ended.exit_code == exit_code, ended
    tables = [line for line in ended.out.splitlines() if not line.startswith(("fault:", " next:"))]
    assert max(map(len, tables)) <= 100
    return " ".join(ended.out.split())


def test_a_server_tells_what_a_backup_will_meet(
    installed: Program, sshd: Sshd, source: Path
) -> None:
    require_program("rsync", "rsync")
    enrol(installed, sshd, source)
    found, said = ask(installed), read(installed)
    assert (found["reachable"], found["error"], found["faults"]) == (True, None, [])
    assert found["fingerprint"] == fingerprint(sshd.host_key)
    assert found["forced_command"] is None
    assert found["rsync"]["version"] == str(find_local_rsync())
    assert abs(found["clock_offset_seconds"]) < 60
    (path,) = found["paths"]
    assert (path["path"], path["kind"], path["readable"]) == (str(source), "directory", True)
    assert path["bytes"] >= 100_000
    assert path["free_bytes"] > 0
    for shown in ("reachable yes", fingerprint(sshd.host_key), "agrees with ours", "directory"):
        assert shown in said


def test_a_path_that_is_missing_is_named(installed: Program, sshd: Sshd, source: Path) -> None:
    missing = source.with_name("none")
    enrol(installed, sshd, source, missing)
    found, said = ask(installed, 1), read(installed, 1)
    (fault,) = found["faults"]
    assert fault.startswith(f"{missing} cannot be saved: ")
    assert "No such file" in fault
    assert f"fault: {missing}" in said


def test_a_path_that_the_login_may_not_read_is_named(
    installed: Program, unprivileged_sshd: Sshd
) -> None:
    private = Path("/etc/shadow")
    enrol(installed, unprivileged_sshd, private)
    found = ask(installed, 1)
    (fault,) = found["faults"]
    assert fault.startswith("/etc/shadow may not be read by ")


def test_an_old_rsync_is_remarked_on_and_a_missing_one_is_a_fault(
    installed: Program, make_sshd: MakeSshd, source: Path
) -> None:
    (source / "rsync").write_text("#!/bin/sh\necho 'rsync  version 3.2.7  protocol version 31'\n")
    (source / "rsync").chmod(0o755)
    command = f'export PATH="{source}:$PATH"; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
    enrol(installed, make_sshd(forced_command=command), source)
    found, said = ask(installed), read(installed)
    assert found["rsync"]["version"] == "3.2.7"
    assert "predates the security fixes of 3.5.0" in found["rsync"]["advice"]
    assert "predates the security fixes of 3.5.0" in said
    (source / "rsync").write_text("#!/bin/sh\necho gone >&2; exit 127\n")
    found = ask(installed, 1)
    assert found["faults"] == ["rsync does not answer on the server: gone"]


def test_sudo_that_is_needed_and_does_not_work_is_a_fault(
    installed: Program, make_sshd: MakeSshd, source: Path
) -> None:
    (source / "sudo").write_text("#!/bin/sh\necho 'sudo: a password is required' >&2; exit 1\n")
    (source / "sudo").chmod(0o755)
    command = f'export PATH="{source}:$PATH"; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
    enrol(installed, make_sshd(forced_command=command), source)
    found = ask(installed)
    assert found["sudo"] == {"value": False, "problem": "sudo: a password is required"}
    installed.do("server", "update", "web-1", "--sudo")
    found, said = ask(installed, 1), read(installed, 1)
    assert "a password is required" in found["faults"][0]
    assert "NEEDED, and does not work" in said


def test_a_key_bound_to_a_forced_command_is_recognised(
    installed: Program, make_sshd: MakeSshd, source: Path
) -> None:
    bound = make_sshd(forced_command="echo 'rsync only here' >&2; exit 1")
    enrol(installed, bound, source.with_name("none"))
    found, said = ask(installed), read(installed)
    assert (found["reachable"], found["forced_command"]) == (True, "rsync only here")
    assert found["rsync"]["version"] is None
    assert found["paths"][0]["kind"] is None
    assert "nothing but its forced command, which said: rsync only here" in said


def test_a_server_that_cannot_be_reached_says_why_and_what_next(
    installed: Program, sshd: Sshd, source: Path
) -> None:
    enrol(installed, sshd, source)
    installed.do("server", "update", "web-1", "--host-key", HOST_KEY)
    found, said = ask(installed, 1), read(installed, 1)
    assert (found["reachable"], found["error"]["code"]) == (False, "HostKeyChanged")
    assert found["fingerprint"] == fingerprint(HOST_KEY)
    assert "reachable NO" in said
    assert f"next: {found['error']['hint']}" in said
    (port,) = free_ports(1)
    installed.do("server", "update", "web-1", "--port", str(port))
    found = ask(installed, 1)
    assert found["error"]["code"] == "HostUnreachable"
    assert installed.fail("server", "probe", "wbe-1")["code"] == "NotFound"


def test_the_key_made_by_init_is_used_where_no_other_is_named(
    installed: Program, make_sshd: MakeSshd, source: Path
) -> None:
    host = make_sshd()
    enrol(installed, host, source, options=("--identity", ""))
    found = ask(installed, 1)
    assert found["error"]["code"] == "LoginRefused"
    host.authorize((installed.state / "ssh" / "id_ed25519.pub").read_text().strip())
    found = ask(installed)
    assert found["reachable"] is True
