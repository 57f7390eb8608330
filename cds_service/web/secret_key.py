"""The key that signs handles and access tokens: made at the first start, kept in a private file."""

import os
import secrets
from pathlib import Path

from cds_service.kernel.errors import SettingError

_BYTES = 32


def secret_key(path: Path | None) -> bytes:
    """The key in that file, which is made when it is not there; None: a new one that ends with the process.

    Several workers of one server share the file, so that what one signs the others accept. To make every
    link and token void, delete the file and start again. Raises SettingError when the file cannot be used.
    """
    if path is None:
        return secrets.token_bytes(_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path)
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise SettingError(str(path), f"the key cannot be kept there ({type(error).__name__}).") from None
    if len(key) < _BYTES:
        raise SettingError(str(path), "the key in this file is too short. Delete the file to have one made.")
    return key


def _make(path: Path) -> None:
    """Puts a new key in place unless there is one; the first of several workers wins."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_hex(_BYTES), encoding="ascii")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
