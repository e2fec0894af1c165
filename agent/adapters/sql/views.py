"""Views over the records, with numbers and words as columns: for people, Grafana and spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VIEWS: Final = ("summaries", "windows", "alarms", "alarms_now")

_PLACE: Final = "site, device, asset"
_WORDS: Final = ("alarm", "concerns", "transition", "before", "state", "cause", "severity", "condition", "since",
                 "until", "actor", "reason")
_TRUTHS: Final = ("standing", "announced")


def statements(dialect: str) -> list[str]:
    """The SQL that makes all views of a dialect, ``sqlite`` or ``postgresql``, anew."""
    selects = {"summaries": _summaries(dialect), "windows": _windows(dialect), "alarms": _alarms(dialect),
               "alarms_now": _alarms_now()}
    gone = [f"DROP VIEW IF EXISTS {name}" for name in reversed(VIEWS)]
    return gone + [f"CREATE VIEW {name} AS {selects[name]}" for name in VIEWS]


def _text(dialect: str, path: str) -> str:
    if dialect == "postgresql":
        return f"payload #>> '{{{path.replace('.', ',')}}}'"
    return f"json_extract(payload, '$.{path}')"


def _number(dialect: str, path: str) -> str:
    if dialect == "postgresql":
        return f"(payload #>> '{{{path.replace('.', ',')}}}')::double precision"
    return f"json_extract(payload, '$.{path}')"


def _truth(dialect: str, path: str) -> str:
    if dialect == "postgresql":
        return f"(payload #>> '{{{path.replace('.', ',')}}}')::boolean"
    return f"json_extract(payload, '$.{path}')"


def _columns(expressions: Mapping[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in expressions.items())


def _select(columns: str, condition: str) -> str:
    return f"SELECT {columns}, boot, seq FROM records WHERE {condition}"  # noqa: S608 -- names of ours, all of it


def _summaries(dialect: str) -> str:
    numbers = {
        "windows": "windows", "alarm_windows": "alarm_windows",
        "score_count": "score.count", "score_min": "score.min", "score_mean": "score.mean", "score_p95": "score.p95",
        "score_max": "score.max", "health_min": "health.min", "health_mean": "health.mean",
        "health_last": "health.last",
    }
    columns = _columns({
        **{name: _number(dialect, path) for name, path in numbers.items()},
        **{name: _document(dialect, name) for name in ("features", "states", "quality")},
    })
    return _select(f"{_PLACE}, channel, begins, ends, at, historical, thinned, {columns}", "kind = 'summary'")


def _document(dialect: str, name: str) -> str:
    return f"payload -> '{name}'" if dialect == "postgresql" else f"json_extract(payload, '$.{name}')"


def _windows(dialect: str) -> str:
    columns = _columns({
        "channel": _text(dialect, "channel"), "state": _text(dialect, "state"),
        **{name: _number(dialect, name) for name in ("score", "threshold", "health")},
        "alarm": _truth(dialect, "alarm"), "features": _document(dialect, "features"),
    })
    return _select(f"{_PLACE}, at, historical, {columns}", "kind = 'window'")


def _alarms(dialect: str) -> str:
    columns = _columns({
        **{name: _text(dialect, name) for name in _WORDS},
        **{name: _truth(dialect, name) for name in _TRUTHS},
        "advice": _document(dialect, "advice"),
    })
    unannounced = f"kind = 'event' AND {_text(dialect, 'event')} = 'alarm'"
    return _select(f"{_PLACE}, at, historical, {columns}", f"kind = 'alarm' OR ({unannounced})")


def _alarms_now() -> str:
    """The last transition of each alarm, where it did not lead to the normal state."""
    columns = ", ".join((_PLACE, "at", *_WORDS, *_TRUTHS, "advice", "boot", "seq"))
    nth = f"row_number() OVER (PARTITION BY {_PLACE}, alarm ORDER BY boot DESC, seq DESC) AS nth"
    return (f"SELECT {columns} FROM (SELECT alarms.*, {nth} FROM alarms) AS newest "  # noqa: S608 -- names of ours
            "WHERE nth = 1 AND state <> 'normal'")
