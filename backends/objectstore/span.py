"""A part of an object: what may be asked for, and whether all of it came."""

from backends.errors import ObjectCorrupt


def check_span(offset: int, length: int | None) -> None:
    """Refuse a span that no object can have.

    Raises:
        ValueError: `offset` or `length` is negative; that is a mistake of the caller.
    """
    if offset < 0 or (length is not None and length < 0):
        message = f"no object has a span of {length} bytes from {offset}"
        raise ValueError(message)


def cut(key: str, data: bytes, offset: int, length: int | None) -> bytes:
    """The span of a whole object.

    Raises:
        ObjectCorrupt: the object ends before the span does.
    """
    check_reach(key, len(data), offset, length)
    return data[offset:] if length is None else data[offset : offset + length]


def check_reach(key: str, size: int, offset: int, length: int | None) -> None:
    """Refuse a span that goes past the end of an object of `size` bytes.

    Reading to the end (`length` None) from exactly the end is allowed and gives nothing.

    Raises:
        ObjectCorrupt: the object is shorter than the caller knows it to be.
    """
    if offset + (length or 0) > size:
        wanted = "the rest" if length is None else f"{length} bytes"
        raise ObjectCorrupt(f"{key}: asked for {wanted} from byte {offset}, but it has only {size}")


def check_received(key: str, received: int, expected: int) -> None:
    """Refuse a body that is not as long as it should be.

    Raises:
        ObjectCorrupt: it is shorter or longer.
    """
    if received != expected:
        raise ObjectCorrupt(f"{key}: {received} bytes came where {expected} were expected")
