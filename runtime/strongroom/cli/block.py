"""``strongroom block``: the group."""

from __future__ import annotations

from strongroom.cli import block_changing, block_checking, block_life, block_reading, block_types
from strongroom.cli.teaching import group


@group(
    "block",
    aliases={"create": "new", "list": "ls", "type": "types", "inspect": "show", "rm": "delete", "edit": "set"},
    examples="""
        strongroom block types                       # which types there are
        strongroom block new secret api-token        # asks for the fields
        strongroom block show api-token              # without its secrets
        strongroom block reveal api-token            # the secret itself
        strongroom block label api-token@2 stable
    """,
)
def block() -> None:
    """Create, show, compare, label and delete blocks.

    A block is named by NAME for its current version, NAME@3 for a version, NAME@stable for a label.
    """


for _command in (
    block_changing.new,
    block_changing.set_,
    block_reading.ls,
    block_reading.show,
    block_reading.reveal,
    block_reading.history,
    block_reading.diff,
    block_checking.check,
    block_life.used_by,
    block_life.due,
    block_life.rotate,
    block_life.promote,
    block_life.migrate,
    block_changing.label,
    block_changing.unlabel,
    block_reading.labels,
    block_changing.delete,
    block_changing.undelete,
    block_changing.destroy,
    block_types.types,
):
    block.add_command(_command)
