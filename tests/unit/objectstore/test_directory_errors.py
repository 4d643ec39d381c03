"""What an error of the file system means."""

import errno

import pytest

from backends.errors import (
    KeyInvalid,
    ObjectMissing,
    StoreError,
    StoreFull,
    StoreRefused,
    StoreUnreachable,
)
from backends.objectstore.directory_errors import mapped, mapped_absence


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EFBIG, StoreFull),
        (errno.EACCES, StoreRefused),
        (errno.EPERM, StoreRefused),
        (errno.EROFS, StoreRefused),
        (errno.ESTALE, StoreUnreachable),
        (errno.ENOTCONN, StoreUnreachable),
        (errno.ENAMETOOLONG, KeyInvalid),
        (errno.EIO, StoreError),
        (errno.EISDIR, StoreError),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else value.__name__,
)
def test_an_error_number_has_a_meaning(number: int, expected: type[StoreError]) -> None:
    """Full, refused and away are told apart; the cause is kept."""
    with pytest.raises(StoreError, match=r"^writing /srv/x: ") as caught, mapped("writing /srv/x"):
        raise OSError(number, "as the system says")

    assert type(caught.value) is expected
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR, errno.EISDIR])
def test_a_name_that_is_no_file_is_a_missing_object(number: int) -> None:
    """Nothing there, something above it that is a file, or a folder in its place."""
    with pytest.raises(ObjectMissing), mapped_absence("reading /srv/x"):
        raise OSError(number, "as the system says")
