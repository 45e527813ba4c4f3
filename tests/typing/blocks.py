"""What type checkers know of blocks. mypy and pyright read it; each ``type: ignore`` is a mistake they must see."""

# pyright: reportUnnecessaryTypeIgnoreComment=error

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, ClassVar, Generic, TypeVar, assert_type

from pydantic import SecretStr
from strongroom_blocks import Block, SecretDict, reference_of, refresh, reveal, secret_from
from strongroom_blocks.capabilities import Checkable, Database, ObjectStore
from strongroom_blocks.twins import async_twin
from strongroom_blocks.types import DuckDB, LocalFolder, Secret
from strongroom_registry import Head, Reference, Version

T = TypeVar("T")


class CrmApi(Block, slug="crm", title="CRM", icon="phone", schema_version=2, public=False):
    base_url: str
    token: SecretStr
    page_size: int = 100

    def fetch(self, since: str, *, limit: int = 10) -> list[str]:
        return [since] * limit

    afetch: ClassVar = async_twin(fetch)


class Box(Block, Generic[T]):
    value: T


@CrmApi.upgrade(from_version=1)
def first_upgrade(fields: dict[str, Any]) -> dict[str, Any]:
    return fields


async def blocks(token: SecretStr) -> None:
    crm = CrmApi(base_url="https://crm.example.com", token=token)
    assert_type(crm.save("prod-crm", message="first"), Version)
    assert_type(await crm.asave("prod-crm", overwrite=True), Version)
    assert_type(CrmApi.load("prod-crm"), CrmApi)
    assert_type(await CrmApi.aload("prod-crm"), CrmApi)
    assert_type(Block.load("prod-crm"), Block)
    assert_type(Box[int].load("box"), Box[int])
    assert_type(Box[int].load("box").value, int)
    assert_type(CrmApi.history("prod-crm"), list[Version])
    assert_type(await CrmApi.ahistory("prod-crm"), list[Version])
    assert_type(CrmApi.label("prod-crm", "stable"), Head)
    assert_type(await CrmApi.aexists("prod-crm"), bool)
    assert_type(reference_of(crm), Reference | None)
    assert_type(await crm.afetch("today", limit=3), list[str])
    fetching: Coroutine[Any, Any, list[str]] = crm.afetch("today")
    await fetching
    assert_type(crm.environment(), dict[str, str])


class Watched(Block):
    def check(self, timeout: float) -> str:
        return f"asked for {timeout} s"


def secrets(crm: CrmApi, headers: SecretDict) -> None:
    pointing = CrmApi(base_url="https://crm.example.com", token=secret_from("env:CRM_TOKEN"))
    assert_type(pointing.token, SecretStr)
    pointing.token = secret_from("env:CRM_TOKEN")
    assert_type(refresh(pointing), bool)
    assert_type(reveal(crm.token), str)
    assert_type(reveal(headers), dict[str, Any])
    assert_type(Secret(value="x").get(), str)
    assert_type(Secret[int].load("pin").get(), int)


def capabilities(folder: LocalFolder, duckdb: DuckDB) -> tuple[ObjectStore, Database]:
    checked: list[Checkable] = [folder, duckdb, Watched()]
    checked += [Secret(value="x")]  # type: ignore[list-item]
    return folder, duckdb


async def mistakes(crm: CrmApi, token: SecretStr, folder: LocalFolder) -> None:
    CrmApi(base_url="https://crm.example.com")  # type: ignore[call-arg]
    CrmApi(base_url="https://crm.example.com", token=token, tokn="x")  # type: ignore[call-arg]
    crm.save(3)  # type: ignore[arg-type]
    await crm.asave(3)  # type: ignore[arg-type]
    CrmApi.load(3)  # type: ignore[arg-type]
    secret_from(3)  # type: ignore[arg-type]
    await crm.afetch(3)  # type: ignore[arg-type]
    await folder.awrite_path("x", "text")  # type: ignore[arg-type]
    print(crm.page_sise)  # type: ignore[attr-defined]
