"""Certificates for brokers and devices, made anew for each test."""

from __future__ import annotations

import subprocess
from pathlib import Path


def certificate(folder: Path, name: str, authority: str | None = "ca") -> Path:
    """A certificate for ``name`` in ``folder``, signed by the authority there or by itself."""
    path, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
               "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
               "-addext", "keyUsage=critical,digitalSignature,keyCertSign",
               "-keyout", str(key), "-out", str(path)]
    if authority is not None and authority != name:
        command += ["-CA", str(folder / f"{authority}.pem"), "-CAkey", str(folder / f"{authority}.key")]
    subprocess.run(command, check=True, capture_output=True)
    return path
