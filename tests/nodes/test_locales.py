"""The English words of the nodes are those of their schemas, and no language misses one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from apixo_wan_animate.nodes.extension import NODES

PACK = Path(__file__).resolve().parents[2]


def words_of_the_schemas() -> dict[str, object]:
    """What `locales/en/nodeDefs.json` has to say."""
    words: dict[str, object] = {}
    for node in NODES:
        schema = node.define_schema()
        found: dict[str, object] = {
            "display_name": schema.display_name,
            "description": schema.description,
        }
        inputs = {i.id: {"name": i.id, "tooltip": i.tooltip} for i in schema.inputs}
        if inputs:
            found["inputs"] = inputs
        found["outputs"] = {str(n): {"name": o.display_name} for n, o in enumerate(schema.outputs)}
        words[schema.node_id] = found
    return words


def read(language: str) -> dict[str, object]:
    return json.loads((PACK / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))


def test_the_english_words_are_those_of_the_schemas():
    assert read("en") == words_of_the_schemas()


@pytest.mark.parametrize("language", ["ja", "zh"])
def test_every_input_and_output_is_translated(language):
    def shape(words: object) -> object:
        return {k: shape(v) for k, v in words.items()} if isinstance(words, dict) else None

    assert shape(read(language)) == shape(words_of_the_schemas())


@pytest.mark.parametrize("language", ["en", "ja", "zh"])
def test_the_tables_of_the_help_pages_list_what_the_node_has(language):
    for node in NODES:
        schema = node.define_schema()
        page = f"{schema.node_id}.md" if language == "en" else f"{schema.node_id}/{language}.md"
        text = (PACK / "web" / "docs" / page).read_text(encoding="utf-8")
        listed = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
        assert listed == [i.id for i in schema.inputs] + [o.display_name for o in schema.outputs]
        assert len(re.findall(r"^\d\. \S", text, re.MULTILINE)) == 3
        assert f"images/{schema.node_id}.jpg" in text


def test_every_node_has_a_help_page_in_every_language():
    for node in NODES:
        name = node.define_schema().node_id
        pages = [f"{name}.md", f"{name}/zh.md", f"{name}/ja.md"]
        missing = [page for page in pages if not (PACK / "web" / "docs" / page).is_file()]
        assert not missing
