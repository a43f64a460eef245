"""The store's library: loaded late, and honouring proxies and certificates like our own HTTP."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import requests
from apixo_wan_animate.utils.addresses import AddressRule
from apixo_wan_animate.utils.errors import HostingError, SettingsError
from apixo_wan_animate.utils.hosting.bucket import StoreAddress
from apixo_wan_animate.utils.hosting.store import StoreHost


@pytest.fixture
def put(clock, make_file, quiet, stop):
    def put():
        host = StoreHost(
            StoreAddress.parse("s3://media/wan"), public_url="", clock=clock,
            rule=AddressRule(allow_loopback=True), environ=os.environ,
        )  # fmt: skip
        return host.put(
            make_file(5001), media_type="video/mp4", extension=".mp4", progress=quiet, stop=stop
        )

    return put


@pytest.fixture
def proxy(start_site):
    """A forward proxy for plain HTTP."""

    def pass_on(handler):
        parts = urlsplit(handler.path)
        connection = http.client.HTTPConnection(parts.netloc)
        path = handler.path[len(f"{parts.scheme}://{parts.netloc}") :]
        headers = {k: v for k, v in handler.headers.items() if k.lower() != "proxy-connection"}
        connection.request(handler.command, path, body=handler.body, headers=headers)
        reply = connection.getresponse()
        kept = {k.replace("-", "_"): v for k, v in reply.getheaders() if k in {"ETag"}}
        handler.reply(reply.status, reply.read(), **kept)
        connection.close()

    return start_site(pass_on)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_uploads_go_through_the_proxy_of_the_environment(s3, put, proxy, monkeypatch, variable):
    monkeypatch.setenv(variable, proxy.origin)
    put()
    assert [(method, length) for method, _, length in proxy.seen] == [("PUT", 5001)]
    assert len(s3.stored()) == 1


def test_no_proxy_is_honoured(s3, put, proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", proxy.origin)
    monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.1")
    put()
    assert proxy.seen == []
    assert len(s3.stored()) == 1


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 that nobody trusts yet."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on the PATH")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=loopback test", "-addext", "subjectAltName=IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:FALSE",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, cert


def test_a_private_certificate_is_trusted_only_when_the_environment_names_it(
    start_s3, put, certificate, monkeypatch
):
    key, cert = certificate
    server = start_s3(key=str(key), cert=str(cert))
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(HostingError, match="cannot be reached"):
        put()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cert))
    hosted = put()
    assert len(server.stored()) == 1
    assert requests.get(hosted.url, verify=str(cert), timeout=60).status_code == 200


def test_the_library_is_loaded_only_when_a_store_is_used(run_child):
    script = (
        "from apixo_wan_animate.utils.hosting import choose, store, trial\n"
        "print('obstore' in sys.modules)"
    )
    assert run_child(script).strip() == "False"


def test_a_missing_library_is_a_sentence(put, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    for name in ("obstore", "obstore.store", "obstore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match="pip install -U obstore"):
        put()
