"""Where in a tree our own files are; apart from what puts them there, which few need to load."""

from typing import Final

#: The one entry of the root that is ours and not the server's.
PLACE: Final = b".lapseguard"
#: Below it, the server's description of itself.
PASSPORT: Final = "passport.txt"
