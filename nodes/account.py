"""What a request would cost, and what is left to spend."""

from __future__ import annotations

import time
from typing import Any

from . import _host as host
from ._host import io
from .inputs import build_request
from .schema import CATEGORY, character_inputs, frame_rate_input, task_inputs, url_inputs
from .session import service
from .waiting import in_thread
from .workers import QUESTIONS


class ApixoWanEstimate(io.ComfyNode):
    """Every check of a request and its billable seconds, spending nothing."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The node as the graph sees it."""
        return io.Schema(
            node_id="ApixoWanEstimate",
            display_name="Wan Animate Estimate (APIXO)",
            category=CATEGORY,
            description="Runs every check of “Wan Animate” and says how many seconds would be "
            "billed. Uploads nothing, submits nothing, spends nothing.",
            search_aliases=["wan animate", "apixo", "price", "cost"],
            inputs=[*character_inputs(), frame_rate_input(), *task_inputs(), *url_inputs()],
            outputs=[
                io.Int.Output("billable_seconds", display_name="billable_seconds"),
                io.Float.Output("cost", display_name="cost"),
                io.String.Output("report", display_name="report"),
            ],
            is_output_node=True,
        )

    @classmethod
    async def execute(cls, **inputs: Any) -> io.NodeOutput:
        """Look at the request, and say what was seen."""
        request = build_request(**inputs)
        found = await in_thread(
            lambda stop, _: service().estimate(request, stop=stop),
            phase="checking",
            workers=QUESTIONS,
        )
        lines = list(found.lines)
        if found.dollars is not None:
            lines.append(f"at your price: ${found.dollars:.2f}")
        report = "\n".join(lines)
        host.show_text(report, host.current_node_id())
        seconds = -1 if found.billable_s is None else found.billable_s
        cost = -1.0 if found.dollars is None else float(found.dollars)
        return io.NodeOutput(seconds, cost, report, ui={"text": (report,)})


class ApixoBalance(io.ComfyNode):
    """Dollars left at APIXO."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The node as the graph sees it."""
        return io.Schema(
            node_id="ApixoBalance",
            display_name="APIXO Balance",
            category=CATEGORY,
            description="Asks APIXO how many dollars are left; this also shows that the key works.",
            search_aliases=["apixo", "credit", "account"],
            inputs=[],
            outputs=[io.Float.Output("dollars", display_name="dollars")],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls) -> float:
        """Asked anew at each run."""
        return time.time()

    @classmethod
    async def execute(cls) -> io.NodeOutput:
        """Ask the service."""
        dollars = await in_thread(
            lambda _, __: service().balance(), phase="asking", workers=QUESTIONS
        )
        text = f"${dollars:.2f} left"
        host.show_text(text, host.current_node_id())
        return io.NodeOutput(float(dollars), ui={"text": (text,)})
