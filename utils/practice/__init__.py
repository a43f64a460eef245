"""An offline stand-in for the remote service, over real HTTP on loopback.

It is chosen by setting and never by fallback; its task ids begin with `practice-`, and every
frame that it makes is marked.
"""

from __future__ import annotations

from .service import PracticeService

__all__ = ["PracticeService"]
