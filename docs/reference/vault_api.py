"""Writes ``vault-api.md`` from the routes themselves: ``python docs/reference/vault_api.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

PAGE = Path(__file__).with_name("vault-api.md")

HEAD = """\
# Vault's API

*This page is written by `python docs/reference/vault_api.py` from the routes themselves; a test keeps it current.*

Beneath `/v1` a server speaks **a subset of the HTTP API of HashiCorp Vault**, so that programs that know Vault work
with it: secrets of KV version 1 and 2, encryption by transit, tokens, AppRole and other logins, wrapped answers,
policies in Vault's language, mounts, the seal. It says of itself that it is version {version}. What is not on this page
is not there; what is asked for and cannot be had is refused, or named in a warning of the answer, never left out
silently. Strongroom's own API, beneath `/api/v1`, can do more with blocks.

## Have programs use it

Where a program asks for the address of Vault, give that of the server;
[a page by example](../how-to/vault-clients.md) begins with the mounts. Not run here:

```python no-run
import hvac

client = hvac.Client(url="https://strongroom.example.com:8200", verify="ca.pem")
client.auth.approle.login(role_id="…", secret_id="…")
client.secrets.kv.v2.read_secret_version(path="shop/db", raise_on_deleted_version=False)
client.secrets.kv.v2.read_secret_version(path="default/prod-db", mount_point="blocks", raise_on_deleted_version=False)
```

Airflow's backend for Vault; [that for blocks](../how-to/airflow.md) needs no server:

```ini title="airflow.cfg"
[secrets]
backend = airflow.providers.hashicorp.secrets.vault.VaultBackend
backend_kwargs = {{
  "url": "https://strongroom.example.com:8200", "auth_type": "approle", "role_id": "…", "secret_id": "…",
  "mount_point": "secret", "connections_path": "airflow/connections" }}
```

External Secrets in Kubernetes, which logs in with the token of a service account; `role` is the name of a provider:

```yaml title="secret-store.yaml"
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata:
  name: strongroom
spec:
  provider:
    vault:
      server: https://strongroom.example.com:8200
      path: secret
      version: v2
      auth:
        kubernetes:
          mountPath: kubernetes
          role: cluster
```

Nothing is mounted at first but `blocks/` and `auth/token/`. With a token of an administrator:

```sh no-run
export VAULT_ADDR=https://strongroom.example.com:8200
vault() {{ curl -H "X-Vault-Token: $VAULT_TOKEN" -X POST "$VAULT_ADDR/v1/$1" -d "$2"; }}
vault sys/mounts/secret '{{"type": "kv", "options": {{"version": "2"}}}}'
vault sys/mounts/transit '{{"type": "transit"}}'
vault sys/auth/approle '{{"type": "approle"}}'
```

## What is otherwise than in Vault

- One address is one registry: there are no namespaces, no identities with aliases, no cubbyholes, no plugins, no batch
  tokens. Engines are `kv` and `transit`, methods to log in are `token`, `approle`, `userpass`, `jwt` and `kubernetes`.
- A LIST is refused where a policy denies its path, with a slash at the end or without. Names of policies are folded
  to lower case, and a rule that is not understood is refused when the policy is written. Of several paths that fit,
  the most specific counts, as in Vault, and of rules of one path one that denies.
- Each mount is a workspace of the registry, and each secret of it a document: backups, rotations and `strongroom
  verify` have them too, and who read what stands in its audit. Removing a mount removes the workspace. Strongroom's
  own API neither reveals nor changes these documents, whoever asks: a key that is not exportable is shown nowhere.
- Whoever gives a policy to a token, a role or a user may give one in Vault's language. One of Strongroom's, and one
  that is not written yet, is given by those alone who may give it in Strongroom.
- The numbers of a secret's versions go on when it is written again after `metadata` was deleted, so that a `cas` that
  was made for the former one cannot win. A `cas` that is no number is refused. Versions beyond `max_versions` are
  gone at once for readers; their data keys are destroyed with the write, or with the next one.
- A thief of the database reads the paths of secrets and when they were written, but neither values nor
  `custom_metadata`.
- Audit devices are names: nothing that is sent over HTTP leads the audit to another place. `sys/rotate` gives new
  keys to the workspaces of all mounts and of the service; those of blocks have [their own](../how-to/rotate-keys.md).
- A server has no shares to be unsealed with, unless [it is told so](../how-to/seal-the-server.md).
- Blocks are read at `blocks/data/WORKSPACE/NAME`, as KV version 2. Strongroom's own policies are asked besides; they
  are not written here, since they have types.
- `jwt` and `kubernetes` have the route `login` alone: who is believed is set of Strongroom's own providers, and the
  `role` of a login names one.
- Tokens have Strongroom's form (`srt_…`); nobody chooses their text.
- Transit never takes a nonce. Convergent encryption makes it of all that is sealed, associated data too. SHA-1 is left
  out. Associated data for an RSA key are refused, since they would not count; of a context for a key that is not
  derived a warning says so. `exportable` and `allow_plaintext_backup` cannot be taken back, and trying is an error.
  What is trimmed is destroyed in the registry's history too. A backup is Strongroom's own, not Vault's.
- Two refusals have the status 500, which Vault's clients go by: a backup of a key that does not allow it, and a
  restore to a name that is taken.
- Passwords of `userpass` have 8 characters or more, and guessing is stopped after five attempts.
"""

TRANSIT = {
    "keys": "the names of all keys",
    "keys/<name>": "a key: make it, read it without its secrets, remove it",
    "keys/<name>/config": "what may be done with it, and which of its versions are good",
    "keys/<name>/rotate": "a new version",
    "keys/<name>/trim": "drop old versions for good",
    "keys/<name>/import": "bring a key, wrapped for `wrapping_key`, or a public key",
    "keys/<name>/import_version": "bring another version of one",
    "wrapping_key": "what a key is wrapped for that is brought: RSA-OAEP, then AES-KWP",
    "export/<part>/<name>": "`encryption-key`, `signing-key`, `hmac-key` or `public-key` of all versions",
    "export/<part>/<name>/<version>": "of one version, or of `latest`",
    "backup/<name>": "the whole key in the clear",
    "restore": "a key from its backup",
    "restore/<name>": "the same, under another name",
    "encrypt/<name>": "encrypt; one, or a batch",
    "decrypt/<name>": "decrypt; one, or a batch",
    "rewrap/<name>": "from an old version to a newer one, without showing what is in it",
    "datakey/<form>/<name>": "a new key, `wrapped`, or in `plaintext` too",
    "sign/<name>": "sign; one, or a batch",
    "sign/<name>/<algorithm>": "the same, with the hash in the path",
    "verify/<name>": "check a signature or a MAC",
    "verify/<name>/<algorithm>": "the same, with the hash in the path",
    "hmac/<name>": "a MAC",
    "hmac/<name>/<algorithm>": "the same, with the hash in the path",
    "hash": "a hash",
    "hash/<algorithm>": "the same, with the function in the path",
    "random": "random bytes",
    "random/<bytes>": "the same, with their number in the path",
    "random/<source>/<bytes>": "the same, from `platform`",
}
KV2 = {
    "config": "the settings of the mount",
    "data": "a secret: read a version, write one (compare-and-set with `cas`), merge into it, delete the latest",
    "subkeys": "the names of its fields, without values",
    "delete": "delete versions, which can be undone",
    "undelete": "bring them back",
    "destroy": "destroy versions for good",
    "metadata": "its versions and settings; the names beneath a path; all of it removed",
}
TOKEN = {
    "create": "a child of the caller's token; `create/<role>` with a role",
    "create-orphan": "a token without a parent",
    "lookup": "what a token is",
    "lookup-self": "what the caller's is",
    "lookup-accessor": "what one is, by its accessor",
    "renew": "have it live on",
    "renew-self": "the caller's",
    "renew-accessor": "one by its accessor",
    "revoke": "end it, and its children",
    "revoke-self": "the caller's",
    "revoke-accessor": "one by its accessor",
    "revoke-orphan": "end it, and leave its children",
    "accessors": "of all tokens",
    "tidy": "remove what is on record of tokens whose time is over",
}
APPROLE = {
    "": "a role: make it or change it, read it, remove it; LIST of `role` names all",
    "role-id": "its role id",
    "secret-id": "a new secret id; the accessors of all",
    "custom-secret-id": "a secret id that somebody chose",
    "secret-id/lookup": "what a secret id is",
    "secret-id/destroy": "end it",
    "secret-id-accessor/lookup": "what one is, by its accessor",
    "secret-id-accessor/destroy": "end one by its accessor",
}
USERPASS = {
    "": "a user: make or change, read, remove; LIST of `users` names all",
    "password": "another password",
    "policies": "other policies",
}
SYS = {
    "health": "whether the server is initialised, unsealed and active: 200, 429, 501, 503",
    "leader": "every server answers for itself",
    "init": "make the registry's key, in shares; the root token, once",
    "seal-status": "whether it is sealed",
    "unseal": "hand in a share",
    "seal": "forget the key",
    "rekey/init": "new shares: begin, look, give up",
    "rekey/update": "hand in a former share",
    "rekey/verify": "hand in a new share",
    "rekey/backup": "there are none",
    "generate-root/attempt": "a new root token from the shares: begin, look, give up",
    "generate-root/update": "hand in a share",
    "mounts": "all mounts of secrets",
    "mounts/{path:path}": "a mount: make it, read it, remove it with all that it keeps",
    "mounts/{path:path}/tune": "its settings",
    "remount": "move a mount",
    "internal/ui/mounts": "the mounts that the caller may use",
    "internal/ui/mounts/{path:path}": "the mount of a path, which clients ask for",
    "auth": "all mounts of methods to log in",
    "auth/{path:path}": "such a mount: make it, read it, remove it",
    "auth/{path:path}/tune": "its settings",
    "policy": "the names of the policies",
    "policy/{name}": "a policy, by the old names of the fields",
    "policies/acl": "the names of the policies",
    "policies/acl/{name}": "a policy: write it, read it, remove it",
    "capabilities-self": "what the caller may do at some paths",
    "capabilities": "what a token may do",
    "capabilities-accessor": "the same, by its accessor",
    "audit": "the names of audit devices",
    "audit/{path:path}": "a name more or less: Strongroom's own audit has every request, with or without devices",
    "audit-hash/{path:path}": "a keyed hash of a text",
    "leases/lookup": "what a lease is",
    "leases/lookup/{prefix:path}": "the names beneath a path",
    "leases/renew": "have a lease live on",
    "leases/renew/{id:path}": "the same, with the lease in the path",
    "leases/revoke": "end a lease",
    "leases/revoke/{id:path}": "the same, with the lease in the path",
    "leases/revoke-prefix/{prefix:path}": "end all beneath a path",
    "leases/revoke-force/{prefix:path}": "strike them off, whatever becomes of what they were for",
    "renew": "an old name of `leases/renew`",
    "revoke": "an old name of `leases/revoke`",
    "key-status": "which of the registry's keys is in use",
    "rotate": "a new one",
    "tools/random": "random bytes",
    "tools/random/{bytes}": "the same, with their number in the path",
    "tools/hash": "a hash",
    "tools/hash/{algorithm}": "the same, with the function in the path",
    "wrapping/wrap": "put the body away, to be opened once",
    "wrapping/unwrap": "open it; the wrapping token is enough",
    "wrapping/lookup": "what a wrap is of; the wrapping token is enough",
    "wrapping/rewrap": "another wrapping token for it",
}

FILES = {
    "api/secrets_engines/test_kv_v2.py": 84,
    "api/secrets_engines/test_kv_v1.py": 12,
    "api/secrets_engines/test_transit.py": 47,
    "api/auth_methods/test_approle.py": 20,
    "v1/test_approle.py": 8,
    "api/auth_methods/test_token.py": 13,
    "api/system_backend/test_wrapping.py": 5,
    "api/system_backend/test_policies.py": 17,
    "api/system_backend/test_policy.py": 4,
    "api/system_backend/test_mount.py": 2,
    "api/system_backend/test_auth.py": 2,
    "api/system_backend/test_seal.py": 2,
    "api/system_backend/test_init.py": 2,
    "api/system_backend/test_audit.py": 3,
    "api/system_backend/test_health.py": 6,
    "v1/test_integration.py": 26,
    "v1/test_system_backend.py": 28,
}
"""hvac's files of tests that are run, and how many each holds."""

_ENTERPRISE = "skipped by hvac: policies of Vault Enterprise"
_STANDBY = "skipped by hvac without Consul: every server of Strongroom's is active, and none stands by"
_OTP = "hands in a one-time password of 28 characters, as long as Vault's tokens; Strongroom's tokens have 65"
NOT_PASSED = {
    **{
        f"api/system_backend/test_policies.py::test_{verb}_{kind}_policy": _ENTERPRISE
        for verb in ("create", "delete", "list", "read", "update")
        for kind in ("egp", "rgp")
    },
    **{
        f"api/system_backend/test_health.py::test_read_health_status_{which}_method": _STANDBY
        for which in (
            "1_unsealed_standby_node_HEAD",
            "2_unsealed_standby_node_GET",
            "3_sealed_standby_node_HEAD",
            "4_sealed_standby_node_GET",
        )
    },
    "api/system_backend/test_auth.py::test_auth_backend_manipulation": "mounts the method `github`",
    "v1/test_system_backend.py::test_auth_backend_manipulation": "mounts the method `github`",
    "v1/test_integration.py::test_auth_gcp_alternate_mount_point_with_no_client_token_exception": (
        "mounts the method `gcp`"
    ),
    "v1/test_integration.py::test_illegal_token": (
        "expects the words of an older `requests`, which refuses the token before any server is asked"
    ),
    "v1/test_system_backend.py::test_read_lease": "mounts the engine `pki`",
    "v1/test_system_backend.py::test_start_generate_root_then_cancel": _OTP,
    "v1/test_system_backend.py::test_start_generate_root_with_completion": _OTP,
}
"""Those of their tests that do not pass, and why."""

_ORDER = ("GET", "LIST", "POST", "PATCH", "DELETE")
_METHODS = {"read": "GET", "list": "LIST", "update": "POST", "create": "POST", "patch": "PATCH", "delete": "DELETE"}


def page() -> str:
    """The whole page. Raises KeyError for a route that nothing is said of here."""
    from strongroom_service.vault_api.sys.health import API_VERSION

    return "\n".join([HEAD.format(version=API_VERSION), *_routes(), *_tests()]) + "\n"


def _routes() -> Iterator[str]:
    from strongroom_service.vault_api import approle, token, userpass
    from strongroom_service.vault_api.kv import version2
    from strongroom_service.vault_api.sys.tables import sys_routes
    from strongroom_service.vault_api.transit.engine import PATHS

    kv2: dict[str, list[str]] = {}
    for word, operation in version2._HANDLERS:
        kv2.setdefault(word, []).append(operation)
    yield "## Routes\n\nPOST and PUT are the same, and so are LIST and GET with `?list=true`."
    yield from _table(
        "KV version 2, at `/v1/<mount>`",
        KV2,
        {word: kv2[word] for word in KV2},
        lambda word: word if word == "config" else f"{word}/<path>",
    )
    yield "\nKV version 1, at `/v1/<mount>/<path>`: GET, POST, DELETE and LIST. Blocks have GET of `data`, `subkeys`"
    yield "and `metadata`, and LIST of `metadata`."
    transit = {"/".join(path.shape): _flat(path.handlers) for path in PATHS}
    yield from _table("Transit, at `/v1/<mount>`", TRANSIT, transit)
    yield from _table("Tokens, at `/v1/auth/token`", TOKEN, token.PATHS)
    yield "\nRoles are at `roles` (LIST) and `roles/<name>` (GET, POST, DELETE)."
    roles = {path: _flat(handlers) for path, handlers in approle.PATHS.items()}
    yield from _table("AppRole, at `/v1/auth/<mount>/role/<name>`", APPROLE, roles, lambda path: path or "itself")
    yield "\nMachines log in at `/v1/auth/<mount>/login`, without a token."
    users = {path: _flat(handlers) for path, handlers in userpass.PATHS.items()}
    yield from _table("Userpass, at `/v1/auth/<mount>/users/<name>`", USERPASS, users, lambda path: path or "itself")
    yield "\nPeople log in at `/v1/auth/<mount>/login/<name>`, and those whom another service vouches for at"
    yield "`/v1/auth/<mount>/login` of a mount of `jwt` or `kubernetes`, without a token."
    system = {route.path: list(route.operations) for route in sys_routes()}
    yield from _table(
        "The system, at `/v1/sys`", SYS, system, lambda path: path.replace(":path", "").translate(_ANGLES)
    )


_ANGLES = str.maketrans("{}", "<>")


def _flat(handlers: Mapping[frozenset[str], object]) -> list[str]:
    return [operation for operations in handlers for operation in operations]


def _table(
    title: str, what: Mapping[str, str], routes: Mapping[str, Iterable[str]], shown: Callable[[str], str] = str
) -> Iterator[str]:
    if gone := set(what) - set(routes):
        raise KeyError(f"no such routes any more: {sorted(gone)}")
    yield f"\n### {title}\n"
    yield "| path | methods | what |\n|---|---|---|"
    for path, operations in routes.items():
        methods = sorted({_METHODS[operation] for operation in operations}, key=_ORDER.index)
        yield f"| `{shown(path)}` | {', '.join(methods)} | {what[path]} |".replace("`itself`", "itself")


def _tests() -> Iterator[str]:
    total = sum(FILES.values())
    yield "\n## What hvac's own tests say\n"
    yield "The integration tests of [hvac](https://hvac.readthedocs.io), as they are in its sdist, are run against a"
    yield "server that a program by the name of `vault` starts for them ([evidence](evidence.md)). Of the"
    yield f"{total} that are about what is served here, {total - len(NOT_PASSED)} pass:"
    yield "\n| file | tests | pass |\n|---|--:|--:|"
    for file, count in FILES.items():
        missed = sum(test.startswith(f"{file}::") for test in NOT_PASSED)
        yield f"| `{file}` | {count} | {count - missed} |"
    yield "\nThese do not:"
    yield "\n| test | why |\n|---|---|"
    for test, why in NOT_PASSED.items():
        yield f"| `{test}` | {why} |"


if __name__ == "__main__":
    PAGE.write_text(page())
