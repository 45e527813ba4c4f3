"""Writes ``command-line.md`` from the help pages themselves: ``python docs/reference/command_line.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner
from strongroom.cli import main
from strongroom.cli.outcome import Exit

PAGE = Path(__file__).with_name("command-line.md")

EXIT_CODES = {
    Exit.DONE: "done; of `strongroom run`: the flow completed",
    Exit.FAILED: "an error without a code of its own; of `run` and `resume`: the flow did not complete; of `scan`: "
    "something was found; of `typegen --check`: the file is not current; of `block check`: something does not work; of "
    "`block due --exit-code`: something is due",
    Exit.USAGE: "the command line is wrong: an option, a name that is none, values that do not fit; of `scan`: nothing "
    "was found, and something could not be searched",
    Exit.NOT_FOUND: "there is no such block, version, label, type, flow or run; or it is deleted or destroyed",
    Exit.REFUSED: "the registry says no: the name is taken, the version is not the expected one, the type "
    "differs; of `import` and `apply`: a conflict; of `block migrate`: a block does not fit its class; of "
    "`policy test`: something is not allowed; of what is protected: it waits for a second person",
    Exit.KEY: "the key is absent, unreadable, exposed or the wrong one; also of `keys check`: a wrap does not open",
    Exit.INTEGRITY: "somebody or something changed the data; also of what found that, such as `verify` and "
    "`backup verify`",
    Exit.STORE: "the registry cannot be opened, read or written, or is none",
    Exit.DEFECT: "a defect of Strongroom; `--debug` shows where",
    Exit.EXEC_FAILED: "`strongroom exec` failed before the command ran",
    Exit.EXEC_NOT_EXECUTABLE: "`strongroom exec`: the command cannot be executed",
    Exit.EXEC_NOT_FOUND: "`strongroom exec`: there is no such command",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
    Exit.BROKEN_PIPE: "whoever read the output went away, as in `| head`",
}

JSON_SHAPES = {
    "block ls": "a list of `name` `type` `version` `state` `labels` (name → version) `updated` `expires` `uses` "
    "(references) `fields` (public ones) `quarantine` (why the row cannot be trusted, else null)",
    "block show": "`name` `version` `current` `type` `state` `labels` `created` `actor` `message` `expires` "
    "`uses` `schema` `fields` `hidden` (names of the fields that are not shown)",
    "block history": "a list of `name` `version` `type` `state` `labels` `created` `actor` `message` `expires` "
    "`uses` `schema` `fields`",
    "block diff": "a list of `field` `change` (`same`, `changed`, `added`, `removed`) `hidden` `old` `new`",
    "block new, set": "`name` `type` `version` `labels`",
    "block label, unlabel, delete, undelete, destroy": "the block as in `block ls`; of `delete --cascade` also "
    "`deleted_with_it` (names)",
    "block check": "a list of `name` `subject` `state` (`works`, `absent`, `denied`, `unreachable`, `unfit`, "
    "`misconfigured`, `failed`, `skipped`) `seconds` `told` `remedy`",
    "block types": "a list of `slug` `title` `class` `package` `collection` `summary` `capabilities` (what it can be "
    "used as) `extra` (which it needs) `installed` (what it needs is there) `missing` `install` (what to run) "
    "`problem` (why its class cannot be loaded)",
    "block types SLUG": "`slug` `title` `description` `class` `package` `collection` `extra` `installed` `missing` "
    "`install` `capabilities` `example` (values of fields) `code` (the example in Python) `fields`: a list of `field` "
    "`type` `required` `secret` `default` `description`",
    "collection ls": "a list of `name` `title` `purpose` `distribution` `version` `packages` `extra` `installed` "
    "`missing` `block_types` (slugs) `task_modules` `key_providers` `secret_sources` `importers` `docs` `problem` (why "
    "its card cannot be had)",
    "collection show": "the collection as in `collection ls`; `types` as in `block types`; `tasks`: a list of `name` "
    "`module` `twin` (its asynchronous form) `summary` `description` `signature` `returns` `parameters` (each "
    "`parameter` `type` `required` `default` `description`); with a task, that alone",
    "collection new": "`name` `package` `folder` `files`",
    "block used-by": "a list of `name` `version` `type`",
    "block due": "a list of `name` `type` `why` (`expired`, `expires`, `old`) `expires` `created`",
    "block promote": "`name` `current` `labels`",
    "block rotate": "`name` `version` `expires`",
    "block migrate": "a list of `name` `type` `outcome` (`same`, `migrated`, `newer`, `mismatch`, `unknown type`, "
    "`changed meanwhile`, `refused`) `written` `wanted` (schemas) `version` `problem`",
    "labels": "a list of `name` `label` `version` `current`",
    "import, apply": "a list of `source` `name` `type` `action` (`create`, `update`, `label`, `same`, `skip`, "
    "`conflict`, `delete`) `version` `reason`; with `--diff` also `changes`, as in `block diff`",
    "export": "a list of `name` `type` `version` `current` (there it will be) `wanted_by` (the block that "
    "refers to it)",
    "scan": "`found`: a list of `block` (with its version) `field` `path` `line` `form` (`raw`, `url`, `base64`, "
    "`hex`, `json`, `utf-16`, `line`) `commit`; `unread` and `left_out`: lists of `what` `why`; `searched`: `files` "
    "`objects` `bytes`",
    "run, runs resume": "the run as in `runs ls`",
    "runs ls": "a list of `id` `flow` `name` `state` `state_name` `lost` (its process is gone) `message` `started` "
    "`ended` `seconds` `run_count` `parameters` `blocks` `tags` `entrypoint` `parent` `created` `expected_start` "
    "`deployment` `replay_of`",
    "runs show": "the run as in `runs ls`; `artifacts`: a list of `id` `key` `type` `description` `task_run` "
    "`updated`; `waits_for` (null, or `run` `schema` `description` `until`); its `tree`: `id` `kind` (`flow`, `task`, "
    "`node`) `name` `state` `state_name` `message` `started` `seconds` `run_count` `kept` (completed before the "
    "resumption) `explanation` (why the result was, or was not, cached) `worker` `tags` `children`",
    "runs graph": "`id` (a number) `kind` (`flow`, `task`, `node`, `group`) `name` `runs` (how many it stands for) "
    "`states` (type → number) `state_name` `started` `ended` `seconds` `run_count` `after` (ids beside it) `children`",
    "runs cancel": "a list of runs as in `runs ls`, with `asked` (the state that they go into)",
    "runs metrics": "a list of `kind` (`flow`, `task`) `name` `state_name` `runs` `timed` (that ended) `seconds` "
    "(of all those) `within` (seconds → how many took no longer) `last_end`",
    "runs rm": "a list of the ids that were removed, those of subflows too",
    "runs logs": "an object a line: `timestamp` `level` `logger` `flow_run` `task_run` `name` `message`",
    "keys ls": "a list of `epoch` `state` (`current`, `older`, `retired`) `provider` `fingerprint` `created`",
    "keys add, remove": "`added` `removed`: wraps as in `keys ls`; `new_key` `former_key` (where they lie, or null) "
    "`scrubbed` (whether what was replaced is gone from the store's files)",
    "keys rotate": "`level` `epoch` `versions` `resealed` `heads` `retired` `resumed` `scrubbed` `problems`: a list of "
    "`name` `version` `problem`; `wraps` as of `keys add`, or null",
    "keys check": "`ok` `epochs`: a list of `epoch` `heads` `versions`; `wraps`: as in `keys ls` with `opens` (null: "
    "not tried) `problem`; `removed`: a list of `removed` (when) `provider` `fingerprint`",
    "keys recovery-kit": "`store_id` `workspace` `code` `scrubbed`",
    "audit ls": "a list of `seq` `at` `actor` `action` `outcome` `name` `version` `label` `message` `count`",
    "audit verify": "`ok` `entries` `first_bad` `problem`",
    "verify": "`ok` `blocks` `versions` `problems`: a list of `name` `version` `error` `problem` `remedy`",
    "workspace ls": "a list of `name` `used` `changes` `id` `quarantine` (why it cannot be trusted, else null)",
    "workspace new, rm": "`name` `id`",
    "workspace use": "`workspace` `file` `overruled_by` (what STRONGROOM_WORKSPACE says, else null)",
    "backup make": "`file` `store_id` `made` `made_by` `bytes` `workspaces`: a list of `name` `change` `blocks` "
    "`versions` `audit_entries` `keys` (each `epoch` `provider` `fingerprint`)",
    "backup verify": "as of `backup make`, and `ok`; each workspace also has `ok` `key_problem` `problems` (each "
    "`name` `version` `error` `problem`) `anchor_change`",
    "restore": "as of `backup make`, and `opened` (false with --without-key)",
    "anchor show": "`place` `kept` `registry` (the last two: `change` `audit_entry` `epoch` `anchor`; null for none)",
    "anchor check": "`ok` `kept` `registry`",
    "anchor write": "`place` `kept`",
    "login": "the token as in `token show`, and `server` `file`",
    "logout": "`server` `ended` (how many tokens)",
    "token create": "`token`, told this once, and `about`: as in `token show`",
    "token ls": "a list of what `token show` has",
    "token show, renew": "`accessor` `identity` `name` `policies` `rights` (`given`, `inherited`, `narrowed`) `path` "
    "`parent` `metadata` `created` `renewed` `expires` `renewable_until` `ttl_seconds` `period_seconds` `renewable` "
    "`uses` `networks`",
    "token revoke": "`ended`: how many tokens",
    "identity user, account, group, approle, provider ls": "a list of `name`",
    "identity user, account, group, approle, provider rm": "`removed`: the name",
    "identity user show, set": "`name` `version` `has_password` `user`",
    "identity user password": "`name` `has_password`",
    "identity account show, set": "`name` `version` `account`",
    "identity group show, set": "`name` `version` `group`",
    "identity approle show, set": "`name` `version` `role_id` `approle`",
    "identity approle secret-id": "`secret_id`, told this once, `role_id`, and `about`: as in `… secret-ids`",
    "identity approle secret-ids": "a list of `accessor` `created` `expires` `uses` `networks` `token_networks` "
    "`metadata`",
    "identity approle rm-secret-id": "`removed`: the accessor",
    "identity provider show, write": "`name` `version` `has_secret` `provider`",
    "wrap": "`token` `accessor` `ttl_seconds` `creation_time` `creation_path` `wrapped_accessor`; of `unwrap --rewrap` "
    "and `unwrap --lookup` the same, of the latter without the token",
    "unwrap": "`value` `creation_path` `creation_time`",
    "lease ls": "a list of `id` `workspace` `role` `state` (`creating`, `active`, `ending`, `lapsing`, `quarantined`) "
    "`name` `identity` `created` `until` `latest` `attempts` `problem` `reason`",
    "lease get": "the lease as in `lease ls`, and `credential`, whose fields depend on the engine",
    "lease renew": "the lease as in `lease ls`",
    "lease revoke": "`id` `gone` `lease` (as in `lease ls`, null where it is gone)",
    "lease revoke-all": "`ending`: how many",
    "lease roles": "a list of `name` `engine` `default_ttl` `max_ttl` (seconds)",
    "lease role, define": "`name` `version` `role`",
    "init": "`created` `registry` `key` `workspace` `store_id`",
}

HEAD = """\
# Command line

*This page is written by `python docs/reference/command_line.py` from the help pages; a test keeps it current.*

`strongroom` does for a shell what the library does for Python. `strongroom COMMAND --help` shows what stands below.

- On a terminal, listings are tables in colour. In a pipe they are plain columns, never cut, and an empty one prints
  nothing. [`NO_COLOR`](https://no-color.org) is respected.
- Every listing takes `--json`. Times are ISO 8601 in UTC, durations seconds. Keys are added over time, never renamed.
- Notes, warnings and the log of flows go to standard error, so that standard output holds the answer alone.
- An error is one sentence and a remedy. `--debug`, before or after the command, adds the traceback, with secrets
  starred.
- No command shows a secret but `strongroom block reveal`, `strongroom exec` to the command that it runs,
  `strongroom render` in the text that it makes, and `strongroom export --plain`. All are in the audit.
- Commands that read create nothing. The first `init`, `block new` or flow that loads a block makes the registry and its
  key.
"""

COMPLETION = """\
## Completion

Commands, options, types of blocks, names of blocks and ids of runs are completed:

```sh
eval "$(_STRONGROOM_COMPLETE=bash_source strongroom)"     # ~/.bashrc
eval "$(_STRONGROOM_COMPLETE=zsh_source strongroom)"      # ~/.zshrc
_STRONGROOM_COMPLETE=fish_source strongroom | source      # ~/.config/fish/config.fish
```
"""


def table(title: str, second: str, rows: dict[str, str]) -> str:
    lines = [f"| {title} | {second} |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows.items())]
    return "\n".join(lines) + "\n"


def pages(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=" ".join(path))
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from pages(found, (*path, name))


def help_of(path: tuple[str, ...]) -> str:
    shown = CliRunner().invoke(main, [*path[1:], "--help"], prog_name="strongroom", terminal_width=80).stdout
    return f"## {' '.join(path)}\n\n```text\n{shown.rstrip()}\n```\n"


def page() -> str:
    """The whole page."""
    codes = {f"{int(code)}": EXIT_CODES[code] for code in Exit}
    shapes = {f"`{name}`": text for name, text in JSON_SHAPES.items()}
    return "\n".join([
        HEAD,
        "## Exit codes\n",
        table("code", "meaning", codes),
        "## JSON\n",
        table("command", "shape", shapes),
        COMPLETION,
        *(help_of(path) for path, _ in pages(main, ("strongroom",))),
    ])  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
