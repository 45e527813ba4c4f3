"""Where the outermost key lies: providers by URI scheme."""

from strongroom_registry.keys.env import EnvKey
from strongroom_registry.keys.file import FileKey, default_key_path, generate_key_file
from strongroom_registry.keys.passphrase import PassphraseKey
from strongroom_registry.keys.provider import AsksSomebody, GeneratesKey, KeyProvider, RenewsKey
from strongroom_registry.keys.resolve import resolve

__all__ = [
    "AsksSomebody",
    "EnvKey",
    "FileKey",
    "GeneratesKey",
    "KeyProvider",
    "PassphraseKey",
    "RenewsKey",
    "default_key_path",
    "generate_key_file",
    "resolve",
]
