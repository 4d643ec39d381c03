"""The descriptions that botocore works by, read as quickly as may be.

botocore looks through the folders of all services, some four hundred, for the one that is asked
for, and takes twice as long as needed to read its JSON. That was a tenth of a second before the
first request, and much more from a cold disk.
"""

import gzip
from pathlib import Path
from typing import Any, Final

import orjson
from botocore.loaders import JSONFileLoader, Loader

SERVICE: Final = "s3"


class S3Descriptions(Loader):
    """Those of S3 alone; the component `data_loader` of a botocore session.

    What AWS_DATA_PATH names is not looked at: no description but botocore's own fits.
    """

    def __init__(self) -> None:
        super().__init__(file_loader=_Documents())

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
        """S3."""
        return [SERVICE]


class _Documents(JSONFileLoader):
    """JSON files by their paths without the ending."""

    def exists(self, file_path: str) -> bool:
        """Whether there is such a file."""
        return Path(f"{file_path}.json").is_file() or Path(f"{file_path}.json.gz").is_file()

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 - any JSON
        """What is in it; None where there is none."""
        try:
            return orjson.loads(Path(f"{file_path}.json").read_bytes())
        except FileNotFoundError:
            packed = Path(f"{file_path}.json.gz")
        try:
            return orjson.loads(gzip.decompress(packed.read_bytes()))
        except FileNotFoundError:
            return None
