"""The command ``watchkeeper``: each command takes its arguments and hands on at once.

Exit codes: 0 done, 1 refused, 2 usage, 69 nobody answers, 70 a bug, 78 configuration or model.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent.arguments import parser
from agent.errors import (
    EXIT_BUG,
    EXIT_CONFIG,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    AgentError,
    CommandError,
    ConfigError,
    ModelError,
    Problem,
    Rejected,
    Unavailable,
)

if TYPE_CHECKING:
    from agent.config.settings import Connection, Settings
    from agent.monitoring.spec import AssetSpec

_CODES: Final[Mapping[type[AgentError], int]] = {
    ModelError: EXIT_CONFIG, CommandError: EXIT_REFUSED, Rejected: EXIT_REFUSED, Unavailable: EXIT_UNAVAILABLE,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    arguments = parser().parse_args(argv)
    try:
        code = _COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
    except ConfigError as wrong:
        _say(wrong.problems)
        return EXIT_CONFIG
    except AgentError as wrong:
        print(f"watchkeeper: {wrong}", file=sys.stderr)
        return next((code for kind, code in _CODES.items() if isinstance(wrong, kind)), EXIT_BUG)
    except BrokenPipeError:
        # whoever read the output has seen enough; the interpreter's own flush must not complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as a shell says it
    except Exception:  # noqa: BLE001 -- the outermost edge: everything else is a bug
        from agent import log

        log.report_bug()
        return EXIT_BUG
    return code


def _run(arguments: argparse.Namespace) -> int:
    # One busy thread is the design; a pool in the linear algebra would only compete with it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from agent.app import run

    return run(arguments.config)


def _replay(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from agent.replay import replay

    return replay(arguments.config, arguments.input, arguments.output, arguments.speed)


def _check(arguments: argparse.Namespace) -> int:
    from agent.config import load

    try:
        settings = load(arguments.config)
    except ConfigError as wrong:
        if not arguments.json:
            raise
        _print_json({"valid": False, "problems": wrong.problems})
        return EXIT_CONFIG
    if arguments.json:
        _print_json({
            "valid": True,
            "problems": (),
            "device": settings.device.topic,
            "assets": [
                {"id": spec.id, "profile": spec.profile, "topics": _topics(spec)}
                for spec in settings.asset_specs()
            ],
        })
    else:
        _print_summary(arguments.config, settings)
    return EXIT_OK


def _schema(_arguments: argparse.Namespace) -> int:
    from agent.config import json_schema

    _print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **json_schema()})
    return EXIT_OK


def _status(arguments: argparse.Namespace) -> int:
    from agent.adapters.sqlite.reading import read_status

    status = read_status(_journal(arguments))
    if arguments.json:
        _print_json(status)
    else:
        print(status)
    return EXIT_OK


def _alarms(arguments: argparse.Namespace) -> int:
    from agent.adapters.sqlite.reading import read_alarms

    alarms = read_alarms(_journal(arguments), arguments.limit)
    if arguments.json:
        _print_json(alarms)
    else:
        for alarm in alarms:
            print(alarm)
    return EXIT_OK


def _evidence(arguments: argparse.Namespace) -> int:
    from agent.adapters.sqlite.reading import read_evidence
    from agent.evidence import describe, write

    for body in read_evidence(_journal(arguments), arguments.asset, arguments.limit):
        print(describe(body) if arguments.output is None else write(body, arguments.output))
    return EXIT_OK


def _order(arguments: argparse.Namespace) -> int:
    from agent.console import login_name, order
    from agent.monitoring.types import Command

    command = Command(
        name=arguments.name if arguments.command == "service" else arguments.command,
        asset=arguments.asset,
        actor=arguments.actor or login_name(),
        alarm=arguments.alarm,
        seconds=getattr(arguments, "seconds", None),
        reason=arguments.reason,
    )
    return order(arguments.config, command, as_json=arguments.json)


def _baseline(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from agent import baseline
    from agent.console import login_name

    if arguments.action == "import":
        print(baseline.take(arguments.config, arguments.file, arguments.asset, arguments.actor or login_name()))
        return EXIT_OK
    kept = baseline.read(arguments.config, _journal(arguments), arguments.asset)
    if arguments.action == "export":
        baseline.export(kept, arguments.output)
        print(f"{arguments.output}: {kept}")
    elif arguments.json:
        _print_json({key: value for key, value in kept.document().items() if key != "state"})
    else:
        print(kept)
    return EXIT_OK


def _collect(arguments: argparse.Namespace) -> int:
    from agent.collect import Options, collect

    return collect(Options(
        broker=arguments.broker,
        to=arguments.to,
        prefix=arguments.prefix,
        group=arguments.group,
        name=arguments.name,
        username=arguments.username,
        password_file=arguments.password_file,
        ca_file=arguments.ca_file,
        cert_file=arguments.cert_file,
        key_file=arguments.key_file,
        session_expiry=round(arguments.session_expiry),
    ))


def _journal(arguments: argparse.Namespace) -> Path:
    """The journal asked for, or the configured one."""
    from agent.config import load

    path: Path = arguments.journal or load(arguments.config).journal.path
    return path


def _topics(spec: AssetSpec) -> dict[str, list[str]]:
    """Which channels each topic filter of the asset brings."""
    topics: dict[str, list[str]] = {}
    for channel in spec.channels:
        topics.setdefault(channel.topic, []).append(channel.name)
    return topics


def _print_summary(path: Path, settings: Settings) -> None:
    print(f"{path} is valid.")
    print(f"  device   {settings.device.topic}")
    print(f"  sensors  {_address(settings.sensors)}")
    print(f"  uplink   {_address(settings.uplink) if settings.uplink else 'none'}")
    print(f"  journal  {settings.journal.path}")
    for spec in settings.asset_specs():
        print(f"  asset    {spec.id} ({spec.profile})")
        for topic, channels in _topics(spec).items():
            print(f"             {topic}: {', '.join(channels)}")


def _address(connection: Connection) -> str:
    scheme = "mqtts" if connection.tls else "mqtt"
    return f"{scheme}://{connection.host}:{connection.port} as {connection.client_id}"


def _say(problems: Sequence[Problem]) -> None:
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}.", file=sys.stderr)


def _print_json(value: Any) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode() + "\n")


_COMMANDS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "run": _run, "check": _check, "schema": _schema, "replay": _replay, "status": _status, "alarms": _alarms,
    "evidence": _evidence,
    **dict.fromkeys(("ack", "shelve", "unshelve", "service", "recommission", "revert"), _order), "baseline": _baseline,
    "collect": _collect,
}
