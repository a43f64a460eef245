"""The two halves of the main node: submit now, collect later, on another machine too."""

from __future__ import annotations

from typing import Any

from ..utils.errors import InputError, spelled
from . import _host as host
from ._host import io
from .inputs import build_request
from .outputs import FrameOptions, deliver
from .schema import (
    CATEGORY,
    WAN_TASK,
    character_inputs,
    decode_inputs,
    frame_rate_input,
    result_outputs,
    task_inputs,
    url_inputs,
)
from .session import service, settings_store
from .values import text_of
from .waiting import watch, watch_acceptance


class ApixoWanSubmit(io.ComfyNode):
    """Hand in a task and go on as soon as the service has accepted it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The node as the graph sees it."""
        return io.Schema(
            node_id="ApixoWanSubmit",
            display_name="Wan Animate Submit (APIXO)",
            category=CATEGORY,
            description="Submits a task and lets the queue go on as soon as it is accepted. The "
            "result is saved in the output folder automatically; “Wan Animate Collect” brings it "
            "into a graph.",
            search_aliases=["wan animate", "apixo"],
            inputs=[*character_inputs(), frame_rate_input(), *task_inputs(), *url_inputs()],
            outputs=[
                WAN_TASK.Output("task", display_name="task"),
                io.String.Output("task_id", display_name="task_id"),
            ],
            is_output_node=True,
        )

    @classmethod
    async def execute(cls, **inputs: Any) -> io.NodeOutput:
        """Run the request up to its acceptance."""
        limit_minutes = settings_store().load().wait_minutes
        task = service().start(build_request(**inputs))
        row = await watch_acceptance(task, limit_minutes=limit_minutes)
        text = f"accepted · task {row.task_id}"
        host.show_text(text, host.current_node_id())
        return io.NodeOutput(row.task_id, row.task_id, ui={"text": (text,)})


class ApixoWanCollect(io.ComfyNode):
    """Wait for a task, and fetch what it made."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The node as the graph sees it."""
        return io.Schema(
            node_id="ApixoWanCollect",
            display_name="Wan Animate Collect (APIXO)",
            category=CATEGORY,
            description="Waits for a task and outputs its frames, video and audio. A task id alone "
            "is enough, even from another machine.",
            search_aliases=["wan animate", "apixo"],
            inputs=[
                WAN_TASK.Input("task", optional=True, tooltip="From “Wan Animate Submit”."),
                io.String.Input(
                    "task_id", default="", tooltip="A task id, if no task is wired in."
                ),
                *decode_inputs(),
            ],
            outputs=result_outputs(),
            is_output_node=True,
        )

    @classmethod
    async def execute(
        cls, *, task_id: str, task: str | None = None, **frame_options: Any
    ) -> io.NodeOutput:
        """Wait for the task's file, and decode it."""
        wanted = FrameOptions(**frame_options)
        wanted.check()
        wired, typed = text_of(task, "task"), text_of(task_id, "task_id")
        if wired and typed and wired != typed:
            raise InputError(
                f"There are two tasks: {spelled(wired, most=60)} is wired in, and "
                f"{spelled(typed, most=60)} is typed in. Keep one of them."
            )
        if not wired and not typed:
            raise InputError(
                "There is no task. Wire a task in, or type in the id that APIXO's dashboard shows."
            )
        limit_minutes = settings_store().load().wait_minutes
        collected = await watch(service().collect(wired or typed), limit_minutes=limit_minutes)
        return await deliver(collected, wanted)
