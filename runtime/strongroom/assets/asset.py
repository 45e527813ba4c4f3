"""One asset."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\x00-\x1f#?&%\"'<>\[\]{}|\\^`]+")


def _is_an_address(key: str) -> str:
    if not _ADDRESS.fullmatch(key):
        raise ValueError("an asset is named by an address, such as s3://bucket/orders.csv, without a query")
    return key


class AssetProperties(BaseModel):
    """What people want to know of an asset."""

    model_config = ConfigDict(frozen=True)

    name: str | None = Field(None, description="What people call it.")
    url: str | None = Field(None, description="Where to look at it.")
    description: str | None = Field(None, max_length=2500, description="What it is.")
    owners: list[str] | None = Field(None, description="Whose it is.")


class Asset(BaseModel):
    """Something that a task makes or takes: ``Asset(key="s3://bucket/orders.csv")``."""

    model_config = ConfigDict(frozen=True)

    key: Annotated[str, AfterValidator(_is_an_address)] = Field(description="Its address, which is its name.")
    properties: AssetProperties | None = Field(None, description="What people want to know of it.")

    def add_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Tell more about it, inside the task that makes it; see :func:`strongroom.assets.add_asset_metadata`."""
        from strongroom.assets.lineage import add_asset_metadata

        add_asset_metadata(self, metadata)

    def labels(self) -> dict[str, str]:
        """It as the resource of an event."""
        known = {} if self.properties is None else self.properties.model_dump(exclude_none=True)
        owners = {"strongroom.asset.owners": ", ".join(known.pop("owners"))} if known.get("owners") else {}
        return {
            "strongroom.resource.id": self.key,
            **{f"strongroom.asset.{name}": text for name, text in known.items() if text},
            **owners,
        }

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Asset(key={self.key!r})"


def assets(given: Iterable[Asset | str] | None) -> list[Asset]:
    """Assets, and keys of them, as assets."""
    return [each if isinstance(each, Asset) else Asset(key=each) for each in given or ()]
