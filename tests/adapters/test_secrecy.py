"""Passwords and TLS, upstream and towards the sensors: used, verified, and never shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from agent.adapters.mqtt.endpoint import Endpoint, TlsFiles
from agent.adapters.mqtt.uplink import UplinkSettings
from agent.errors import ConfigError
from agent.ports import Delivery
from tests.adapters.certificates import certificate
from tests.adapters.sender import TOPIC, Sender
from tests.adapters.sqlite.entries import summaries
from tests.adapters.test_sensors import connect, link_to, poll
from tests.broker import Broker


def test_credentials_are_used_and_never_shown(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "pump-7", "s3cret"], check=True)
    extra = f"password_file {passwords}\nallow_anonymous false"
    with Broker(tmp_path / "guarded", persistence=True, extra=extra) as guarded:
        endpoint = Endpoint(
            host="127.0.0.1", port=guarded.port, client_id="d", username="pump-7", password="s3cret")
        assert "s3cret" not in repr(endpoint)
        assert "pump-7" not in repr(UplinkSettings(endpoint=endpoint, topic=TOPIC))
        sender = Sender(guarded.port, endpoint=endpoint)
        sender.connect()
        sender.uplink.close(graceful=True)


# paho leaves the socket of a failed handshake to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_verifies_the_broker_and_shows_the_device_s_certificate(tmp_path: Path) -> None:
    authority, server, device = (certificate(tmp_path, name) for name in ("ca", "localhost", "d-uplink"))
    stranger = certificate(tmp_path, "stranger", authority=None)
    extra = (f"cafile {authority}\ncertfile {server}\nkeyfile {server.with_suffix('.key')}\n"
             "require_certificate true")
    with Broker(tmp_path / "tls", persistence=True, extra=extra) as broker:
        def endpoint(ca: Path) -> Endpoint:
            files = TlsFiles(ca_file=ca, cert_file=device, key_file=device.with_suffix(".key"))
            return Endpoint(host="localhost", port=broker.port, client_id="d", tls=files)

        sender = Sender(broker.port, endpoint=endpoint(authority))
        sender.connect()
        sender.send(summaries(1, 1, 200))
        sender.until(lambda: len(sender.settled) == 200)
        sender.uplink.close(graceful=True)

        deceived = Sender(broker.port, endpoint=endpoint(stranger))
        for _ in range(3):
            deceived.step(0.05)
        assert not deceived.uplink.connected()
        deceived.uplink.close(graceful=True)


def test_a_tls_file_that_is_missing_is_named(tmp_path: Path) -> None:
    endpoint = Endpoint(
        host="localhost", client_id="d", tls=TlsFiles(ca_file=tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match=r"none\.pem: ca_file: cannot be used: No such file"):
        Sender(1, endpoint=endpoint)


def test_sensor_data_arrive_and_are_acknowledged_over_tls(tmp_path: Path) -> None:
    authority, server = (certificate(tmp_path, name) for name in ("ca", "localhost"))
    extra = f"cafile {authority}\ncertfile {server}\nkeyfile {server.with_suffix('.key')}"
    with Broker(tmp_path / "tls", persistence=True, extra=extra) as broker:
        endpoint = Endpoint(host="localhost", port=broker.port, client_id="link",
                            tls=TlsFiles(ca_file=authority))
        link = link_to(broker.port, endpoint=endpoint)
        connect(link)
        sensor = mqtt.Client(CallbackAPIVersion.VERSION2)
        sensor.tls_set(str(authority))
        sensor.connect("localhost", broker.port)
        sensor.loop_start()
        for number in range(200):
            sensor.publish("s/1", b"%3000d" % number, qos=1)
        taken: list[Delivery] = []
        while len(taken) < 200:
            found = poll(link, 1)
            assert found, f"{len(taken)} of 200"
            taken += found
            link.acknowledge([delivery.token for delivery in found])
        assert [int(delivery.payload) for delivery in taken] == list(range(200))
        sensor.disconnect()
        sensor.loop_stop()
        link.close()
