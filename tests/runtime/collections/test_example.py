"""How an example is written in Python: code that makes the same block again."""

from __future__ import annotations

from strongroom import JSON, Connection, LocalFolder, Secret
from strongroom.collections.example import example_code, example_of, example_values, home_of
from strongroom_blocks.catalog import BlockType
from strongroom_dbt import DbtProfile
from strongroom_dbt.cli.configs import PostgresTargetConfigs


def test_it_is_imported_from_where_users_import() -> None:
    assert (home_of(LocalFolder), home_of(DbtProfile)) == ("strongroom", "strongroom_dbt")
    assert home_of(BlockType) == "strongroom_blocks.catalog"


def test_what_is_short_stands_in_one_line() -> None:
    assert example_code(Secret) == (
        'from strongroom import Secret\n\nSecret(value="…").save("my-secret")\nfound = Secret.load("my-secret")\n'
    )
    assert 'JSON(value={"tables": ["orders"], "threshold": 0.5}).save("sizes")' in (example_code(JSON, "sizes") or "")


def test_what_is_long_has_a_line_for_each_field() -> None:
    code = example_code(Connection) or ""
    assert '\n    host="db.example.com",\n' in code
    assert '\n    password="…",\n' in code


def test_a_block_of_any_type_is_named_with_its_class() -> None:
    values = example_values(PostgresTargetConfigs) or {}
    made = example_of(PostgresTargetConfigs, values)
    assert type(made.credentials).__name__ == "PostgreSQL"  # type: ignore[attr-defined]
    code = example_code(PostgresTargetConfigs) or ""
    assert "from strongroom import PostgreSQL\n" in code
    assert "credentials=PostgreSQL(" in code


def test_texts_come_back_as_they_are() -> None:
    from strongroom.collections.example import _text

    for text in ("plain", 'a "quote"', "back\\slash", "two\nlines", "…"):
        assert eval(_text(text)) == text
