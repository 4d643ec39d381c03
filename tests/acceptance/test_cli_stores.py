"""Stores from the command line: listed, tried out, made where there is none."""

import uuid
from pathlib import Path

from tests.parts.object_servers import SeaweedServer
from tests.parts.program import Program


def secret(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def install(program: Program, server: SeaweedServer, bucket: str) -> None:
    program.do(
        "init",
        *("--state-dir", str(program.state), "--store-url", f"s3://{bucket}/prefix"),
        *("--endpoint", server.endpoint, "--region", server.region),
        *("--access-key-id-file", secret(program.folder, "id", server.access_key)),
        *("--secret-access-key-file", secret(program.folder, "key", server.secret_key)),
    )


def test_a_folder_is_listed_tried_out_and_made(installed: Program) -> None:
    (store,) = installed.ask("store", "list")
    assert (store["store"], store["default"]) == ("main", True)
    assert installed.ask("store", "init")["writable"] is True
    place = installed.folder / "store"
    assert list(place.iterdir()) == []
    place.rmdir()
    assert installed.fail("store", "init", exit_code=1)["code"] == "BucketMissing"
    assert installed.ask("store", "init", "--create")["created"] is True
    assert installed.ask("store", "init", "--create")["created"] is False


def test_a_bucket_is_missed_made_once_and_left_clean(
    program: Program, s3_server: SeaweedServer
) -> None:
    bucket = f"made-by-init-{uuid.uuid4().hex[:8]}"
    install(program, s3_server, bucket)
    assert program.fail("store", "init", exit_code=1)["code"] == "BucketMissing"
    assert program.ask("store", "init", "--create")["created"] is True
    assert program.ask("store", "init", "--create")["created"] is False
    listing = s3_server.client().list_objects_v2(Bucket=bucket)
    assert listing.get("KeyCount", 0) == 0


def test_a_wrong_s3_key_is_refused_as_such(program: Program, s3_server: SeaweedServer) -> None:
    install(program, s3_server, "any-bucket")
    (program.folder / "key").write_text("hunter2")
    error = program.fail("store", "init", exit_code=1)
    assert error["code"] == "StoreRefused"
    assert "hunter2" not in str(error)


def test_an_unknown_store_is_answered_with_the_nearest(installed: Program) -> None:
    error = installed.fail("store", "init", "mian")
    assert error["code"] == "NotFound"
    assert "did you mean `main`?" in error["message"]
