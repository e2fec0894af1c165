"""The schema, the models behind it and the example tell the same."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.config import json_schema, load

EXAMPLE = Path(__file__).parents[2] / "systemd" / "watchkeeper.example.toml"
SCHEMA = json_schema()
COMMENTED_KEY = re.compile(r"^# (?=\[|[a-z_]+ = )", re.MULTILINE)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while True:
        if "$ref" in schema:
            schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = next(kind for kind in schema["anyOf"] if kind.get("type") != "null")
        else:
            return schema


def _unknown(tree: dict[str, Any], schema: dict[str, Any], at: str = "") -> Iterator[str]:
    schema = _resolved(schema)
    for name, value in tree.items():
        inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
        if not isinstance(inner, dict):
            yield f"{at}{name}"
            continue
        for table in value if isinstance(value, list) else [value]:
            if isinstance(table, dict):
                element = _resolved(inner).get("items", inner) if isinstance(value, list) else inner
                yield from _unknown(table, element, f"{at}{name}.")


def _properties() -> Iterator[tuple[str, dict[str, Any]]]:
    for table, schema in SCHEMA["$defs"].items():
        for name, inner in schema["properties"].items():
            yield f"{table}.{name}", inner


def test_the_example_is_valid_as_it_stands() -> None:
    settings = load(EXAMPLE, {})
    assert [(spec.id, spec.profile) for spec in settings.asset_specs()] == [
        ("pump-1", "process"), ("pump-1-bearing", "waveform"),
    ]


def test_the_example_says_only_what_the_schema_knows() -> None:
    assert list(_unknown(tomllib.loads(EXAMPLE.read_text()), SCHEMA)) == []


def test_a_key_that_the_schema_does_not_know_would_be_found() -> None:
    tree = {"device": {"id": "a", "colour": "red"}, "assets": {"p": {"limits": [{"level": 1}]}}, "x": 1}
    assert list(_unknown(tree, SCHEMA)) == ["device.colour", "assets.p.limits.level", "x"]


def test_what_the_example_has_commented_out_is_known_too() -> None:
    tree = tomllib.loads(COMMENTED_KEY.sub("", EXAMPLE.read_text()))
    assert list(_unknown(tree, SCHEMA)) == []
    assert tree["uplink"]["url"].startswith("mqtts://")


def test_what_the_example_shows_as_defaults_are_the_defaults() -> None:
    text = COMMENTED_KEY.sub("", EXAMPLE.read_text())
    shown = "\n".join(line for line in text.splitlines() if "# e.g." not in line)
    tree = tomllib.loads(shown)
    for section in ("sensors", "journal", "summaries", "evidence", "alarms", "limits", "inbox", "log"):
        schema = _resolved(SCHEMA["properties"][section])["properties"]
        for key, value in tree[section].items():
            if schema[key].get("default") is not None:
                assert (section, key, value) == (section, key, schema[key]["default"])


def test_the_example_shows_every_key_of_the_device_and_its_brokers() -> None:
    tree = tomllib.loads(COMMENTED_KEY.sub("", EXAMPLE.read_text()))
    for section in ("device", "sensors", "journal", "summaries", "evidence", "alarms", "limits", "inbox", "log",
                    "replay"):
        assert set(tree[section]) == set(_resolved(SCHEMA["properties"][section])["properties"])
    asset = tree["assets"]["pump-1"]
    own_table = {"model"}  # shown at the bearing, which has spectra
    assert set(asset) | own_table == set(SCHEMA["$defs"]["AssetTable"]["properties"])


def test_every_key_has_a_description() -> None:
    without = [
        name for name, inner in _properties()
        if not inner.get("description") and "$ref" not in inner
        and not any("$ref" in kind for kind in inner.get("anyOf", ()))
    ]
    assert without == []


def test_every_table_refuses_what_it_does_not_know() -> None:
    lax = [name for name, table in SCHEMA["$defs"].items() if table["additionalProperties"] is not False]
    assert lax == []
    assert SCHEMA["additionalProperties"] is False
