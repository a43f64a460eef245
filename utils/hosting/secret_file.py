"""A secret of this installation's own, made once."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ..errors import SettingsError
from ..settings import make_private

SECRET_BYTES = 32


def own_secret(path: Path) -> bytes:
    """The secret that lies at `path`; made at the first call, the same ever after.

    Several processes may make it at once: one wins, and all get what it wrote.

    Raises:
        SettingsError: It cannot be read or written, or is damaged.
    """
    try:
        if not path.exists():
            _make(path)
        content = path.read_bytes()
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise SettingsError(
            f"The secret {path.name} in ComfyUI's user folder cannot be kept ({error.strerror}). "
            "Check the permissions of that folder and the free space on its disk."
        ) from error
    if len(content) != SECRET_BYTES:
        raise SettingsError(
            f"The secret {path.name} in ComfyUI's user folder is damaged: it has {len(content)} "
            f"bytes, not {SECRET_BYTES}. Delete it; links made with it then stop working."
        )
    return content


def _make(path: Path) -> None:
    make_private(path.parent)
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        _give_name(part, path)
    finally:
        part.unlink(missing_ok=True)


def _give_name(part: Path, path: Path) -> None:
    """Name the whole file `path` unless somebody was faster; never replace one."""
    try:
        if os.name == "nt":
            part.rename(path)  # refuses an existing name there; elsewhere it would replace it
        else:
            path.hardlink_to(part)
    except FileExistsError:
        return
    except OSError:  # a disk without hard links: a short moment in which two could differ
        if not path.exists():
            part.replace(path)
