"""What the keys mean that a user left out: document -> Settings.

The profiles hold the settings that ship.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.config import settings
from agent.config.asset_tables import AssetTable, ChannelTable, PersistenceTable, WindowTable
from agent.config.document import ConnectionTable, Document, EvidenceTable, UplinkTable
from agent.config.machine import machine_spec
from agent.config.profiles import PROFILES
from agent.config.urls import broker_address
from agent.monitoring.manipulation.features.velocity import is_vibration
from agent.monitoring.spec import (
    AlarmSpec,
    AssetSpec,
    ChannelSpec,
    DecodeLimits,
    EvidenceSpec,
    LearningSpec,
    LimitSpec,
    ModelSpec,
    PersistenceSpec,
    Role,
    RunningSpec,
    Source,
    WindowSpec,
)
from agent.shipped import MODELS

_MEGABYTE = 1_048_576


_ROLES: dict[str, Role] = {
    **dict.fromkeys(("degc", "°c", "cel", "celsius", "degf", "°f", "fahrenheit", "k", "kelvin"), "slow"),
    **dict.fromkeys(("rpm", "1/min", "r/min", "hz"), "operating"),
    **dict.fromkeys(("bool", "on-off", "on/off"), "switch"),
}


def resolve(document: Document, base: Path) -> settings.Settings:
    """Give every key its value. ``base`` is the folder that relative paths count from.

    The document has passed ``checks``.
    """
    device = settings.Device(
        id=document.device.id,
        site=document.device.site,
        prefix=document.device.prefix,
        state_dir=base / document.device.state_dir,
    )
    sensors, uplink, limits = document.sensors, document.uplink, document.limits
    watched = document.assets if document.watch is None else document.watch
    assets = tuple(
        replace(
            asset_spec(name, document.assets[name], base),
            evidence=_evidence(document.evidence) if document.assets[name].evidence else None,
            summary_period=document.summaries.period,
        )
        for name in watched
    )
    return settings.Settings(
        device=device,
        sensors=settings.Sensors(
            **_connection(sensors, sensors_client_id(document), base),
            qos=sensors.qos,
            session_expiry=sensors.session_expiry,
            inflight=sensors.inflight,
        ),
        uplink=_uplink(uplink, uplink_client_id(document), base) if uplink else None,
        journal=settings.Journal(
            path=base / document.journal.path if document.journal.path else device.state_dir / "journal.db",
            budget_bytes=document.journal.budget_mb * _MEGABYTE,
            disk_share=document.journal.disk_share,
            snapshot_interval=document.journal.snapshot_interval,
            flash_bytes_per_day=round(document.journal.flash_mb_per_day * _MEGABYTE),
            commit_interval=document.journal.commit_interval,
            commit_rows=document.journal.commit_rows,
        ),
        summaries=settings.Summaries(period=document.summaries.period),
        alarms=settings.Alarms(
            enabled=document.alarms.enabled,
            topic=alarm_topic(document),
            qos=document.alarms.qos,
        ),
        commands=settings.Commands(enabled=document.commands.enabled),
        limits=DecodeLimits(
            max_bytes=limits.max_bytes, max_depth=limits.max_depth, max_samples=limits.max_samples
        ),
        dead_letters_per_minute=limits.dead_letters_per_minute,
        inbox=settings.Inbox(**document.inbox.model_dump()),
        log=settings.Log(**document.log.model_dump()),
        assets=assets,
        replay=settings.Replay(
            **document.replay.model_dump(exclude={"asset"}),
            asset=document.replay.asset or (assets[0].id if len(assets) == 1 else None),
        ),
    )


def sensors_client_id(document: Document) -> str:
    """The MQTT client id on the sensor broker."""
    return document.sensors.client_id or f"watchkeeper-{document.device.id}"


def uplink_client_id(document: Document) -> str:
    """The MQTT client id upstream: another one, as both brokers may be the same."""
    own = document.uplink.client_id if document.uplink else None
    return own or f"watchkeeper-{document.device.id}-uplink"


def alarm_topic(document: Document) -> str:
    """The topic of local alarms with all filled in but ``{asset}``."""
    device = document.device
    topic = document.alarms.topic
    for name, value in (("prefix", device.prefix), ("site", device.site), ("device", device.id)):
        topic = topic.replace(f"{{{name}}}", value)
    return topic


def _connection(table: ConnectionTable, client_id: str, base: Path) -> dict[str, Any]:
    address = broker_address(table.url)
    files = table.tls.model_dump() if table.tls else {}
    return {
        "host": address.host,
        "port": address.port,
        "client_id": client_id,
        "keepalive": table.keepalive,
        "protocol": table.protocol,
        "tls": settings.Tls(**{name: base / file for name, file in files.items() if file})
        if address.tls else None,
        "username": table.username,
        "password_file": base / table.password_file if table.password_file else None,
        "password_credential": table.password_credential,
    }


def _uplink(table: UplinkTable, client_id: str, base: Path) -> settings.Uplink:
    return settings.Uplink(
        **_connection(table, client_id, base),
        delivery=table.delivery,
        windows=table.windows,
        bytes_per_second=table.max_bytes_per_second,
        bytes_per_day=None if table.max_mb_per_day is None else round(table.max_mb_per_day * _MEGABYTE),
    )


def _evidence(table: EvidenceTable) -> EvidenceSpec | None:
    return EvidenceSpec(max_bytes=table.max_kb * 1024, context=table.context) if table.enabled else None


def asset_spec(name: str, table: AssetTable, base: Path) -> AssetSpec:
    """One asset as the chain is told of it."""
    shipped = PROFILES[table.profile]
    channels = tuple(_channel(key, channel, table) for key, channel in table.channels.items())
    return AssetSpec(
        id=table.id or name,
        profile=table.profile,
        channels=channels,
        window=_window(table.window, shipped.window(channels)),
        features=(*shipped.features, *_possible(table)) if table.features is None else table.features,
        limits=tuple(LimitSpec(**limit.model_dump()) for limit in table.limits),
        persistence=_persistence(table.persistence, shipped.persistence),
        learning=LearningSpec(
            enabled=table.learning.enabled, samples=table.learning.samples or shipped.learning_samples
        ),
        model=ModelSpec(path=str(model_path(table.model.path, base)), input=table.model.input)
        if table.model else None,
        running=RunningSpec(**table.running.model_dump()) if table.running else None,
        machine=machine_spec(table.machine),
        alarms=AlarmSpec(
            latching=table.alarms.latching,
            refractory=shipped.refractory if table.alarms.refractory is None else table.alarms.refractory,
            longest_shelving=table.alarms.longest_shelving,
        ),
        false_alarms_per_month=table.false_alarms_per_month or shipped.false_alarms_per_month,
        lateness=table.lateness,
        stale_after=table.stale_after or shipped.stale_after(channels),
    )


def _possible(table: AssetTable) -> tuple[str, ...]:
    """Features that a waveform asset has because of what is known of its machine."""
    if table.profile != "waveform":
        return ()
    machine = table.machine
    units = {channel.unit for channel in table.channels.values() if channel.role in {None, "condition"}
             and _ROLES.get(channel.unit.lower(), "condition") == "condition"}
    has = {
        "velocity": machine.zones is not None and all(is_vibration(unit) for unit in units),
        "orders": machine.speed is not None or machine.speed_channel is not None,
        "envelope": bool(machine.bearings),
        "bearing": bool(machine.bearings),
    }
    return tuple(feature for feature, possible in has.items() if possible)


def channel_topic(channel: ChannelTable, asset: AssetTable) -> str | None:
    """The channel's topic filter, its own or the asset's."""
    return channel.topic or asset.topic


def model_path(path: Path, base: Path) -> Path:
    """A model's place, counted from the configuration's folder; a name alone may be one that ships."""
    own, shipped = base / path, MODELS / path
    return shipped if len(path.parts) == 1 and shipped.is_dir() and not own.exists() else own


def _channel(name: str, channel: ChannelTable, asset: AssetTable) -> ChannelSpec:
    codec = channel.codec or asset.codec or "json"
    rate = channel.rate or asset.rate
    # A raw binary block carries no time, whatever its neighbours on other topics do.
    time = None if codec == "binary" else asset.time if channel.time is None else channel.time
    source = Source(
        codec=codec,
        value=channel.value,
        time=time,
        time_unit=channel.time_unit or asset.time_unit or "s",
        rate=rate,
        scale=channel.scale,
        offset=channel.offset,
        sample=channel.sample,
        little_endian=channel.byte_order == "little",
        interleaved=channel.interleaved,
        index=channel.index,
        separator=channel.separator,
    )
    return ChannelSpec(
        name=name,
        topic=channel_topic(channel, asset) or "",
        source=source,
        unit=channel.unit,
        rate=rate,
        valid=channel.valid,
        stuck_after=channel.stuck_after,
        worse=channel.worse,
        role=channel.role or _ROLES.get(channel.unit.lower(), "condition"),
    )


def _window(table: WindowTable, shipped: WindowSpec) -> WindowSpec:
    if table.count is not None:
        return WindowSpec(count=table.count, stride=table.stride)
    if table.seconds is not None:
        return WindowSpec(seconds=table.seconds, stride=table.stride)
    if shipped.count is not None:
        return shipped
    return WindowSpec(seconds=shipped.seconds, stride=table.stride or shipped.stride)


def _persistence(table: PersistenceTable, shipped: PersistenceSpec) -> PersistenceSpec:
    needed = table.needed or shipped.needed
    return PersistenceSpec(
        needed=needed,
        of=table.of or max(needed, shipped.of),
        hysteresis=table.hysteresis or shipped.hysteresis,
        clear_after=table.clear_after or shipped.clear_after,
        every_window=table.every_window,
    )
