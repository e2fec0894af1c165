"""The command line: which commands there are and what may stand behind them."""

from __future__ import annotations

import argparse
import re
import socket
from pathlib import Path
from typing import Final

from agent import __version__

DEFAULT_CONFIG: Final = Path("/etc/watchkeeper/watchkeeper.toml")

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parser() -> argparse.ArgumentParser:
    """The parser; ``command`` (and ``action``, where there is one) say what was asked for."""
    made = argparse.ArgumentParser(
        prog="watchkeeper",
        description="Watches machines over MQTT: learns what is normal, notices what is not, keeps the log.",
    )
    made.add_argument("--version", action="version", version=f"watchkeeper {__version__}")
    commands = made.add_subparsers(required=True, metavar="COMMAND", dest="command")

    run = commands.add_parser("run", help="watch, in the foreground, until SIGTERM")
    _add_config(run)

    check = commands.add_parser("check", help="say everything that is wrong with the configuration")
    _add_config(check)
    _add_json(check)

    commands.add_parser("schema", help="print the JSON Schema of the configuration")

    replay = commands.add_parser("replay", help="push recorded data through the same chain")
    _add_config(replay)
    replay.add_argument("--input", type=Path, required=True, metavar="DATA",
                        help="a .csv, .csv.gz, .npz or .npy file; see [replay] in the configuration")
    replay.add_argument("--output", type=Path, required=True, metavar="OUT.jsonl",
                        help="one JSON line a window")
    replay.add_argument("--speed", type=_speed, metavar="N",
                        help="N times as fast as recorded; left out: as fast as possible")

    status = commands.add_parser("status", help="what the journal knows of each machine")
    _add_journal(status)
    _add_json(status)

    alarms = commands.add_parser("alarms", help="the newest alarms in the journal")
    _add_journal(alarms)
    _add_json(alarms)
    alarms.add_argument("--limit", type=_count, default=20, metavar="N", help="at most so many (20)")

    evidence = commands.add_parser("evidence", help="the raw samples that raised alarms, as files for numpy and pandas")
    evidence.add_argument("asset", metavar="ASSET", nargs="?", help="the asset's id; left out: all of them")
    evidence.add_argument("--output", type=Path, metavar="DIR",
                          help="write them into this folder: telemetry as .csv, waveforms as .npz")
    evidence.add_argument("--limit", type=_count, default=20, metavar="N", help="the newest N at most (20)")
    _add_journal(evidence)

    _add_collect(commands.add_parser("collect", help="keep what a fleet of devices sends, in a database"))
    _add_orders(commands)
    _add_baseline(commands.add_parser("baseline", help="what was learned of a machine, as a file"))
    return made


_Commands = argparse._SubParsersAction  # noqa: SLF001 -- argparse has no public name for what it gives


def _add_orders(commands: _Commands[argparse.ArgumentParser]) -> None:
    """The commands to a running daemon."""
    ack = commands.add_parser("ack", help="acknowledge an asset's alarms: somebody has seen them")
    _add_order(ack)

    shelve = commands.add_parser("shelve", help="let an asset's alarms be silent for a while")
    _add_order(shelve)
    shelve.add_argument("--for", type=duration, dest="seconds", required=True, metavar="TIME",
                        help="for how long: 90s, 15m, 2h, 3d")

    unshelve = commands.add_parser("unshelve", help="end the shelving now")
    _add_order(unshelve)

    service = commands.add_parser("service", help="take an asset's alarms out of service, or put them back")
    _add_order(service)
    where = service.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", action="store_const", const="out-of-service", dest="name",
                       help="out of service, until they are put back")
    where.add_argument("--in", action="store_const", const="in-service", dest="name", help="back in service")

    recommission = commands.add_parser("recommission", help="learn anew what is normal for an asset")
    _add_order(recommission)

    revert = commands.add_parser("revert", help="undo what an asset's normal has followed since it was learned")
    _add_order(revert)


def _add_order(order: argparse.ArgumentParser) -> None:
    order.add_argument("asset", metavar="ASSET", help="the asset's id")
    order.add_argument("--alarm", metavar="NAME", help="one of its alarms; left out: all of them")
    order.add_argument("--reason", default="", metavar="TEXT", help="why; kept in the journal")
    order.add_argument("--actor", metavar="NAME", help="who asks; left out: your login name")
    _add_config(order)
    _add_json(order)


def _add_collect(collect: argparse.ArgumentParser) -> None:
    collect.add_argument("--broker", required=True, metavar="URL",
                         help="the broker upstream of the devices: mqtt://host:port, or mqtts:// for TLS")
    collect.add_argument("--to", default="sqlite:///fleet.db", metavar="URL",
                         help="the database: sqlite:///file or postgresql://user@host/name (%(default)s)")
    collect.add_argument("--prefix", default="watchkeeper", help="what the devices' topics begin with (%(default)s)")
    collect.add_argument("--group", default="collectors",
                         help="collectors of one group share the work: each record comes to one of them (%(default)s)")
    collect.add_argument("--name", default=socket.gethostname() or "1", metavar="NAME",
                         help="tells this collector from the others of its broker; left out: the host's name")
    collect.add_argument("--username", metavar="NAME", help="user name at the broker")
    collect.add_argument("--password-file", type=Path, metavar="FILE", help="holds the password and nothing else")
    collect.add_argument("--ca-file", type=Path, metavar="FILE", help="authorities to trust; left out: the system's")
    collect.add_argument("--cert-file", type=Path, metavar="FILE", help="this collector's certificate")
    collect.add_argument("--key-file", type=Path, metavar="FILE", help="the key of its certificate")
    collect.add_argument("--session-expiry", type=duration, default=60, metavar="TIME",
                         help="how long the broker keeps records for this collector while it is away; then the "
                              "others of its group have them (1m)")


def _add_baseline(baseline: argparse.ArgumentParser) -> None:
    actions = baseline.add_subparsers(required=True, metavar="ACTION", dest="action")
    show = actions.add_parser("show", help="since when, and with which configuration")
    show.add_argument("asset", metavar="ASSET", help="the asset's id")
    _add_journal(show)
    _add_json(show)

    export = actions.add_parser("export", help="write it to a file")
    export.add_argument("asset", metavar="ASSET", help="the asset's id")
    export.add_argument("--output", type=Path, required=True, metavar="FILE", help="the JSON file to write")
    _add_journal(export)

    take = actions.add_parser("import", help="take it from a file; the daemon must be stopped")
    take.add_argument("file", type=Path, metavar="FILE", help="what `baseline export` wrote")
    take.add_argument("--asset", metavar="ASSET", help="for this asset; left out: the one that it is of")
    take.add_argument("--actor", metavar="NAME", help="who asks; left out: your login name")
    _add_config(take)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE",
                        help=f"the configuration ({DEFAULT_CONFIG}); conf.d/*.toml beside it is read, too")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def _add_journal(parser: argparse.ArgumentParser) -> None:
    _add_config(parser)
    parser.add_argument("--journal", type=Path, metavar="FILE",
                        help="a journal, instead of the configured one")


def duration(text: str) -> float:
    """Seconds of ``90s``, ``15m``, ``2h``, ``3d``."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd])", text.strip())
    if found is None or not float(found[1]):
        raise argparse.ArgumentTypeError("write it as 90s, 15m, 2h or 3d")
    return float(found[1]) * _SECONDS[found[2]]


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
