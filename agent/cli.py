"""The command ``watchkeeper``: each command takes its arguments and hands on at once.

Exit codes: 0, 2 usage, 70 a bug, 78 configuration or model.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import __version__
from agent.errors import (
    EXIT_BUG,
    EXIT_CONFIG,
    EXIT_OK,
    AgentError,
    ConfigError,
    ModelError,
    Problem,
)

if TYPE_CHECKING:
    from agent.config.settings import Connection, Settings
    from agent.monitoring.spec import AssetSpec

_DEFAULT_CONFIG = Path("/etc/watchkeeper/watchkeeper.toml")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.command(arguments)
        sys.stdout.flush()
    except ConfigError as wrong:
        _say(wrong.problems)
        return EXIT_CONFIG
    except AgentError as wrong:
        print(f"watchkeeper: {wrong}", file=sys.stderr)
        return EXIT_CONFIG if isinstance(wrong, ModelError) else EXIT_BUG
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="watchkeeper",
        description="Watches machines over MQTT: learns what is normal, notices what is not, keeps the log.",
    )
    parser.add_argument("--version", action="version", version=f"watchkeeper {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="watch, in the foreground, until SIGTERM")
    run.set_defaults(command=_run)
    _add_config(run)

    check = commands.add_parser("check", help="say everything that is wrong with the configuration")
    check.set_defaults(command=_check)
    _add_config(check)
    _add_json(check)

    schema = commands.add_parser("schema", help="print the JSON Schema of the configuration")
    schema.set_defaults(command=_schema)

    replay = commands.add_parser("replay", help="push recorded data through the same chain")
    replay.set_defaults(command=_replay)
    _add_config(replay)
    replay.add_argument("--input", type=Path, required=True, metavar="DATA",
                        help="a .csv, .csv.gz, .npz or .npy file; see [replay] in the configuration")
    replay.add_argument("--output", type=Path, required=True, metavar="OUT.jsonl",
                        help="one JSON line a window")
    replay.add_argument("--speed", type=_speed, metavar="N",
                        help="N times as fast as recorded; left out: as fast as possible")

    status = commands.add_parser("status", help="what the journal knows of each machine")
    status.set_defaults(command=_status)
    _add_journal(status)

    alarms = commands.add_parser("alarms", help="the newest alarms in the journal")
    alarms.set_defaults(command=_alarms)
    _add_journal(alarms)
    alarms.add_argument("--limit", type=_count, default=20, metavar="N", help="at most so many (20)")
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=_DEFAULT_CONFIG, metavar="FILE",
                        help=f"the configuration ({_DEFAULT_CONFIG}); conf.d/*.toml beside it is read, too")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def _add_journal(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument("--journal", type=Path, metavar="FILE",
                        help="a journal, instead of the configured one")
    _add_json(parser)


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError("must be greater than 0")
    return speed


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return count


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
