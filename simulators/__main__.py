"""``python -m simulators``: machines, faults and networks to try a monitor on.

    publish   simulated machines to a broker
    write     the same into files, for replay
    replay    a recorded CSV file through a broker
    proxy     a TCP proxy that cuts, delays and swallows
    demo      the whole story, in two minutes
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from simulators.faults import MACHINE_FAULTS, SENSOR_FAULTS, MachineFault, SensorFault
from simulators.proxy import Proxy
from simulators.publishing import (
    Message,
    Publisher,
    in_order,
    publish,
    recorded_messages,
    telemetry_messages,
    vibration_messages,
)
from simulators.pump import CHANNELS
from simulators.scenario import ORIGIN, Operation, Scenario, working_days
from simulators.writing import write_telemetry, write_vibration

_FAULT = re.compile(r"^(?P<kind>[a-z-]+)@(?P<start>\d+)(?:-(?P<end>\d+))?(?::(?P<severity>[\d.]+))?$")
_SENSOR_FAULT = re.compile(r"^(?P<channel>\w+):(?P<kind>[a-z-]+)@(?P<start>\d+)-(?P<end>\d+)$")
_FOREVER = 1e12


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.command(arguments)
    except KeyboardInterrupt:
        return 130
    except OSError as fault:
        print(f"simulators: {fault}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulators", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    live = commands.add_parser("publish", help="simulated machines to a broker")
    live.set_defaults(command=_publish)
    _add_machine(live)
    live.add_argument("--broker", default="mqtt://127.0.0.1:1883", metavar="URL")
    live.add_argument("--name", default="pump-1", help="topics are plant/NAME/telemetry and .../vibration")
    live.add_argument("--speed", type=float, default=1.0, help="times as fast as real; 0: as fast as possible")
    live.add_argument("--qos", type=int, choices=(0, 1), default=1)
    live.add_argument("--format", choices=("raw", "json"), default="raw", help="of vibration records")

    files = commands.add_parser("write", help="the same into files, for replay")
    files.set_defaults(command=_write)
    _add_machine(files)
    files.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    files.add_argument("--machines", type=int, default=1, metavar="N",
                       help="N machines of seeds SEED, SEED+1, ..., every third with a growing bearing fault")

    recorded = commands.add_parser("replay", help="a recorded CSV file through a broker")
    recorded.set_defaults(command=_replay)
    recorded.add_argument("--file", type=Path, required=True, help=".csv or .csv.gz")
    recorded.add_argument("--broker", default="mqtt://127.0.0.1:1883", metavar="URL")
    recorded.add_argument("--topic", required=True)
    recorded.add_argument("--separator", default=",")
    recorded.add_argument("--time-column", help="left out: the first")
    recorded.add_argument("--speed", type=float, default=1.0, help="0: as fast as possible")
    recorded.add_argument("--qos", type=int, choices=(0, 1), default=1)

    network = commands.add_parser("proxy", help="a TCP proxy that cuts, delays and swallows")
    network.set_defaults(command=_proxy)
    network.add_argument("--listen", type=int, required=True, metavar="PORT")
    network.add_argument("--to", required=True, metavar="HOST:PORT")
    network.add_argument("--at", action="append", default=[], metavar="SECONDS:ACTION",
                         help="cut, blackhole, delay=SECONDS or restore, so long after the start")

    show = commands.add_parser("demo", help="the whole story, in two minutes")
    show.set_defaults(command=_demo)
    show.add_argument("--report", type=Path, default=Path("demo-report"), metavar="FOLDER")
    return parser


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--machine", choices=("pump", "bearing", "both"), default="both")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--duration", type=float, default=None, metavar="SECONDS",
                        help="left out: publish for ever, write an hour (bearings: 300 records)")
    parser.add_argument("--every", type=float, default=10.0, metavar="SECONDS", help="between vibration records")
    parser.add_argument("--fault", action="append", default=[], type=_fault, metavar="KIND@START[-END][:SEVERITY]",
                        help=f"seconds from the start; {', '.join(MACHINE_FAULTS)}")
    parser.add_argument("--sensor-fault", action="append", default=[], type=_sensor_fault,
                        metavar="CHANNEL:KIND@START-END",
                        help=f"channels {', '.join(CHANNELS)}; {', '.join(SENSOR_FAULTS)}")
    parser.add_argument("--working-days", action="store_true", help="with load changes and stops, as in life")


def _fault(text: str) -> MachineFault:
    found = _FAULT.match(text)
    kind = next((kind for kind in MACHINE_FAULTS if found and kind == found["kind"]), None)
    if found is None or kind is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not KIND@START[-END][:SEVERITY] with a KIND of "
                                         + ", ".join(MACHINE_FAULTS))
    return MachineFault(kind=kind, start=float(found["start"]), end=float(found["end"] or _FOREVER),
                        severity=float(found["severity"] or 0.7))


def _sensor_fault(text: str) -> SensorFault:
    found = _SENSOR_FAULT.match(text)
    kind = next((kind for kind in SENSOR_FAULTS if found and kind == found["kind"]), None)
    if found is None or kind is None or found["channel"] not in CHANNELS:
        raise argparse.ArgumentTypeError(f"{text!r} is not CHANNEL:KIND@START-END")
    return SensorFault(channel=found["channel"], kind=kind, start=float(found["start"]), end=float(found["end"]))


def _scenario(arguments: argparse.Namespace, duration: float, origin: int | None = None) -> Scenario:
    return Scenario(
        seed=arguments.seed, duration=duration, every=arguments.every,
        faults=tuple(arguments.fault), sensor_faults=tuple(arguments.sensor_fault),
        operations=working_days(arguments.seed, duration) if arguments.working_days else (Operation(0.0, 1.0),),
        origin=ORIGIN if origin is None else origin,
    )


def _publish(arguments: argparse.Namespace) -> int:
    duration = arguments.duration or 10 * 365 * 86_400.0
    scenario = _scenario(arguments, duration, origin=int(time.time()) * 1_000_000_000)
    streams: list[Iterator[Message]] = []
    if arguments.machine in {"pump", "both"}:
        streams.append(telemetry_messages(scenario, f"plant/{arguments.name}/telemetry"))
    if arguments.machine in {"bearing", "both"}:
        streams.append(vibration_messages(scenario, f"plant/{arguments.name}/vibration", arguments.format))
    with Publisher(arguments.broker, arguments.qos) as publisher:
        count = publish(in_order(*streams), publisher, arguments.speed)
    print(f"{count} messages published", file=sys.stderr)
    return 0


def _write(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    single = arguments.machines == 1
    for number in range(arguments.machines):
        seed = arguments.seed + number
        for machine, suffix in (("pump", "telemetry.csv"), ("bearing", "vibration.npz")):
            if arguments.machine not in {machine, "both"}:
                continue
            duration = arguments.duration or (3600.0 if machine == "pump" else 300 * arguments.every)
            scenario = _scenario(arguments, duration)
            if not single:
                faults = (_growing(seed, duration),) if number % 3 == 2 else ()  # noqa: PLR2004 -- every third
                operations = working_days(seed, duration) if arguments.working_days else scenario.operations
                scenario = Scenario(
                    seed=seed, duration=duration, every=arguments.every, faults=faults, operations=operations)
            path = folder / (suffix if single else f"m{seed:03d}-{suffix}")
            (write_telemetry if machine == "pump" else write_vibration)(scenario, path)
            print(path, file=sys.stderr)
    return 0


def _growing(seed: int, duration: float) -> MachineFault:
    kinds = ("outer-race", "inner-race", "ball")
    return MachineFault(kind=kinds[seed % 3], start=duration / 2, end=duration, severity=1.0, growth=duration / 2)


def _replay(arguments: argparse.Namespace) -> int:
    messages = recorded_messages(arguments.file, arguments.separator, arguments.time_column, arguments.topic)
    with Publisher(arguments.broker, arguments.qos) as publisher:
        count = publish(messages, publisher, arguments.speed)
    print(f"{count} rows published", file=sys.stderr)
    return 0


def _proxy(arguments: argparse.Namespace) -> int:
    host, _, port = arguments.to.rpartition(":")
    steps = []
    for text in arguments.at:
        seconds, _, action = text.partition(":")
        steps.append((float(seconds), action))
    with Proxy((host or "127.0.0.1", int(port)), arguments.listen) as proxy:
        begun = time.monotonic()
        for seconds, action in sorted(steps):
            time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
            name, _, amount = action.partition("=")
            if name == "delay":
                proxy.delay(float(amount or 0))
            elif name in {"cut", "blackhole", "restore"}:
                getattr(proxy, name)()
            else:
                print(f"unknown action {action!r}", file=sys.stderr)
                return 2
            print(f"{seconds:8.1f} s  {action}", file=sys.stderr)
        _wait_for_ever()
    return 0


def _wait_for_ever() -> None:
    """Until Ctrl-C."""
    while True:
        time.sleep(3600)


def _demo(arguments: argparse.Namespace) -> int:
    from simulators.demo import run  # noqa: PLC0415 -- its broker and terminal are an extra

    return run(arguments.report)


if __name__ == "__main__":
    sys.exit(main())
