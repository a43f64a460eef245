"""The main node: a picture and a clip go in, frames, video and sound come out."""

from __future__ import annotations

from typing import Any

from ._host import io
from .inputs import build_request
from .outputs import FrameOptions, deliver
from .schema import (
    CATEGORY,
    character_inputs,
    decode_inputs,
    frame_rate_input,
    result_outputs,
    task_inputs,
    url_inputs,
)
from .session import service, settings_store
from .waiting import watch


class ApixoWanAnimate(io.ComfyNode):
    """Put a character into footage, or make it move like the footage."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The node as the graph sees it."""
        return io.Schema(
            node_id="ApixoWanAnimate",
            display_name="Wan Animate (APIXO)",
            category=CATEGORY,
            description="Puts the character into the clip (replace), or makes it move like the "
            "person in the clip (animate), with APIXO's hosted Wan 2.2 Animate. The same request "
            "is never paid for twice; a result is never lost.",
            search_aliases=["wan animate", "apixo", "character replace", "motion transfer"],
            inputs=[
                *character_inputs(),
                frame_rate_input(),
                *task_inputs(),
                *decode_inputs(),
                *url_inputs(),
            ],
            outputs=result_outputs(),
            is_output_node=True,
        )

    @classmethod
    async def execute(
        cls,
        *,
        decode_frames: bool,
        first_frame: int,
        frame_count: int,
        every_nth: int,
        longest_side: int,
        **inputs: Any,
    ) -> io.NodeOutput:
        """Run the request to its file, and decode it."""
        wanted = FrameOptions(
            decode_frames=decode_frames,
            first_frame=first_frame,
            frame_count=frame_count,
            every_nth=every_nth,
            longest_side=longest_side,
        )
        wanted.check()
        limit_minutes = settings_store().load().wait_minutes
        outcome = await watch(service().start(build_request(**inputs)), limit_minutes=limit_minutes)
        return await deliver(outcome, wanted)
