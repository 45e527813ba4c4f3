"""Keys of object stores: the one place where folders and paths are joined."""

from __future__ import annotations

from strongroom_blocks.errors import InvalidKey


def join_key(folder: str, path: str) -> str:
    """The key of ``path`` inside ``folder``.

    Slashes around the folder and before the path do not count; everything else stands as it was given. A store's folder
    is joined once, so a path that begins with the folder's name lies in a folder of that name inside it.

    :raises InvalidKey: the path has a ``..`` or ``.`` segment or a NUL character.
    """
    folder, path = _checked(folder).strip("/"), _checked(path).lstrip("/")
    return f"{folder}/{path}" if folder and path else folder or path


def relative_key(folder: str, key: str) -> str:
    """What :func:`join_key` made ``key`` of.

    :raises InvalidKey: the key does not lie in the folder.
    """
    prefix = folder_prefix(folder)
    if not key.startswith(prefix):
        raise InvalidKey(f'The key "{key}" does not lie in the folder "{folder}".', "Ask the store that lists it.")
    return key[len(prefix) :]


def listed_key(key: str) -> str:
    """A key of a listing, for who deletes what it lists: as it is, if a store's verbs mean the same object by it.

    :raises InvalidKey: they would mean another one, as of a key that begins with a slash, or none.
    """
    if join_key("", key) != key:
        raise InvalidKey(
            f"The object key {key!r} begins with a slash, so that it would be taken for another one.",
            "Delete or rename it with the store's own tools.",
        )
    return key


def folder_prefix(folder: str) -> str:
    """What every key inside a folder begins with: the folder and one slash, or nothing for the root."""
    bare = _checked(folder).strip("/")
    return f"{bare}/" if bare else ""


def base_name(path: str) -> str:
    """The last segment of a key: the file name that it is downloaded to.

    :raises InvalidKey: the key ends with a slash, so there is none.
    """
    name = _checked(path).rpartition("/")[2]
    if not name:
        raise InvalidKey(f'The key "{path}" names a folder, not an object.', "Name the object inside it.")
    return name


def _checked(path: str) -> str:
    if "\0" in path:
        raise InvalidKey(f"The path {path!r} has a NUL character.", "Take it out.")
    segments = path.split("/")
    if ".." in segments or "." in segments:
        raise InvalidKey(
            f'The path "{path}" has a "." or ".." segment.', "Name the object by its path inside the store."
        )
    return path
