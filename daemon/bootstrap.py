"""Builds the program out of its parts; the only place that names concrete backends.

Heavy parts are imported by the function that needs them: most commands need few.
"""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from backends.objectstore.throttled import ThrottledStore
from backends.protocols import ObjectStore
from daemon.actor import current_actor
from daemon.clock import Clock, SystemClock
from daemon.domain.verification import Depth
from daemon.s3_settings import repository_password, s3_address, s3_credentials
from daemon.services.fate_guard import FateGuard
from daemon.services.overview import Overview
from daemon.services.pacing import Pacing
from daemon.services.registry import Registry
from daemon.settings import Configuration, StoreSettings
from daemon.store.engine import open_engine
from daemon.store.schema import ensure_current
from daemon.store.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from backends.objectstore.s3_address import S3Address, S3Credentials
    from backends.pacing import Rate
    from backends.signing import SigningKey
    from backends.snapshot.commands import Shell
    from backends.types import PullSpec, SshTarget
    from daemon.services.backup import BackupTools
    from daemon.services.destination import Destination, Patience
    from daemon.services.fleet_import import FleetImport
    from daemon.services.lookout import Lookout
    from daemon.services.planning import Planning
    from daemon.services.verification import VerificationTools


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The program, put together; `close` it at the end.

    Attributes:
        configuration: The settings and where they came from.
        clock: The one clock.
        engine: The database, at the revision that this program works with.
        actor: Whom the audit trail names.
        pacing: What all runs of this process share.
    """

    configuration: Configuration
    clock: Clock
    engine: Engine
    actor: str
    pacing: Pacing

    def units(self, *, read_only: bool = False, at_once: bool = False) -> UnitOfWork:
        """A new unit of work; see `daemon.services.units.Units`."""
        return UnitOfWork(
            self.engine,
            clock=self.clock,
            actor=self.actor,
            read_only=read_only,
            at_once=at_once,
        )

    @property
    def registry(self) -> Registry:
        """Servers and contracts."""
        guard = self.fate_guard
        return Registry(units=self.units, clock=self.clock, actor=self.actor, guard=guard)

    @property
    def fate_guard(self) -> FateGuard:
        """Knows whose the stores are."""
        return FateGuard(
            fates=self.configuration.store_fates, default_store=self.configuration.default_store
        )

    @property
    def fleet_import(self) -> "FleetImport":
        """Servers and contracts from files."""
        from daemon.services.fleet_import import FleetImport  # noqa: PLC0415 - only if used

        guard = self.fate_guard
        return FleetImport(units=self.units, clock=self.clock, actor=self.actor, guard=guard)

    @property
    def overview(self) -> Overview:
        """History and status."""
        return Overview(units=self.units, clock=self.clock)

    @property
    def planning(self) -> "Planning":
        """What planning looks at."""
        from daemon.services.planning import Planning  # noqa: PLC0415 - loads the provider facts

        configuration = self.configuration
        return Planning(
            units=self.units,
            clock=self.clock,
            policies=configuration.policies,
            limits=configuration.limits,
            assumptions=configuration.assumptions,
            fates=configuration.store_fates,
            default_store=configuration.default_store,
        )

    @property
    def lookout(self) -> "Lookout":
        """How everything stands, and what is going to happen."""
        from daemon.services.lookout import Lookout  # noqa: PLC0415 - only where asked for

        return Lookout(units=self.units, clock=self.clock, planning=self.planning)

    def reconfigured(self, configuration: Configuration) -> "Application":
        """The same with other settings; limits change for runs under way as well."""
        self.pacing.change(configuration.bandwidth, configuration.store_bandwidths)
        return replace(self, configuration=configuration)

    def close(self) -> None:
        """Give back the database's connections."""
        self.engine.dispose()


def start(configuration: Configuration, *, clock: Clock | None = None) -> Application:
    """The program with its database; nothing of it is upgraded or created here.

    Raises:
        StateFolderUnusable: the state folder is missing or not ours to write.
        DatabaseError: any child; its revision is not the one that this program works with.
        SecretError: the database's password cannot be read.
    """
    configuration.state_folder.require_usable()
    engine = open_database(configuration)
    try:
        ensure_current(engine)
    except BaseException:
        engine.dispose()
        raise
    clock = clock or SystemClock()
    return Application(
        configuration=configuration,
        clock=clock,
        engine=engine,
        actor=current_actor(configuration.environment.variables),
        pacing=Pacing(clock, configuration.bandwidth, configuration.store_bandwidths),
    )


def open_database(configuration: Configuration) -> Engine:
    """The database that the settings name, whatever its revision. Dispose of it at the end."""
    password = database_password(configuration)
    return open_engine(configuration.settings.daemon.database, password=password)


def database_password(configuration: Configuration) -> str | None:
    """The PostgreSQL password, where the settings have one. Raises SecretError."""
    source = configuration.database_password
    return None if source is None else source.read().reveal()


def open_store(
    configuration: Configuration,
    name: str | None = None,
    *,
    server: str | None = None,
    create: bool = False,
    patience: "Patience | None" = None,
) -> ObjectStore:
    """A store of the settings, which tries again what may succeed later.

    Args:
        configuration: Its settings and secrets.
        name: The store; None for the default one.
        server: Root it at this server's repository, `<store url>/NAME`.
        create: Make the folder of a directory store, though never its parents.
        patience: How it is waited for where it does not answer; by default in silence.

    Raises:
        NotFound, SettingsError: there is no such store.
        SecretError: one of its secrets cannot be read.
        StoreError: it is not usable as the settings describe it.
    """
    from backends.objectstore.retrying import (  # noqa: PLC0415 - only where needed
        RetryingStore,
        RetryTiming,
    )

    found, settings = configuration.store(name)
    store = _concrete_store(configuration, found, settings, server, create=create)
    if patience is None:
        return RetryingStore(store)
    timing = RetryTiming.until(patience.stop, patience.time_left)
    return RetryingStore(store, timing=timing, on_retry=patience.note)


def open_plain_store(configuration: Configuration, name: str | None = None) -> ObjectStore:
    """A store of the settings that tries nothing again: to find out what it does by itself.

    Raises:
        NotFound, SettingsError, SecretError, StoreError: see `open_store`.
    """
    found, settings = configuration.store(name)
    return _concrete_store(configuration, found, settings, None, create=False)


def open_store_at(location: "S3Address | Path", credentials: "S3Credentials | None") -> ObjectStore:
    """A store that no settings name, as it is; nothing is made, and nothing tried again.

    Raises:
        StoreMisconfigured: it cannot be reached as described.
    """
    if isinstance(location, Path):
        from backends.objectstore.directory import DirectoryStore  # noqa: PLC0415 - only if used

        return DirectoryStore(location)
    from backends.objectstore.s3 import S3Store  # noqa: PLC0415 - loads boto3

    return S3Store(location, credentials)


def create_place(configuration: Configuration, name: str | None = None) -> bool:
    """Make a store's bucket, or its folder with all parents; false if it is there already.

    Raises:
        NotFound, SettingsError, SecretError, StoreError: see `open_store`.
    """
    found, settings = configuration.store(name)
    if settings.location.scheme == "file":
        from backends.objectstore.directory import DirectoryStore  # noqa: PLC0415 - see above

        root = Path(settings.location.path)
        if root.is_dir():
            return False
        missing = [folder for folder in (root, *root.parents) if not folder.exists()]
        for folder in reversed(missing):
            DirectoryStore(folder, create=True)
        return True
    from backends.objectstore.s3_bucket import create_bucket  # noqa: PLC0415 - loads boto3

    return create_bucket(s3_address(settings), s3_credentials(configuration, found))


def signing_key(configuration: Configuration) -> "SigningKey":
    """The key that signs manifests. Raises LocalPathUnusable."""
    from backends.signing import SigningKey  # noqa: PLC0415 - loads cryptography

    return SigningKey.load(configuration.state_folder.signing_key)


def destination(
    application: Application,
    store: str | None,
    server: str,
    patience: "Patience | None" = None,
    *,
    paced: bool = True,
) -> "Destination":
    """The repository of `server` in a store, not opened yet; `paced`: within all limits.

    Raises:
        NotFound, SettingsError, SecretError, StoreError: see `open_store`.
    """
    from daemon.services.destination import Destination  # noqa: PLC0415 - loads cryptography

    configuration = application.configuration
    name, _ = configuration.store(store)
    opened = open_store(configuration, name, server=server, create=True, patience=patience)
    buckets = application.pacing.uploads(name) if paced else ()
    return Destination(
        store_name=name,
        store=ThrottledStore(opened, buckets, stop=patience.stop if patience else None),
        read_password=lambda: repository_password(configuration, name),
    )


def backup_tools(application: Application, pull_rate: "Rate | None" = None) -> "BackupTools":
    """What a backup works with; `pull_rate` says how fast it may be, see `Pacing.pull_rate`."""
    from backends.rsync.pull import RsyncPull  # noqa: PLC0415 - only where data flows
    from daemon.services.backup import BackupTools  # noqa: PLC0415 - likewise
    from daemon.services.deadline import deadline_of  # noqa: PLC0415 - likewise
    from daemon.services.ownership import name_owner  # noqa: PLC0415 - likewise
    from daemon.services.tuning import tuning_of  # noqa: PLC0415 - likewise

    configuration = application.configuration
    folder, defaults = configuration.state_folder, configuration.settings.defaults
    capture = configuration.settings.capture
    return BackupTools(
        units=application.units,
        clock=application.clock,
        random=os.urandom,
        store_name=lambda store: configuration.store(store)[0],
        repository_url=lambda store, server: configuration.repository_url(server, store),
        destination=lambda store, server, patience: destination(
            application, store, server, patience
        ),
        read_password=lambda store: repository_password(configuration, store),
        make_pull=lambda journal, stop, room, rate: RsyncPull(
            journal=journal, stop=stop, room=room, rate=rate
        ),
        measure=lambda spec: _measure(spec, application.clock),
        open_shell=_open_shell,
        pull_rate=pull_rate or (lambda: None),
        timezone=configuration.settings.planning.bandwidth_timezone,
        finish_by=lambda server: deadline_of(application.planning, server),
        passport=capture.passport,
        signing_key=lambda: signing_key(configuration),
        staging=folder.staging,
        identity=folder.ssh_identity,
        owner=name_owner(os.urandom),
        depth=Depth(defaults.verify),
        lease=configuration.settings.daemon.lease,
        tuning=tuning_of(configuration.settings),
    )


def _open_shell(target: "SshTarget") -> "AbstractContextManager[Shell]":
    from backends.shell import RemoteShell  # noqa: PLC0415 - loads paramiko

    return RemoteShell(target)


def _measure(spec: "PullSpec", clock: Clock) -> int | None:
    from daemon.services.sizes import ask_size  # noqa: PLC0415 - loads paramiko

    return ask_size(spec, clock.now)


def verification_tools(
    application: Application, patience: "Patience | None" = None
) -> "VerificationTools":
    """What a verification works with."""
    from daemon.services.verification import VerificationTools  # noqa: PLC0415 - if used

    return VerificationTools(
        units=application.units,
        clock=application.clock,
        destination=lambda store, server: destination(application, store, server, patience),
        scratch=application.configuration.state_folder.root,
    )


def _concrete_store(
    configuration: Configuration,
    name: str,
    settings: StoreSettings,
    server: str | None,
    *,
    create: bool,
) -> ObjectStore:
    if settings.location.scheme == "file":
        from backends.objectstore.directory import DirectoryStore  # noqa: PLC0415 - only if used

        root = Path(settings.location.path)
        return DirectoryStore(root / server if server else root, create=create)
    from backends.objectstore.s3 import S3Store  # noqa: PLC0415 - loads boto3

    return S3Store(
        s3_address(settings, server),
        s3_credentials(configuration, name),
        checksum=settings.checksum,
    )
