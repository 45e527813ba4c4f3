"""Tables of pandas as files: in which format, with which compression, under which ending."""

from __future__ import annotations

import io
from enum import Enum
from pathlib import PurePosixPath
from typing import Any


class DataFrameSerializationFormat(Enum):
    """A format that a table can be written in; its value is format, compression, content type and ending."""

    _value_: tuple[str, str | None, str, str]

    CSV = ("csv", None, "text/csv", ".csv")
    CSV_GZIP = ("csv", "gzip", "application/x-gzip", ".csv.gz")
    PARQUET = ("parquet", None, "application/octet-stream", ".parquet")
    PARQUET_SNAPPY = ("parquet", "snappy", "application/octet-stream", ".snappy.parquet")
    PARQUET_GZIP = ("parquet", "gzip", "application/octet-stream", ".gz.parquet")

    @classmethod
    def named(cls, name: str | DataFrameSerializationFormat) -> DataFrameSerializationFormat:
        """The format of a name such as ``"parquet_snappy"``.

        :raises ValueError: there is none.
        """
        if isinstance(name, cls):
            return name
        try:
            return cls[str(name).upper()]
        except KeyError:
            known = ", ".join(member.name.lower() for member in cls)
            raise ValueError(f"There is no format {name!r} for tables; there are {known}.") from None

    @property
    def format(self) -> str:
        """``csv`` or ``parquet``."""
        return self._value_[0]

    @property
    def compression(self) -> str | None:
        """How the file is compressed, or parts of it."""
        return self._value_[1]

    @property
    def content_type(self) -> str:
        """What the object is said to be."""
        return self._value_[2]

    @property
    def suffix(self) -> str:
        """What the file's name ends with."""
        return self._value_[3]

    def fix_extension_with(self, gcs_blob_path: str) -> str:
        """The path with this format's ending in place of the one that it has."""
        path = PurePosixPath(gcs_blob_path)
        return str(path.parent / PurePosixPath(path.stem).with_suffix(self.suffix))

    def serialized(self, df: Any) -> bytes:
        """The table's rows as the bytes of a file, without its index."""
        target = io.BytesIO()
        if self.format == "csv":
            df.to_csv(target, index=False, compression=self.compression)
        else:
            df.to_parquet(target, index=False, compression=self.compression)
        return target.getvalue()
