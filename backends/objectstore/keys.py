"""Which names an object may have: the one place that decides, on the way in and on the way out.

A key that leaves a listing goes into paths, URLs and reports; a store that we do not trust must
not be able to slip in `../` or an escape sequence that way.

No key may also be the folder of another (`a` beside `a/b`): S3 takes both, file systems do not.
That is for the caller to keep; a directory store refuses the second of the two.
"""

from backends.errors import KeyInvalid

#: Characters in a whole key. S3 allows 1,024 bytes with its prefix; this leaves room for one.
MAX_KEY = 900
#: Characters in one part, the limit of a file name on every common file system.
MAX_PART = 255
#: Ends the names of a directory store's unfinished files, which are never objects.
UNFINISHED = ".unfinished-put"

_FOREIGN = (
    "Neither Lapseguard nor restic wrote that name; move the object out of this prefix, "
    "or use a prefix of its own."
)


def check_key(key: str) -> str:
    """Give back `key` if every store can hold it.

    Raises:
        KeyInvalid: it is empty, too long, not printable ASCII, starts or ends with `/`, has an
            empty, `.` or `..` part, or looks like a directory store's unfinished file.
    """
    complaint = _complaint(key)
    if complaint:
        raise KeyInvalid(f"the key {key[:MAX_KEY]!a} {complaint}")
    return key


def check_listed_key(key: str, store: str) -> str:
    """Give back a key that `store` (its URL) listed, if it is one we could have written.

    Raises:
        KeyInvalid: see `check_key`; the hint speaks of a foreign object.
    """
    complaint = _complaint(key)
    if complaint:
        message = f"{store} lists the key {key[:MAX_KEY]!a}, which {complaint}"
        raise KeyInvalid(message, hint=_FOREIGN)
    return key


def check_prefix(prefix: str) -> str:
    """Give back `prefix` if it is empty or the beginning of some valid key.

    Raises:
        KeyInvalid: no valid key starts like that.
    """
    folder, slash, last = prefix.rpartition("/")
    if slash:
        check_key(folder)
    if last and last not in {".", ".."} and not last.endswith(UNFINISHED):
        check_key(last)  # the three exceptions are no keys, but longer keys begin with them
    return prefix


def _complaint(key: str) -> str:
    """What is wrong with `key`, as the end of a sentence; empty if nothing is."""
    parts = key.split("/")
    if not key:
        return "is empty"
    if len(key) > MAX_KEY or max(map(len, parts)) > MAX_PART:
        return f"is longer than {MAX_KEY} characters, or a part of it than {MAX_PART}"
    if not (key.isascii() and key.isprintable()):
        return "holds something other than printable ASCII"
    if not {"", ".", ".."}.isdisjoint(parts):
        return "has an empty, `.` or `..` part, or a slash at an end"
    if any(part.endswith(UNFINISHED) for part in parts):
        return f"has a part that ends in {UNFINISHED}, which marks unfinished files"
    return ""
