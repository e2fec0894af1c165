"""``python -m simulators``: machines, faults and networks to try a monitor on.

    publish   simulated machines to a broker
    write     the same into files, for replay
    replay    a recorded CSV file through a broker
    proxy     a TCP proxy that cuts, delays and swallows
    demo      the whole story, in two minutes

Everything is seeded: the same command gives the same bytes.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from simulators.faults import BEARING_FAULTS, MACHINE_FAULTS, SECOND, SENSOR_FAULTS, MachineFault
from simulators.notation import (
    FAULT,
    SENSOR_FAULT,
    STEP,
    read_broker,
    read_count,
    read_endpoint,
    read_fault,
    read_port,
    read_seconds,
    read_seed,
    read_sensor_fault,
    read_separator,
    read_speed,
    read_step,
    read_topic,
)
from simulators.proxy import Proxy
from simulators.publishing import (
    Message,
    Publisher,
    in_order,
    publish,
    telemetry_messages,
    vibration_messages,
)
from simulators.pump import CHANNELS
from simulators.recorded import UnreadableError, recorded_messages, row_count
from simulators.scenario import ORIGIN, Operation, Scenario, working_days
from simulators.writing import write_telemetry, write_vibration

_YEARS = 10 * 365 * 86_400.0
"""What is for ever, in seconds."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.command(arguments)
    except KeyboardInterrupt:
        return 130
    except UnreadableError as fault:
        print(f"simulators: {fault}", file=sys.stderr)
        return 2
    except OSError as fault:
        print(f"simulators: {fault}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulators", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    live = commands.add_parser("publish", help="simulated machines to a broker")
    live.set_defaults(command=_publish)
    _add_machine(live)
    live.add_argument("--broker", default="mqtt://127.0.0.1:1883", type=read_broker, metavar="URL")
    live.add_argument("--name", default="pump-1", type=read_topic,
                      help="topics are plant/NAME/telemetry and .../vibration")
    live.add_argument("--speed", type=read_speed, default=1.0, help="times as fast as real; 0: without waiting")
    live.add_argument("--qos", type=int, choices=(0, 1), default=1)
    live.add_argument("--format", choices=("raw", "json"), default="raw", help="of vibration records")

    files = commands.add_parser("write", help="the same into files, for replay")
    files.set_defaults(command=_write)
    _add_machine(files)
    files.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    files.add_argument("--machines", type=read_count, default=1, metavar="N",
                       help="N machines of seeds SEED, SEED+1, ..., every third with a growing bearing fault")

    recorded = commands.add_parser("replay", help="a recorded CSV file through a broker")
    recorded.set_defaults(command=_replay)
    recorded.add_argument("--file", type=Path, required=True, help=".csv or .csv.gz")
    recorded.add_argument("--broker", default="mqtt://127.0.0.1:1883", type=read_broker, metavar="URL")
    recorded.add_argument("--topic", required=True, type=read_topic)
    recorded.add_argument("--separator", default=",", type=read_separator,
                          help=r"one character, or \t; left out: a comma")
    recorded.add_argument("--time-column", help="left out: the first")
    recorded.add_argument("--speed", type=read_speed, default=1.0,
                          help="times as fast as real; 0: without waiting")
    recorded.add_argument("--qos", type=int, choices=(0, 1), default=1)

    network = commands.add_parser("proxy", help="a TCP proxy that cuts, delays and swallows")
    network.set_defaults(command=_proxy)
    network.add_argument("--listen", type=read_port, required=True, metavar="PORT")
    network.add_argument("--to", required=True, type=read_endpoint, metavar="HOST:PORT")
    network.add_argument("--at", action="append", default=[], type=read_step, metavar=STEP,
                         help="cut, blackhole, delay=SECONDS or restore, so long after the start")

    show = commands.add_parser("demo", help="the whole story, in two minutes")
    show.set_defaults(command=_demo)
    show.add_argument("--report", type=Path, default=Path("demo-report"), metavar="FOLDER")
    show.add_argument("--speed", type=_times, metavar="N",
                      help="N times as fast as real (24: half an hour of two pumps in 75 s)")
    return parser


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--machine", choices=("pump", "bearing", "both"), default="both")
    parser.add_argument("--seed", type=read_seed, default=1)
    parser.add_argument("--duration", type=read_seconds, default=None, metavar="SECONDS",
                        help="left out: publish for ever, write an hour (bearings: 300 records)")
    parser.add_argument("--every", type=read_seconds, default=10.0, metavar="SECONDS",
                        help="between vibration records")
    parser.add_argument("--fault", action="append", default=[], type=read_fault, metavar=FAULT,
                        help=f"seconds from the start; {', '.join(MACHINE_FAULTS)}")
    parser.add_argument("--sensor-fault", action="append", default=[], type=read_sensor_fault,
                        metavar=SENSOR_FAULT,
                        help=f"channels {', '.join(CHANNELS)}; {', '.join(SENSOR_FAULTS)}")
    parser.add_argument("--working-days", action="store_true", help="with load changes and stops, as in life")


def _scenario(arguments: argparse.Namespace, seed: int, duration: float, origin: int = ORIGIN) -> Scenario:
    return Scenario(
        seed=seed, duration=duration, every=arguments.every, origin=origin,
        faults=tuple(arguments.fault), sensor_faults=tuple(arguments.sensor_fault),
        operations=working_days(seed, duration) if arguments.working_days else (Operation(0.0, 1.0),),
    )


def _publish(arguments: argparse.Namespace) -> int:
    duration = _YEARS if arguments.duration is None else arguments.duration
    scenario = _scenario(arguments, arguments.seed, duration, origin=int(time.time()) * SECOND)
    streams: list[Iterator[Message]] = []
    if arguments.machine in {"pump", "both"}:
        streams.append(telemetry_messages(scenario, f"plant/{arguments.name}/telemetry"))
    if arguments.machine in {"bearing", "both"}:
        streams.append(vibration_messages(scenario, f"plant/{arguments.name}/vibration", arguments.format))
    with Publisher(arguments.broker, arguments.qos) as publisher:
        progress = tqdm(in_order(*streams), unit=" messages", disable=None)
        count = publish(progress, publisher, arguments.speed)
    print(f"{count} messages published", file=sys.stderr)
    return 0


def _write(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    single = arguments.machines == 1
    for number in tqdm(range(arguments.machines), unit=" machines", disable=None):
        seed = arguments.seed + number
        for machine, name in (("pump", "telemetry.csv"), ("bearing", "vibration.npz")):
            if arguments.machine not in {machine, "both"}:
                continue
            usual = 3600.0 if machine == "pump" else 300 * arguments.every
            duration = usual if arguments.duration is None else arguments.duration
            scenario = _scenario(arguments, seed, duration)
            if number % 3 == 2:  # noqa: PLR2004 -- every third, as --machines says
                scenario = replace(scenario, faults=(*scenario.faults, _growing(number, duration)))
            path = folder / (name if single else f"m{seed:03d}-{name}")
            (write_telemetry if machine == "pump" else write_vibration)(scenario, path)
            tqdm.write(str(path), file=sys.stderr)
    return 0


def _growing(number: int, duration: float) -> MachineFault:
    half = duration / 2
    return MachineFault(
        kind=BEARING_FAULTS[number // 3 % 3], start=half, end=duration, severity=1.0, growth=half)


def _replay(arguments: argparse.Namespace) -> int:
    messages = recorded_messages(arguments.file, arguments.separator, arguments.time_column, arguments.topic)
    total = row_count(arguments.file)
    with Publisher(arguments.broker, arguments.qos) as publisher:
        progress = tqdm(messages, total=total, unit=" rows", disable=None)
        count = publish(progress, publisher, arguments.speed)
    print(f"{count} rows published", file=sys.stderr)
    return 0


def _proxy(arguments: argparse.Namespace) -> int:
    with Proxy(arguments.to, arguments.listen) as proxy:
        print(f"127.0.0.1:{proxy.port} -> {arguments.to[0]}:{arguments.to[1]}", file=sys.stderr)
        begun = time.monotonic()
        for step in sorted(arguments.at):
            time.sleep(max(0.0, step.at - (time.monotonic() - begun)))
            match step.action:
                case "cut":
                    proxy.cut()
                case "blackhole":
                    proxy.blackhole()
                case "delay":
                    proxy.delay(step.seconds)
                case "restore":
                    proxy.restore()
            print(f"{step.at:8.1f} s  {step.action}", file=sys.stderr)
        _wait_for_ever()
    return 0


def _wait_for_ever() -> None:
    """Until Ctrl-C."""
    while True:
        time.sleep(3600)


def _times(text: str) -> float:
    speed = float(text)
    if not 0.0 < speed < math.inf:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return speed


def _demo(arguments: argparse.Namespace) -> int:
    try:
        from simulators.demo import SPEED, run  # noqa: PLC0415 -- its broker and terminal are an extra
    except ModuleNotFoundError as missing:
        print(f"simulators: the demo needs {missing.name}: pip install '.[demo]'", file=sys.stderr)
        return 1
    return run(arguments.report, arguments.speed or SPEED)


if __name__ == "__main__":
    sys.exit(main())
