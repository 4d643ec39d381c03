"""No snapshot: what is there is read as it is, and said to be so."""

from typing import Final

from backends.snapshot.freezer import Frozen, Layer
from backends.snapshot.view import Consistency
from backends.snapshot.volume import Volume

KIND: Final = "none"


def read_live(volume: Volume) -> Frozen:
    """The live file system, in the place of a frozen one."""
    layer = Layer(source=volume.target, target=volume.target)
    return Frozen(id="", layers=(layer,), consistency=Consistency.NONE)
