"""Lines wait on disk, in order, each once."""

import threading
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.rsync.spool import Spool


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.binary(max_size=2000).map(lambda text: text.replace(b"\n", b"") + b"\n")))
def test_lines_come_out_as_they_went_in(tmp_path: Path, lines: list[bytes]) -> None:
    with Spool(tmp_path) as spool:
        for line in lines:
            spool.put(line)
        spool.close()

        assert list(spool) == lines


def test_the_writer_never_waits_and_the_reader_does(tmp_path: Path) -> None:
    lines = [b"%d %s\n" % (n, b"x" * 200) for n in range(20_000)]
    taken: list[bytes] = []
    with Spool(tmp_path) as spool:
        reader = threading.Thread(target=lambda: taken.extend(spool))
        reader.start()
        for line in lines:
            spool.put(line)
        spool.close()
        reader.join(30)

    assert taken == lines


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.put(b"x\n")

        assert list(tmp_path.iterdir()) == []
