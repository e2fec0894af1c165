"""What a user leaves out gets the settings that ship, and what is given changes nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.monitoring.spec import (
    AlarmSpec,
    AssetSpec,
    ChannelSpec,
    DecodeLimits,
    LearningSpec,
    LimitSpec,
    PersistenceSpec,
    RunningSpec,
    Source,
    WindowSpec,
)
from agent.shipped import MODELS
from tests.config.conftest import DEVICE, PUMP, Load
from tests.config.test_checks import WAVEFORM


def _asset(load_text: Load, text: str) -> AssetSpec:
    (spec,) = load_text(DEVICE + text).asset_specs()
    return spec


def test_an_asset_arrives_at_the_chain_key_by_key(load_text: Load) -> None:
    spec = _asset(load_text, """
        [assets.fan]
        id = "fan-{1}"
        topic = "plant/+/binary"
        codec = "binary"
        rate = 50
        lateness = 1
        stale_after = 9
        features = ["rms"]
        running = { channel = "speed", above = 100, settle = 5 }
        window = { seconds = 10, stride = 5 }
        persistence = { needed = 2, of = 4, hysteresis = 0.9, clear_after = 3, every_window = true }
        learning = { enabled = false, samples = 77 }
        alarms = { latching = false, refractory = 0, longest_shelving = 3600 }
        false_alarms_per_month = 0.25
        limits = [{ feature = "x.rms", warning = 2, alarm = 1, direction = "below" }]
        [assets.fan.channels.x]
        unit = "g"
        sample = "i16"
        byte_order = "big"
        interleaved = 3
        index = 1
        scale = 0.1
        offset = -2
        valid = [-8, 8]
        stuck_after = 4
        [assets.fan.channels.speed]
        topic = "plant/+/speed"
        codec = "csv"
        value = 2
        time = 0
        time_unit = "iso8601"
        rate = 1
        separator = ";"
        unit = "rpm"
    """)
    assert spec == AssetSpec(
        id="fan-{1}",
        profile="process",
        channels=(
            ChannelSpec(
                name="x", topic="plant/+/binary", unit="g", rate=50.0, valid=(-8.0, 8.0), stuck_after=4,
                source=Source(codec="binary", rate=50.0, scale=0.1, offset=-2.0, sample="i16", interleaved=3,
                              index=1, little_endian=False),
            ),
            ChannelSpec(
                name="speed", topic="plant/+/speed", unit="rpm", rate=1.0, role="operating",
                source=Source(codec="csv", value="2", time="0", time_unit="iso8601", rate=1.0, separator=";"),
            ),
        ),
        window=WindowSpec(seconds=10.0, stride=5.0),
        features=("rms",),
        limits=(LimitSpec(feature="x.rms", warning=2.0, alarm=1.0, direction="below"),),
        persistence=PersistenceSpec(needed=2, of=4, hysteresis=0.9, clear_after=3, every_window=True),
        learning=LearningSpec(enabled=False, samples=77),
        running=RunningSpec(channel="speed", above=100.0, settle=5.0),
        alarms=AlarmSpec(longest_shelving=3600.0),
        false_alarms_per_month=0.25,
        lateness=1.0,
        stale_after=9.0,
    )


def test_telemetry_is_shipped_with_means_of_twelve_seconds(load_text: Load) -> None:
    spec = _asset(load_text, PUMP)
    assert spec.window == WindowSpec(seconds=12.0, stride=1.0)
    assert spec.persistence == PersistenceSpec(needed=1, of=1, hysteresis=0.5, clear_after=1)
    assert spec.learning == LearningSpec(enabled=True, samples=400)


def test_a_waveform_is_shipped_with_three_records_in_a_row(load_text: Load) -> None:
    spec = _asset(load_text, WAVEFORM)
    assert spec.window == WindowSpec()
    assert spec.features == ("rms", "peak", "crest", "kurtosis", "octaves")
    assert spec.persistence == PersistenceSpec(needed=3, of=3, hysteresis=0.6, clear_after=30)
    assert spec.learning == LearningSpec(enabled=True, samples=100)


def test_a_key_that_is_given_changes_only_itself(load_text: Load) -> None:
    spec = _asset(load_text, WAVEFORM + "[assets.bearing.persistence]\nclear_after = 5\n"
                                        "[assets.bearing.learning]\nenabled = false\n")
    assert spec.persistence == PersistenceSpec(needed=3, of=3, hysteresis=0.6, clear_after=5)
    assert spec.learning == LearningSpec(enabled=False, samples=100)


def test_alarms_are_shipped_without_latching_and_with_a_budget_of_one_false_alarm_a_month(load_text: Load) -> None:
    spec = _asset(load_text, PUMP)
    assert spec.alarms == AlarmSpec(latching=False, refractory=3600.0, longest_shelving=7 * 86_400.0)
    assert spec.false_alarms_per_month == 1.0


def test_the_life_of_alarms_is_the_users_to_set(load_text: Load) -> None:
    spec = _asset(load_text, PUMP + "[assets.pump.alarms]\nlatching = true\nrefractory = 90\n")
    assert spec.alarms == AlarmSpec(latching=True, refractory=90.0)


def test_more_needed_windows_look_at_as_many(load_text: Load) -> None:
    spec = _asset(load_text, WAVEFORM + "[assets.bearing.persistence]\nneeded = 5\n")
    assert (spec.persistence.needed, spec.persistence.of) == (5, 5)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("seconds = 60", WindowSpec(seconds=60.0)),
        ("stride = 2", WindowSpec(seconds=12.0, stride=2.0)),
        ("count = 60", WindowSpec(count=60)),
        ("count = 60\nstride = 30", WindowSpec(count=60, stride=30.0)),
    ],
)
def test_a_window_of_ones_own_has_no_stride_of_the_shipped_one(
    load_text: Load, window: str, expected: WindowSpec
) -> None:
    assert _asset(load_text, PUMP + f"[assets.pump.window]\n{window}\n").window == expected


@pytest.mark.parametrize(
    ("unit", "role"),
    [("degC", "slow"), ("K", "slow"), ("°C", "slow"), ("rpm", "operating"), ("Hz", "operating"),
     ("bool", "switch"), ("on-off", "switch"), ("bar", "condition"), ("", "condition")],
)
def test_the_unit_tells_the_role(load_text: Load, unit: str, role: str) -> None:
    spec = _asset(load_text, f'[assets.a]\ntopic = "a"\n[assets.a.channels.x]\nunit = "{unit}"\n')
    assert spec.channels[0].role == role


def test_a_role_that_is_given_holds_against_the_unit(load_text: Load) -> None:
    spec = _asset(load_text, PUMP.replace('unit = "degC"', 'unit = "degC", role = "condition"'))
    assert {channel.name: channel.role for channel in spec.channels}["temperature"] == "condition"


def test_a_binary_channel_takes_the_time_of_arrival_whatever_its_neighbours_have(load_text: Load) -> None:
    spec = _asset(load_text, PUMP + 'wave = { codec = "binary", topic = "plant/pump/wave" }\n')
    assert {channel.name: channel.source.time for channel in spec.channels} == {
        "pressure": "/ts", "temperature": "/ts", "speed": "/ts", "wave": None,
    }


def test_brokers_get_ports_client_ids_and_tls_from_what_is_known(load_text: Load) -> None:
    settings = load_text(DEVICE + '[uplink]\nurl = "mqtts://up.example"\n' + PUMP)
    assert (settings.sensors.host, settings.sensors.port, settings.sensors.tls) == ("127.0.0.1", 1883, None)
    assert settings.sensors.client_id == "watchkeeper-gateway-1"
    assert settings.uplink is not None
    assert settings.uplink.client_id != settings.sensors.client_id
    assert settings.uplink.port == 8883
    assert settings.uplink.tls is not None
    assert settings.uplink.tls.ca_file is None


def test_relative_paths_count_from_the_folder_of_the_configuration(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "bundle").mkdir()
    settings = load_text(
        DEVICE.replace('site = "plant"', 'site = "plant"\nstate_dir = "state"')
        + '[sensors]\nusername = "u"\npassword_file = "secret"\n'
        + WAVEFORM + '[assets.bearing.model]\npath = "bundle"\n')
    assert settings.journal.path == tmp_path / "state" / "journal.db"
    assert settings.sensors.password_file == tmp_path / "secret"
    (asset,) = settings.asset_specs()
    assert asset.model is not None
    assert asset.model.path == str(tmp_path / "bundle")


def test_alarm_topics_keep_only_the_asset_open(load_text: Load) -> None:
    settings = load_text(DEVICE + '[alarms]\ntopic = "{prefix}/{site}/{device}/{asset}"\n' + PUMP)
    assert settings.alarms.topic == "watchkeeper/plant/gateway-1/{asset}"


def test_limits_on_payloads_arrive_at_the_decoders(load_text: Load) -> None:
    settings = load_text(DEVICE + "[limits]\nmax_bytes = 10\nmax_depth = 2\nmax_samples = 3\n" + PUMP)
    assert settings.decode_limits() == DecodeLimits(max_bytes=10, max_depth=2, max_samples=3)


def test_replay_is_of_the_only_asset_and_else_open(load_text: Load) -> None:
    assert load_text(DEVICE + PUMP).replay.asset == "pump"
    assert load_text(DEVICE + PUMP + WAVEFORM).replay.asset is None


def test_a_model_that_ships_is_found_by_its_name(load_text: Load, tmp_path: Path) -> None:
    text = DEVICE + WAVEFORM + '[assets.bearing.model]\npath = "bearing-bands"\n'
    (asset,) = load_text(text).asset_specs()
    assert asset.model is not None
    assert asset.model.path == str(MODELS / "bearing-bands")
    (tmp_path / "bearing-bands").mkdir()
    (asset,) = load_text(text).asset_specs()
    assert asset.model is not None
    assert asset.model.path == str(tmp_path / "bearing-bands")
