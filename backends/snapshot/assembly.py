"""Puts frozen layers together on the server, so that each path is found below one root."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

from backends.snapshot.commands import Commands
from backends.snapshot.freezer import Layer, Undo
from backends.snapshot.view import VIEWS, Leftover, is_name, view_root
from backends.snapshot.volume import Volume, is_at_or_below

KIND = "view"
#: A view is only read: a set-uid program of last week must not come back to life in it.
_MOUNTED = ("ro", "nosuid", "nodev", "noexec")


def assemble(
    layers: Sequence[Layer], name: str, commands: Commands, held: ExitStack, undo: Undo
) -> str:
    """Mount every layer read-only at its target below the view's root.

    Args:
        layers: Of all file systems in any order.
        name: Of the run.
        commands: The server's command line.
        held: Takes what undoes it.
        undo: See `Freezer.freeze`.

    Returns:
        The root.

    Raises:
        SnapshotError, SshError: a layer cannot be mounted.
    """
    root = view_root(name)
    ordered = sorted(layers, key=lambda layer: (layer.target.count("/"), layer.target))
    folders = dict.fromkeys((VIEWS, root, *(_place(root, layer) for layer in _outermost(ordered))))
    commands.run("mkdir", "-p", "-m", "711", "--", *folders)
    held.callback(undo, *_clearing(root))
    for folder in _ways(_outermost(ordered)):
        _dress(folder, f"{root}{folder}", commands)
    for layer in ordered:
        place = _place(root, layer)
        commands.run(*mount_command(layer, place))
        held.callback(undo, "umount", "--", place)
    return root


def mount_command(layer: Layer, place: str) -> tuple[str, ...]:
    """How a layer is mounted at `place`, read-only, with nothing in it to be run or opened. Pure.

    A bind mount gets these options by the same call since util-linux 2.27. The wrapper and the
    sudoers file in deploy/source allow exactly these.
    """
    kind = ("-t", layer.fstype) if layer.fstype else ("--bind",)
    options = ",".join((*_MOUNTED, *layer.options))
    return ("mount", *kind, "-o", options, "--", layer.source, place)


def leftover_views(mounts: Iterable[Volume], folders: Iterable[str]) -> tuple[Leftover, ...]:
    """Views that nobody took down. Pure.

    Args:
        mounts: Of the server.
        folders: Names below `VIEWS`.
    """
    names = {_name_of(mount.target) for mount in mounts} | set(folders)
    return tuple(
        Leftover(name=name, kind=KIND, place=view_root(name))
        for name in sorted(names)
        if is_name(name)
    )


def take_down(leftover: Leftover, mounts: Iterable[Volume], commands: Commands) -> None:
    """Unmount all that is in a view, innermost first, and remove its folders.

    Raises:
        SnapshotError, SshError: some of it stays.
    """
    root = view_root(leftover.name)
    inside = [mount.target for mount in mounts if is_at_or_below(mount.target, root)]
    for place in reversed(inside):
        commands.run("umount", "--", place)
    commands.run(*_clearing(root))


def _outermost(layers: Sequence[Layer]) -> list[Layer]:
    """Those that need a folder of ours; the others find theirs in the layer around them."""
    return [
        layer
        for number, layer in enumerate(layers)
        if not any(is_at_or_below(layer.target, outer.target) for outer in layers[:number])
    ]


def _ways(layers: Iterable[Layer]) -> list[str]:
    """The folders on the way to the layers, innermost first."""
    found = {parent for layer in layers for parent in _parents(layer.target)}
    return sorted(found, key=lambda folder: folder.count("/"), reverse=True)


def _parents(path: str) -> Iterator[str]:
    while (path := posixpath.dirname(path)) != "/":
        yield path


def _dress(original: str, copy: str, commands: Commands) -> None:
    """Let a folder of ours look like the one it stands for, since it is pulled with the rest."""
    for program in ("chown", "chmod"):
        commands.run(program, f"--reference={original}", "--", copy)
    commands.run("touch", f"--reference={original}", "--", copy)


def _place(root: str, layer: Layer) -> str:
    return root if layer.target == "/" else f"{root}{layer.target}"


def _clearing(root: str) -> tuple[str, ...]:
    # Never into another file system, and nothing but empty folders: a mount that stayed is safe.
    return ("find", root, "-xdev", "-depth", "-type", "d", "-empty", "-delete")


def _name_of(target: str) -> str:
    return target.removeprefix(f"{VIEWS}/").split("/")[0]
