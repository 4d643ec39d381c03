"""ACLs in the disguise of rsync, which the capture's reader takes off again."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from backends.capture.acl import access_acl, default_acl
from backends.repository.disguise import disguise_acl

MAY = st.integers(0, 7)
WHO = st.lists(
    st.tuples(st.integers(0, 2**31 - 1), MAY), unique_by=lambda named: named[0], max_size=4
)
NO_ID = 0xFFFF_FFFF


def kernel_acl(*, owner, users, group, groups, mask, other) -> bytes:
    entries = [(1, owner, NO_ID)]
    entries += [(2, may, who) for who, may in sorted(users)]
    entries.append((4, group, NO_ID))
    entries += [(8, may, who) for who, may in sorted(groups)]
    entries += [(16, mask, NO_ID), (32, other, NO_ID)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


@given(owner=MAY, users=WHO, group=MAY, groups=WHO, mask=MAY, other=MAY)
def test_an_acl_survives_its_disguise(**acl):
    kernel = kernel_acl(**acl)
    disguised = disguise_acl(kernel)

    assert default_acl(disguised) == kernel
    # A file's mode says the mask in the place of the group.
    assert access_acl(disguised, acl["owner"] << 6 | acl["mask"] << 3 | acl["other"]) == kernel
