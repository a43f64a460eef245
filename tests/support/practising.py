"""A host in practice mode for all tests of a file: nothing can cost money."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes import session


@contextmanager
def practising(place: Path) -> Iterator[Path]:
    """One host, one ledger and one practice service below `place`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("APIXO_WAN_PRACTICE", "1")
        patch.delenv("APIXO_API_KEY", raising=False)
        host.reset(place)
        yield place
        session.stop_service()
