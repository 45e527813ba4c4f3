"""The page of the API over HTTP is what the routes say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "reference" / "http_api.py"


def test_the_page_is_current() -> None:
    specification = importlib.util.spec_from_file_location("http_api", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    page = module.page()
    assert page == module.PAGE.read_text(), "Run: python docs/reference/http_api.py"
    titles = {match.lower() for match in re.findall(r"^### (\w+)$", page, re.M)}
    assert set(re.findall(r"\]\(#(\w+)\)", page)) <= titles


def test_models_are_named_by_what_they_are() -> None:
    from strongroom_service.http.openapi import openapi
    from strongroom_service.http.tables import all_routes

    names = openapi(all_routes())["components"]["schemas"]
    assert not [name for name in names if "__" in name], "two models have one name, so that modules tell them apart"
