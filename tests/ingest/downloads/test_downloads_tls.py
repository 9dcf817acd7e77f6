"""Downloads over https, from a server whose certificate is trusted or not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from file_server import Watching, assert_holds, file_server

from alignhouse.ingest.downloads.fetch import fetch
from alignhouse.ingest.downloads.outcome import IncompleteFetch

A = "sub-01/a.pkl"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that no authority signed, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("certificate")
    made = folder / "certificate.pem", folder / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, "-out", made[0], "-keyout", made[1]], check=True, capture_output=True)
    return made


@pytest.fixture
def secure(certificate, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with file_server() as server:
        server.use_tls(*certificate)
        yield server


def test_a_server_with_a_trusted_certificate_needs_no_permission(secure, certificate, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    contents = secure.offer(a=300_000)
    fetch(secure.listed(contents), tmp_path)
    assert_holds(tmp_path, contents)


def test_a_server_that_cannot_prove_who_it_is_fails_at_once(secure, tmp_path):
    contents, watching = secure.offer(a=10), Watching()
    with pytest.raises(IncompleteFetch, match="expected the server of https://127.*certificate"):
        fetch(secure.listed(contents), tmp_path, progress=watching)
    assert not any("trying again" in line for line in watching.lines)
    assert secure.asked == []


@pytest.mark.parametrize("allow_http", [True, False])
def test_a_redirect_from_https_to_http_is_refused(
    secure, certificate, server, tmp_path, monkeypatch, allow_http
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    contents = secure.offer(a=10)
    server.offer(a=10)
    secure.answers[f"/{A}"] = [(302, {"Location": f"{server.url}/{A}"})]
    with pytest.raises(IncompleteFetch, match=f"found a redirect to {server.url}/{A}, refused"):
        fetch(secure.listed(contents), tmp_path, allow_http=allow_http)
    assert server.asked == []
    assert_holds(tmp_path, {})
