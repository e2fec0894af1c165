"""The daemon's own log: a chain of plain callables, JSON for journald and a console for people.

Events go to standard error as ``_log.warning("sensor broker lost", reason=...)``: a fixed text
that can be searched for, and what varies as fields. Import structlog through this module.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Final, TextIO

import orjson

from agent.config.settings import Log


@contextmanager
def _without(module: str) -> Iterator[None]:
    """Let an optional import of ``module`` fail: None in sys.modules means that it does not exist."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # documented: see the import system
    try:
        yield
    finally:
        del sys.modules[module]


# structlog takes rich when it is installed (the demo needs it), which costs a daemon 3 MB.
with _without("rich"):
    import structlog

_LEVELS: Final = {
    "debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR,
}
SHIPPED: Final = Log(level="info", format="auto")
_PRIORITIES: Final = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
_MASK: Final = "***"
_SECRET_KEY: Final = re.compile(r"pass(word|wd|phrase)?$|secret|token|private|api_?key", re.IGNORECASE)
_USER_IN_URL: Final = re.compile(r"(\w+://)[^/\s@]*@")
_MINUTE: Final = 60.0

Event = MutableMapping[str, Any]


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that says in each event which module speaks."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


def configure(
    told: Log = SHIPPED,
    *,
    stream: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Set up the log; may be called again when the configuration changes.

    The format auto is console on a terminal and JSON elsewhere. ``stream`` None is standard
    error. What journald reads gets its priority in front (sd-daemon(3)).
    """
    stream = stream or sys.stderr
    environ = os.environ if environ is None else environ
    people = told.format == "console" or (told.format == "auto" and stream.isatty())
    render: structlog.typing.Processor = _json
    if people:
        render = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    elif _is_journald(stream, environ):
        render = _prioritised_json
    chain: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        RateLimit(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # before the mask, which looks at tracebacks, too
        mask_secrets,
        render,
    ]
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[told.level]),
        logger_factory=structlog.WriteLoggerFactory(file=_Forgiving(stream)),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,  # a reload may change the level
    )


def report_bug() -> None:
    """Log the exception being handled, which nobody foresaw; a log that is not set up yet is, first."""
    if not structlog.is_configured():
        configure()
    get_logger("agent").critical("bug", exc_info=True)


class RateLimit:
    """Let an event through ``burst`` times a minute for each asset; then count, and say how many.

    A storm of one kind must neither fill the disk nor hide the other kinds. Critical events pass.
    """

    def __init__(
        self, burst: int = 20, clock: Callable[[], float] = time.monotonic, kinds: int = 1000
    ) -> None:
        self._burst = burst
        self._clock = clock
        self._kinds = kinds
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def __call__(self, _logger: object, method: str, event: Event) -> Event:
        """Pass the event on, or raise DropEvent."""
        if method == "critical":
            return event
        kind = (str(event.get("event")), str(event.get("asset")))
        now = self._clock()
        since, count = self._seen.get(kind, (now, 0))
        if now - since >= _MINUTE:
            if count > self._burst:
                event["suppressed"] = count - self._burst
            since, count = now, 0
            self._seen.pop(kind, None)
        self._seen[kind] = (since, count + 1)
        if len(self._seen) > self._kinds:
            del self._seen[next(iter(self._seen))]
        if count >= self._burst:
            raise structlog.DropEvent
        return event


def mask_secrets(_logger: object, _method: str, event: Event) -> Event:
    """Last line of defence: nothing that is called a secret, and no user in a URL, gets through."""
    for key, value in event.items():
        event[key] = _masked(key, value)
    return event


def _masked(key: str, value: Any) -> Any:
    if value is not None and _SECRET_KEY.search(key):
        return _MASK
    if isinstance(value, str):
        return _USER_IN_URL.sub(rf"\1{_MASK}@", value)
    if isinstance(value, Mapping):
        return {inner: _masked(str(inner), held) for inner, held in value.items()}
    if isinstance(value, list | tuple):
        return [_masked("", held) for held in value]
    return value


def _json(_logger: object, _method: str, event: Event) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _prioritised_json(logger: object, method: str, event: Event) -> str:
    """Render with ``<N>`` in front, which journald takes for the priority."""
    return f"<{_PRIORITIES.get(method, _PRIORITIES['info'])}>{_json(logger, method, event)}"


class _Forgiving:
    """A stream whose reader may go away: a log that cannot be written must not end the daemon."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except (OSError, ValueError):  # gone, or closed
            return

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


def _is_journald(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether ``JOURNAL_STREAM`` (systemd.exec(5)) names what the stream is connected to."""
    try:
        found = os.fstat(stream.fileno())
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
