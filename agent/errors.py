"""What can go wrong, by whose fault it is and what is done about it.

::

    AgentError
    |-- ConfigError        the configuration is wrong         exit 78, no restart
    |-- ModelError         a model is not what its card says  exit 78, no restart
    |-- MalformedMessage   a sender's payload is wrong        dead-lettered, acknowledged, counted
    |-- Unavailable        a peer is away for now             back off with full jitter, try again; a command: exit 69
    |-- Rejected           a peer refused for good            settled as dead; a command: exit 1
    |-- CommandError       a command cannot be done           answered with the reason; a command: exit 1
    |-- JournalFull        no room even after eviction        go on from memory, say so
    `-- JournalCorrupt     the file is damaged                set aside, begin a new one

Everything else is a bug: the supervisor logs it and the process exits 70.
Adapters translate foreign exceptions at their edge, so that the rest of the
agent meets only these.
"""

from __future__ import annotations

from dataclasses import dataclass

EXIT_OK = 0
EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNAVAILABLE = 69
EXIT_BUG = 70
EXIT_CONFIG = 78


class AgentError(Exception):
    """The root: every error that the agent foresees."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in the configuration, and what to do about it.

    ``file`` is the path (or ``environment``), ``key`` the dotted key, ``value`` what
    stands there as text (secrets masked), ``message`` what is wrong, ``remedy`` what
    would be right.
    """

    file: str
    key: str
    value: str
    message: str
    remedy: str

    def __str__(self) -> str:
        shown = f" = {self.value}" if self.value else ""
        return f"{self.file}: {self.key}{shown}: {self.message}. {self.remedy}"


class ConfigError(AgentError):
    """The configuration cannot be used; carries every problem found, not the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        return (type(self), (self.problems,))


class ModelError(AgentError):
    """A model bundle does not hold what its card promises."""


class MalformedMessage(AgentError):
    """A payload that no decoder can make sense of; the text says where and why."""


class Unavailable(AgentError):
    """A peer cannot be reached or is busy; ``retry_after`` seconds if it said so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Rejected(AgentError):
    """A peer refused and would refuse again: do not retry."""


class CommandError(AgentError):
    """A command cannot be done; the text says why and what could be."""


class JournalFull(AgentError):
    """The journal has no room left even after evicting what may be evicted."""


class JournalCorrupt(AgentError):
    """The journal file is damaged; ``path`` names it."""

    def __init__(self, message: str, path: str) -> None:
        self.path = path
        super().__init__(message)
