"""What several keys say together is checked, too, and each finding names the key to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.conftest import DEVICE, PUMP, Load, Refused

WAVEFORM = """
[assets.bearing]
profile = "waveform"
topic = "plant/bearing"
codec = "binary"
rate = 25600
[assets.bearing.channels.vibration]
unit = "g"
"""


def _channel(line: str) -> str:
    return DEVICE + f'[assets.pump]\ntopic = "a/b"\n[assets.pump.channels.x]\n{line}\n'


def _limit(line: str) -> str:
    return DEVICE + PUMP + f"[[assets.pump.limits]]\n{line}\n"


FINDINGS = {
    "no asset": (DEVICE, "assets", "no machine"),
    "two assets of one id": (
        DEVICE + PUMP + PUMP.replace("assets.pump", "assets.fan").replace('time = "/ts"', 'id = "pump"'),
        "assets.fan.id",
        "same id",
    ),
    "periods that straddle midnight": (
        DEVICE + "[summaries]\nperiod = 700\n" + PUMP, "summaries.period", "multiple"),
    "a name that is no id": (
        DEVICE + PUMP.replace("assets.pump", 'assets."Pump 1"'),
        'assets."Pump 1"',
        "an id",
    ),
    "an id that asks for a wildcard too many": (
        DEVICE + '[assets.m]\nid = "{2}"\ntopic = "a/+/b"\n[assets.m.channels.x]\n',
        "assets.m.id",
        "{2}",
    ),
    "an id with wildcard 0": (
        DEVICE + '[assets.m]\nid = "{0}"\ntopic = "a/+/b"\n[assets.m.channels.x]\n',
        "assets.m.id",
        "{0}",
    ),
    "an id with words in braces": (
        DEVICE + '[assets.m]\nid = "{name}"\ntopic = "a/+/b"\n[assets.m.channels.x]\n',
        "assets.m.id",
        "number",
    ),
    "a topic filter that is none": (
        DEVICE + '[assets.m]\ntopic = "a/#/b"\n[assets.m.channels.x]\n',
        "assets.m.topic",
        "end",
    ),
    "a channel's topic filter that is none": (
        _channel('topic = "a+"'),
        "assets.pump.channels.x.topic",
        "whole level",
    ),
    "no topic at all": (DEVICE + "[assets.m.channels.x]\n", "assets.m.channels.x.topic", "topic"),
    "a range upside down": (_channel("valid = [5, 1]"), "assets.pump.channels.x.valid", "below"),
    "a scale of nothing": (_channel("scale = 0"), "assets.pump.channels.x.scale", "same"),
    "a value that is no pointer": (_channel('value = "x"'), "assets.pump.channels.x.value", "pointer"),
    "a time that is no pointer": (_channel('time = "ts"'), "assets.pump.channels.x.time", "pointer"),
    "a column that is no number": (
        _channel('codec = "csv"\nvalue = "x"'),
        "assets.pump.channels.x.value",
        "column",
    ),
    "a SenML record without a name": (
        _channel('codec = "senml-json"'),
        "assets.pump.channels.x.value",
        "empty",
    ),
    "an index beyond the interleaved channels": (
        _channel('codec = "binary"\ninterleaved = 2\nindex = 2'),
        "assets.pump.channels.x.index",
        "2 interleaved",
    ),
    "a pointer into binary": (
        _channel('codec = "binary"\nvalue = "/x"'),
        "assets.pump.channels.x.value",
        "only samples",
    ),
    "a waveform without a rate": (
        DEVICE + WAVEFORM.replace("rate = 25600", ""),
        "assets.bearing.channels.vibration.rate",
        "rate",
    ),
    "a waveform with nothing to judge": (
        DEVICE + WAVEFORM.replace('unit = "g"', 'unit = "rpm"'),
        "assets.bearing.channels",
        "judged",
    ),
    "a waveform windowed by time": (
        DEVICE + WAVEFORM + "[assets.bearing.window]\nseconds = 1\n",
        "assets.bearing.window.seconds",
        "samples",
    ),
    "a stride without a window": (
        DEVICE + WAVEFORM + "[assets.bearing.window]\nstride = 10\n",
        "assets.bearing.window.stride",
        "message",
    ),
    "a stride longer than the window": (
        DEVICE + PUMP + "[assets.pump.window]\nstride = 13\n",
        "assets.pump.window.stride",
        "longer",
    ),
    "a stride that does not divide the window": (
        DEVICE + PUMP + "[assets.pump.window]\nstride = 5\n",
        "assets.pump.window.stride",
        "whole number",
    ),
    "half a sample of stride": (
        DEVICE + PUMP + "[assets.pump.window]\ncount = 10\nstride = 2.5\n",
        "assets.pump.window.stride",
        "whole",
    ),
    "a window by time and by count": (
        DEVICE + PUMP + "[assets.pump.window]\ncount = 10\nseconds = 10\n",
        "assets.pump.window.count",
        "both",
    ),
    "a feature of another profile": (
        DEVICE + PUMP.replace("rate = 1.0", 'features = ["kurtosis"]'),
        "assets.pump.features[0]",
        "no feature",
    ),
    "a limit on an unknown channel": (
        _limit('feature = "flow.mean"\nalarm = 1'),
        "assets.pump.limits[0].feature",
        "channel",
    ),
    "a limit on an unknown feature": (
        _limit('feature = "pressure.kurtosis"\nalarm = 1'),
        "assets.pump.limits[0].feature",
        "not computed",
    ),
    "a limit on a band above half the rate": (
        DEVICE
        + WAVEFORM.replace("25600", "1000")
        + '[[assets.bearing.limits]]\nfeature = "vibration.octave_6400"\nalarm = 1\n',
        "assets.bearing.limits[0].feature",
        "not computed",
    ),
    "a limit on a model that is not there": (
        DEVICE + WAVEFORM + '[[assets.bearing.limits]]\nfeature = "vibration.model_error"\nalarm = 1\n',
        "assets.bearing.limits[0].feature",
        "not computed",
    ),
    "a limit without a level": (
        _limit('feature = "pressure.mean"'),
        "assets.pump.limits[0].alarm",
        "no level",
    ),
    "an alarm before its warning": (
        _limit('feature = "pressure.mean"\nwarning = 5\nalarm = 4'),
        "assets.pump.limits[0].alarm",
        "before",
    ),
    "an alarm below before its warning": (
        _limit('feature = "pressure.mean"\nwarning = 4\nalarm = 5\ndirection = "below"'),
        "assets.pump.limits[0].alarm",
        "before",
    ),
    "more needed than looked at": (
        DEVICE + PUMP + "[assets.pump.persistence]\nneeded = 3\nof = 2\n",
        "assets.pump.persistence.needed",
        "2",
    ),
    "an alarm that latches without episodes": (
        DEVICE + PUMP + "[assets.pump.persistence]\nevery_window = true\n[assets.pump.alarms]\nlatching = true\n",
        "assets.pump.alarms.latching",
        "episodes",
    ),
    "a refractory time without episodes": (
        DEVICE + PUMP + "[assets.pump.persistence]\nevery_window = true\n[assets.pump.alarms]\nrefractory = 9\n",
        "assets.pump.alarms.refractory",
        "episodes",
    ),
    "a running channel that is not there": (
        DEVICE + PUMP + '[assets.pump.running]\nchannel = "rpm"\nabove = 1\n',
        "assets.pump.running.channel",
        "no channel",
    ),
    "a model that is not there": (
        DEVICE + WAVEFORM + '[assets.bearing.model]\npath = "none"\n',
        "assets.bearing.model.path",
        "no such",
    ),
    "a password without a user": (
        DEVICE + '[sensors]\npassword_credential = "a"\n' + PUMP,
        "sensors.username",
        "user name",
    ),
    "two passwords": (
        DEVICE
        + '[sensors]\nusername = "u"\npassword_credential = "a"\npassword_file = "watchkeeper.toml"\n'
        + PUMP,
        "sensors.password_credential",
        "too",
    ),
    "a password file that is not there": (
        DEVICE + '[sensors]\nusername = "u"\npassword_file = "none"\n' + PUMP,
        "sensors.password_file",
        "no such",
    ),
    "certificates without TLS": (DEVICE + "[sensors.tls]\n" + PUMP, "sensors.url", "not encrypted"),
    "a certificate file that is not there": (
        DEVICE + '[sensors]\nurl = "mqtts://a"\n[sensors.tls]\nca_file = "none"\n' + PUMP,
        "sensors.tls.ca_file",
        "no such",
    ),
    "a certificate without its key": (
        DEVICE + '[sensors]\nurl = "mqtts://a"\n[sensors.tls]\ncert_file = "watchkeeper.toml"\n' + PUMP,
        "sensors.tls.key_file",
        "together",
    ),
    "one client id twice on a broker": (
        DEVICE + '[sensors]\nclient_id = "x"\n[uplink]\nurl = "mqtt://127.0.0.1"\nclient_id = "x"\n' + PUMP,
        "uplink.client_id",
        "client id",
    ),
    "an alarm topic with an unknown field": (
        DEVICE + '[alarms]\ntopic = "a/{machine}"\n' + PUMP,
        "alarms.topic",
        "{machine}",
    ),
    "an alarm topic with a brace too many": (
        DEVICE + '[alarms]\ntopic = "a/{asset"\n' + PUMP,
        "alarms.topic",
        "braces",
    ),
    "an alarm topic with a wildcard": (
        DEVICE + '[alarms]\ntopic = "a/#"\n' + PUMP,
        "alarms.topic",
        "wildcards",
    ),
    "alarms that would come in again": (
        DEVICE + PUMP.replace("plant/pump/telemetry", "watchkeeper/+/+/+/alarm"),
        "assets.pump.topic",
        "own alarms",
    ),
    "commands that would come in as measurements": (
        DEVICE + "[alarms]\nenabled = false\n" + PUMP.replace("plant/pump/telemetry", "watchkeeper/v1/+/+/cmd/+"),
        "assets.pump.topic",
        "commands to this device",
    ),
    "a replay of an unknown asset": (DEVICE + PUMP + '[replay]\nasset = "fan"\n', "replay.asset", "no asset"),
    "a replay column of an unknown channel": (
        DEVICE + PUMP + '[replay.columns]\nflow = "Flow"\n',
        "replay.columns.flow",
        "no channel",
    ),
    "a replay of an unknown channel": (
        DEVICE + PUMP + '[replay]\nchannel = "x"\n',
        "replay.channel",
        "no channel",
    ),
}


@pytest.mark.parametrize(("text", "key", "message"), FINDINGS.values(), ids=FINDINGS)
def test_what_does_not_fit_together_is_said_at_the_key_to_change(
    refused: Refused, tmp_path: Path, text: str, key: str, message: str
) -> None:
    (problem,) = refused(text)
    assert problem.key == key
    assert problem.file == str(tmp_path / "watchkeeper.toml")
    assert message in problem.message
    assert problem.remedy.endswith((".", "?", '"', ")"))


def test_a_bare_model_file_has_to_say_what_it_is_fed(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "ad.tflite").write_bytes(b"")
    (problem,) = refused(DEVICE + WAVEFORM + '[assets.bearing.model]\npath = "ad.tflite"\n')
    assert problem.key == "assets.bearing.model.input"
    assert "log_power" in problem.remedy


def test_a_model_on_telemetry_is_refused(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (problem,) = refused(DEVICE + PUMP + '[assets.pump.model]\npath = "bundle"\n')
    assert problem.key == "assets.pump.model"


@pytest.mark.parametrize(
    "text",
    [
        DEVICE + '[uplink]\nurl = "mqtt://127.0.0.1"\n' + PUMP,
        DEVICE + '[sensors]\nclient_id = "x"\n[uplink]\nurl = "mqtt://other"\nclient_id = "x"\n' + PUMP,
        DEVICE + '[assets.m]\nid = "{2}-{1}"\ntopic = "a/+/b/#"\n[assets.m.channels.x]\n',
        DEVICE + PUMP + '[[assets.pump.limits]]\nfeature = "pressure.mean"\nwarning = 4\nalarm = 4\n',
        DEVICE + WAVEFORM + '[[assets.bearing.limits]]\nfeature = "vibration.octave_6400"\nalarm = 1\n',
        DEVICE + WAVEFORM + "[assets.bearing.window]\ncount = 4096\nstride = 1024\n",
        DEVICE + "[alarms]\nenabled = false\n[commands]\nenabled = false\n"
        + PUMP.replace("plant/pump/telemetry", "watchkeeper/#"),
        DEVICE + '[assets.m]\ntopic = "a"\ncodec = "csv"\ntime = 0\n[assets.m.channels.x]\nvalue = 1\n',
    ],
)
def test_what_fits_together_is_taken(load_text: Load, text: str) -> None:
    assert load_text(text).asset_specs()
