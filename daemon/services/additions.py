"""All that one run stores beside the server's files; see `backends.capture.grafting`."""

from dataclasses import dataclass

from backends.capture.grafting import Graft, Grafting
from backends.capture.places import PASSPORT
from daemon.domain.beside import Beside
from daemon.services.dumps import Dumping
from daemon.services.passport import PassportTaking


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAdditions:
    """The dumps, and the passport where one is wanted. An `Additions`."""

    dumping: Dumping
    passport: PassportTaking | None

    def bring(self, grafting: Grafting) -> None:
        """Dump, while the server is asked for its passport; see `Dumping.run`."""
        if self.passport is not None:
            self.passport.begin(grafting)
        self.dumping.run(grafting)

    def settle(self) -> None:
        """See `PassportTaking.settle`."""
        if self.passport is not None:
            self.passport.settle()

    def describe(self, graft: Graft | None) -> Beside:
        """What the manifest says of a tree that this hangs onto."""
        files = {file.path: file for file in graft.files} if graft else {}
        return Beside(
            dumps=self.dumping.describe(files),
            passport=self.passport.describe(files.get(PASSPORT)) if self.passport else None,
        )
