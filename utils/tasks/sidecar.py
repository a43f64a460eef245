"""The note beside a result that says what it is: no media, no key, no signed link."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..ledger.rows import TaskRow
from ..media.probe import ClipInfo
from ..replacing import replacing

SCHEMA = 1


def describe_result(
    row: TaskRow, info: ClipInfo | None, *, file: Path, now: float
) -> dict[str, Any]:
    """What the sidecar says.

    Args:
        row: The task, succeeded.
        info: What its file holds; None where it is no sound clip.
        file: The file.
        now: When it was fetched, Unix seconds.
    """
    return {
        "schema": SCHEMA,
        "made_with": "Wan Animate (APIXO)",
        "practice": row.practice,
        "task_id": row.task_id,
        "origin": row.origin,
        "request": {
            "type": row.kind,
            "resolution": row.resolution,
            "prompt": row.prompt,
            "seed": row.seed,
            "provider": row.provider,
            "keep_sound": row.keep_sound,
        },
        "sources": {"character": row.character, "motion": row.motion, "motion_s": row.clip_s},
        "billable_seconds": 0 if row.practice else row.billable_s,
        "submitted": _moment(row.sending_at or row.submitted_at),
        "collected": _moment(now),
        "create_time_ms": row.create_ms,
        "complete_time_ms": row.complete_ms,
        "cost_time_ms": row.cost_ms,
        "result_urls": list(row.result_urls),
        "verified": info is not None,
        "file": {
            "name": file.name,
            "bytes": file.stat().st_size,
            **(_describe_clip(info) if info is not None else {}),
        },
    }


def _describe_clip(info: ClipInfo) -> dict[str, Any]:
    return {
        "width": info.size.width,
        "height": info.size.height,
        "frame_rate": str(info.frame_rate),
        "frames": info.frame_count,
        "seconds": round(info.duration_s, 3),
        "sound": info.has_sound,
    }


def write_whole(target: Path, content: dict[str, Any]) -> None:
    """Write JSON so that it appears whole or not at all."""
    with replacing(target) as part, part.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
