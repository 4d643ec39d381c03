"""The options by which any restic repository is opened, the same for every command on one."""

import inspect
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from backends.protocols import ObjectStore
from backends.repository.repository import Repository
from daemon.bootstrap import open_store_at
from daemon.cli.opening import open_log
from daemon.cli.output import Output
from daemon.errors import UsageError
from daemon.secrets import SecretCommand, SecretFile, SecretSource
from daemon.services.repository_access import RepositoryAccess, open_foreign
from daemon.services.repository_location import S3Options, parse_location

_OPENING: Final = "Opening the repository"


def _file_option(name: str, text: str) -> Any:  # noqa: ANN401 - typer keeps this type private
    return typer.Option(
        name, metavar="FILE", help=text, show_default=False, rich_help_panel=_OPENING
    )


def _flag(name: str, text: str) -> Any:  # noqa: ANN401 - likewise
    return typer.Option(name, help=text, rich_help_panel=_OPENING)


def read_access(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="s3://bucket/prefix, s3:https://host/bucket, file:///path, a path."
        ),
    ],
    *,
    password_file: Annotated[
        Path | None, _file_option("--password-file", "Has the password; mode 0600.")
    ] = None,
    password_command: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Program that prints the password; no shell is involved.",
            show_default=False,
            rich_help_panel=_OPENING,
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Of the S3 service, with s3://bucket; AWS when absent.",
            show_default=False,
            rich_help_panel=_OPENING,
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="S3 region.",
            envvar=["AWS_REGION", "AWS_DEFAULT_REGION"],
            show_default=False,
            rich_help_panel=_OPENING,
        ),
    ] = None,
    ca_bundle: Annotated[
        Path | None, _file_option("--ca-bundle", "CA certificates of the endpoint.")
    ] = None,
    access_key_id_file: Annotated[
        Path | None,
        _file_option("--access-key-id-file", "Has the S3 access key; by default AWS's own places."),
    ] = None,
    secret_access_key_file: Annotated[
        Path | None, _file_option("--secret-access-key-file", "Has the S3 secret key.")
    ] = None,
    virtual_host: Annotated[
        bool, _flag("--virtual-host", "Address the bucket as BUCKET.endpoint.")
    ] = False,
    allow_http: Annotated[
        bool, _flag("--allow-http", "Permit an unencrypted endpoint elsewhere.")
    ] = False,
) -> RepositoryAccess:
    """What the options say, checked; no secret is read yet.

    Raises:
        UsageError: they contradict each other, or the URL cannot be used.
    """
    options = S3Options(
        endpoint=endpoint,
        region=region,
        ca_bundle=ca_bundle,
        virtual_host=virtual_host,
        allow_http=allow_http,
    )
    return RepositoryAccess(
        location=parse_location(url, options),
        password=password_source(password_file, password_command),
        access_key_id=_secret_file("--access-key-id-file", access_key_id_file),
        secret_access_key=_secret_file("--secret-access-key-file", secret_access_key_file),
    )


def takes_repository(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of `read_access`, and what they say as its `access`."""
    shared = inspect.signature(read_access).parameters
    own = inspect.signature(command).parameters
    taken = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name in own
        for parameter in (shared.values() if name == "access" else (own[name],))
    ]

    @wraps(command)
    def run(**given: Any) -> int:  # noqa: ANN401 - typer has checked each
        access = read_access(**{name: given.pop(name) for name in shared})
        return command(access=access, **given)

    # What typer looks at in place of the wrapper's own.
    run.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in taken}
    return run


@contextmanager
def open_repository_at(
    ctx: typer.Context,
    access: RepositoryAccess,
    output: Output,
    connected: Callable[[ObjectStore], object] = lambda _: None,
) -> Iterator[Repository]:
    """The repository for the length of one command, with warnings on standard error.

    `connected` is called with its store before anything is asked of that.

    Raises:
        LapseguardError, BackendError: see `open_foreign`.
    """
    open_log(ctx)
    with open_foreign(access, open_store_at, output.warn, connected) as repository:
        yield repository


def password_source(
    file: Path | None, command: str | None, *, option: str = "--password"
) -> SecretSource:
    """Where a password is to be read from.

    Raises:
        UsageError: neither a file nor a command is given, or both.
    """
    if (file is None) == (command is None):
        raise UsageError(
            f"Exactly one of {option}-file and {option}-command is needed.",
            hint="Put the password into a file of its own: umask 077; cat > password-file",
        )
    if file is not None:
        return SecretFile(key=f"{option}-file", path=file)
    try:
        argv = tuple(shlex.split(command or ""))
    except ValueError as error:
        raise UsageError(f"{option}-command cannot be read: {error}.") from error
    if not argv:
        raise UsageError(f"{option}-command is empty.")
    return SecretCommand(key=f"{option}-command", argv=argv)


def _secret_file(option: str, path: Path | None) -> SecretFile | None:
    return None if path is None else SecretFile(key=option, path=path)
