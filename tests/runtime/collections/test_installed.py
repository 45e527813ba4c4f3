"""Which collections are installed: found without importing them, whatever state they are in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from strongroom.collections import CollectionCard, collection, collections

CARD = (
    "from strongroom.collections import CollectionCard\nCARD = CollectionCard(title='Acme', purpose='For tests.'{})\n"
)
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a collection ``acme``: its card, its package's ``__init__``, its entry points besides."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(card: str = CARD.format(""), init: str = "", more: str = "", value: str = "acme_kit.card:CARD") -> None:
        (tmp_path / "acme_kit").mkdir()
        (tmp_path / "acme_kit" / "__init__.py").write_text(init)
        (tmp_path / "acme_kit" / "card.py").write_text(card)
        declared = tmp_path / "acme_kit-2.1.dist-info"
        declared.mkdir()
        (declared / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-kit\nVersion: 2.1\n")
        (declared / "entry_points.txt").write_text(f"[strongroom.collections]\nacme = {value}\n{more}")

    yield install
    sys.modules.pop("acme_kit", None)


def test_no_collection_is_imported_to_list_them_all() -> None:
    code = (
        "import sys; from strongroom.collections import collections; found = collections()\n"
        "assert not [one.problem for one in found if one.problem], found\n"
        "print([name for name in sys.modules if name.startswith('strongroom_') and '.' not in name], "
        "'pydantic' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[] False\n"


def test_a_card_is_read_though_its_package_is_broken(install: Install) -> None:
    install(init="raise RuntimeError('broken')")
    found = collection("acme")
    assert (found.card.title, found.problem) == ("Acme", None)
    assert (found.distribution, found.version, found.packages) == ("acme-kit", "2.1", ("acme_kit",))
    assert "acme_kit" not in sys.modules


def test_a_card_may_stand_in_the_package_itself(install: Install) -> None:
    install(init=CARD.format(""), value="acme_kit:CARD")
    assert collection("acme").card.title == "Acme"


def test_parts_are_those_of_the_cards_packages(install: Install) -> None:
    more = "[strongroom.blocks]\nacme-b = acme_kit.blocks:B\nacme-a = acme_more.blocks:A\nother-c = other.blocks:C\n"
    more += "[strongroom.importers]\nacme = acme_kit:importer\n"
    install(CARD.format(", packages=('acme_kit', 'acme_more'), block_extras={'acme-a': 'sdk'}, extra='all'"), more=more)
    found = collection("acme")
    assert (found.block_types, found.importers) == (("acme-a", "acme-b"), ("acme",))
    assert (found.extra_of("acme-a"), found.extra_of("acme-b")) == ("sdk", "all")
    assert found.installation("sdk") == 'pip install "acme-kit[sdk]"'
    assert found.installation(None) == "pip install acme-kit"


@pytest.mark.parametrize(
    ("card", "problem"),
    [
        ("CARD = 3", "TypeError: acme_kit.card:CARD is a int, and no CollectionCard"),
        ("", "AttributeError"),
        ("import no_such_sdk", "ModuleNotFoundError: No module named 'no_such_sdk'"),
        (CARD.format(", colour='red'"), "TypeError"),
    ],
)
def test_a_card_that_cannot_be_had_is_a_problem_of_its_collection_alone(
    install: Install, card: str, problem: str
) -> None:
    install(card)
    found = {one.name: one for one in collections()}
    assert str(found["acme"].problem).startswith(problem)
    assert found["acme"].card == CollectionCard(title="acme", purpose="")
    assert found["core"].problem is None
