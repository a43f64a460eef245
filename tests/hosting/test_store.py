"""The object store, against a real S3 server process that checks signatures and expiry."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from threading import Event
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from apixo_wan_animate.utils.addresses import AddressRule
from apixo_wan_animate.utils.errors import HostingError, SettingsError, Stopped
from apixo_wan_animate.utils.hosting import store as store_module
from apixo_wan_animate.utils.hosting.bucket import StoreAddress
from apixo_wan_animate.utils.hosting.store import StoreHost
from patience import one_of_three, until
from stopping import felt_after_s

MB = 1024 * 1024


@pytest.fixture
def store(clock):
    def store(address="s3://media/wan", public_url=""):
        return StoreHost(
            StoreAddress.parse(address),
            public_url=public_url,
            clock=clock,
            rule=AddressRule(allow_loopback=True),
            environ=os.environ,
        )

    return store


@pytest.fixture
def put(make_file, quiet, stop):
    def put(host, size_bytes=5001, media_type="video/mp4", extension=".mp4", progress=quiet):
        return host.put(
            make_file(size_bytes),
            media_type=media_type,
            extension=extension,
            progress=progress,
            stop=stop,
        )

    return put


def test_a_signed_link_is_fetched_by_plain_http(s3, store, put, make_file, clock):
    hosted = put(store())
    reply = requests.get(hosted.url, timeout=60)
    assert reply.status_code == 200
    assert reply.content == make_file(5001).read_bytes()
    assert reply.headers["Content-Type"] == "video/mp4"
    assert reply.headers["Cache-Control"] == "no-store"
    assert hosted.expires_at == pytest.approx(clock.now() + 24 * 3600, abs=60)
    assert parse_qs(urlsplit(hosted.url).query)["X-Amz-Expires"] == ["86400"]


def test_ranged_reads_of_a_signed_link_work(s3, store, put, make_file):
    reply = requests.get(put(store()).url, headers={"Range": "bytes=10-29"}, timeout=60)
    assert reply.status_code == 206
    assert reply.content == make_file(5001).read_bytes()[10:30]
    assert reply.headers["Content-Range"] == "bytes 10-29/5001"


def test_the_bucket_is_in_the_path_and_the_name_is_random(s3, store, put):
    host = store()
    paths = [urlsplit(put(host).url).path for _ in range(3)]
    assert all(re.fullmatch(r"/media/wan/[0-9a-f]{32}\.mp4", path) for path in paths)
    assert len(set(paths)) == 3


def test_spaces_and_letters_of_all_kinds_in_the_prefix_make_a_plain_link(s3, store, put):
    hosted = put(
        store("s3://media/my Ordner/日本 ü+%41&=#?"), extension=".png", media_type="image/png"
    )
    assert hosted.url.isascii()
    assert " " not in hosted.url
    reply = requests.get(hosted.url, timeout=60)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "image/png"
    assert s3.stored() == ["media/" + hosted.handle]
    assert hosted.handle.startswith("my Ordner/日本 ü+%41&=#?/")


def test_a_bucket_without_prefix_is_fine(s3, store, put):
    hosted = put(store("s3://media"))
    assert re.fullmatch(r"[0-9a-f]{32}\.mp4", hosted.handle)
    assert requests.get(hosted.url, timeout=60).status_code == 200


@pytest.mark.parametrize("field", ["X-Amz-Signature", "X-Amz-Expires", "X-Amz-Date", "path"])
def test_a_tampered_link_is_refused(s3, store, put, field):
    host = store()
    hosted, other = put(host), put(host)
    if field == "path":
        name = other.handle.rsplit("/", 1)[1]
        url = re.sub(r"[0-9a-f]{32}\.mp4", name, hosted.url, count=1)
    else:
        url = re.sub(
            rf"({field}=)(\w)(\w*)",
            lambda m: m[1] + ("9" if m[2] != "9" else "8") + m[3],
            hosted.url,
        )
    assert url != hosted.url
    reply = requests.get(url, timeout=60)
    assert 400 <= reply.status_code <= 403
    assert b"ftyp" not in reply.content


def test_without_its_signature_a_link_opens_nothing(s3, store, put):
    url = put(store()).url
    assert requests.get(url.partition("?")[0], timeout=60).status_code == 403


@pytest.mark.parametrize(("passed_s", "status"), [(24 * 3600 - 60, 200), (24 * 3600 + 60, 403)])
def test_a_link_lives_for_a_day_and_no_longer(start_s3, store, put, passed_s, status):
    server = start_s3()
    url = put(store()).url
    server.close()
    data = str(server.folder / "data")
    start_s3(directory=data, port=server.port, clockOffsetS=passed_s)
    reply = requests.get(url, timeout=60)
    assert reply.status_code == status
    assert (b"expired" in reply.content) == (status == 403)


def test_a_public_address_needs_no_signature(start_s3, store, put, make_file):
    server = start_s3(publicBucket="media")
    hosted = put(store("s3://media/ö p", public_url=f"{server.origin}/media"))
    assert "?" not in hosted.url
    assert hosted.url.isascii()
    assert hosted.expires_at is None
    assert requests.get(hosted.url, timeout=60).content == make_file(5001).read_bytes()


def test_a_file_of_64_mb_goes_up_in_parts(s3, store, put, make_file):
    seen = []
    hosted = put(store(), 64 * MB + 17, progress=lambda sent, total: seen.append((sent, total)))
    reply = requests.get(hosted.url, timeout=30)
    assert reply.content == make_file(64 * MB + 17).read_bytes()
    assert reply.headers["Content-Type"] == "video/mp4"
    parts = [r for r in s3.requests() if "partNumber=" in r["url"]]
    assert len(parts) == 13
    assert {r["length"] for r in parts} == {5 * MB, 4 * MB + 17}
    assert sum(r["length"] for r in parts) == 64 * MB + 17
    assert [s for s, _ in seen] == sorted(s for s, _ in seen)
    assert seen[-1] == (64 * MB + 17, 64 * MB + 17)
    assert s3.unfinished() == []


def test_deleting_twice_is_fine_and_the_link_is_dead(s3, store, put):
    host = store()
    hosted = put(host)
    host.delete(hosted)
    host.delete(hosted)
    assert s3.stored() == []
    assert requests.get(hosted.url, timeout=60).status_code == 404


def test_a_fresh_link_is_signed_without_an_upload(s3, store, put, clock):
    host = store()
    hosted = put(host)
    before = len(s3.requests())
    clock.offset_s = 20 * 3600
    fresh = host.sign(hosted.handle)
    assert len(s3.requests()) == before
    assert fresh.handle == hosted.handle
    assert fresh.host == hosted.host
    assert fresh.expires_at > hosted.expires_at + 19 * 3600
    assert requests.get(fresh.url, timeout=60).status_code == 200


def refusal(host, put, *parts):
    with pytest.raises(HostingError) as caught:
        put(host)
    text = str(caught.value)
    for part in parts:
        assert part in text, text
    assert "X-Amz" not in text
    assert "Debug" not in text
    return text


def test_a_wrong_secret_is_named(s3, store, put, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    text = refusal(store(), put, "AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch")
    assert "not-the-secret" not in text


def test_an_unknown_key_is_named(s3, store, put, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    refusal(store(), put, "AWS_ACCESS_KEY_ID", "InvalidAccessKeyId")


def test_a_missing_bucket_is_named(s3, store, put):
    refusal(store("s3://nowhere"), put, "s3://nowhere", "no such bucket")


def test_a_missing_bucket_is_named_for_a_large_file_too(s3, store, make_file, quiet, stop):
    with pytest.raises(HostingError, match="no such bucket"):
        store("s3://nowhere").put(
            make_file(12 * MB), media_type="video/mp4", extension=".mp4", progress=quiet, stop=stop
        )


@pytest.mark.parametrize("offset_s", [20 * 60, -20 * 60])
def test_a_clock_20_minutes_off_is_named(start_s3, store, put, offset_s):
    # The server's clock is moved, in its own process: to it, ours is 20 minutes off.
    start_s3(clockOffsetS=offset_s)
    refusal(store(), put, "clock", "RequestTimeTooSkewed")


def test_a_server_that_is_not_there_is_named(s3, store, put, monkeypatch):
    s3.close()
    refusal(store(), put, "127.0.0.1", "cannot be reached")


def test_without_credentials_nothing_is_sent(s3, store, put, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID"):
        put(store())
    assert s3.requests() == []


@pytest.mark.parametrize("endpoint", ["localhost:9000", "ftp://x", "https://", "minio"])
def test_an_endpoint_that_is_no_address_is_refused_at_once(store, monkeypatch, endpoint):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(SettingsError, match="AWS_ENDPOINT_URL"):
        store()


@pytest.mark.parametrize(
    "address",
    ["", "media", "s3://", "s3:///x", "ftp://media", "s3://me dia", "s3://media/a//b",
     "s3://media/../x", "s3://media/./x", "s3://media/a\nb", "s3://user@media",
     "az://media/wän", "az://media/a b"],
)  # fmt: skip
def test_a_malformed_store_is_refused(address):
    with pytest.raises(SettingsError, match="APIXO_WAN_STORE"):
        StoreAddress.parse(address)


def test_stopping_in_the_middle_is_felt_at_once_and_leaves_nothing(
    s3, store, make_file, monkeypatch
):
    stop, pieces = Event(), store_module._Upload._pieces

    def held(upload):
        """However fast the store is, there is something left when stop is pressed."""
        for piece in pieces(upload):
            if upload._handed_bytes >= 30 * MB:
                until(lambda: upload._abandoned)
            yield piece

    monkeypatch.setattr(store_module._Upload, "_pieces", held)

    def progress(sent, total):
        if sent >= 5 * MB:
            stop.set()

    with pytest.raises(Stopped):
        store().put(
            make_file(200 * MB), media_type="video/mp4", extension=".mp4",
            progress=progress, stop=stop,
        )  # fmt: skip
    end_of("apixo-wan-store-upload")
    assert s3.stored() == []
    assert s3.unfinished() == []
    parts = [r for r in s3.requests() if "partNumber=" in r["url"]]
    assert 1 <= len(parts) < 40


def test_stopping_is_felt_within_a_second_while_the_store_does_not_read(
    store, make_file, quiet, monkeypatch
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")

    def attempt() -> float:
        reached, came_back = Event(), Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts, and never reads on
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")

            def accept():
                with listener.accept()[0] as connection:
                    connection.recv(1)
                    reached.set()
                    came_back.wait(300)

            thread = threading.Thread(target=accept)
            thread.start()
            took_s = felt_after_s(
                lambda stop: store().put(
                    make_file(3 * MB), media_type="video/mp4", extension=".mp4",
                    progress=quiet, stop=stop,
                ),
                once=reached.is_set,
            )  # fmt: skip
            came_back.set()
            thread.join()
        end_of("apixo-wan-store-upload")
        return took_s

    one_of_three(attempt, within_s=1.0)


def test_a_small_file_that_arrives_after_the_stop_is_deleted(
    start_site, store, put, stop, monkeypatch
):
    arrived, left = Event(), Event()

    def answer(handler):
        if handler.command == "PUT":
            arrived.set()
            left.wait(90)
            handler.reply(200, ETag='"x"')
        else:
            handler.reply(200, b"<DeleteResult></DeleteResult>")

    site = start_site(answer)
    monkeypatch.setenv("AWS_ENDPOINT_URL", site.origin)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")

    def progress(sent, total):
        if arrived.is_set():
            stop.set()

    with pytest.raises(Stopped):
        put(store(), progress=progress)
    left.set()
    end_of("apixo-wan-store-upload")
    assert [method for method, path, _ in site.seen if "delete" in path] == ["POST"]


def test_progress_never_claims_what_the_store_has_not_got(start_site, store, put, monkeypatch):
    got, claimed, counting = [0], [], threading.Lock()
    read = store_module._Upload._read

    def looked_at(upload):
        """The disk is slow enough for somebody to look after every other megabyte."""
        looks = len(claimed)
        if upload._handed_bytes % (2 * MB) == 0:
            until(lambda: len(claimed) > looks + 1)
        return read(upload)

    def answer(handler):
        if handler.command == "POST" and "uploads" in handler.path:
            name = b"InitiateMultipartUploadResult"
            handler.reply(200, b"<%b><UploadId>1</UploadId></%b>" % (name, name))
        elif handler.command == "PUT":
            time.sleep(0.03)
            with counting:
                got[0] += len(handler.body)
            handler.reply(200, ETag='"x"')
        else:
            body = b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"
            handler.reply(200, body)

    site = start_site(answer)
    monkeypatch.setattr(store_module, "_LOOK_S", 0.005)
    monkeypatch.setattr(store_module._Upload, "_read", looked_at)
    monkeypatch.setenv("AWS_ENDPOINT_URL", site.origin)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    put(store(), 64 * MB, progress=lambda sent, total: claimed.append((sent, got[0])))
    assert all(sent <= there for sent, there in claimed)
    assert len({sent for sent, _ in claimed}) > 5


def end_of(name):
    """Wait for the threads of this name, which go on a moment after a stop."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(90)
            assert not thread.is_alive()


def test_the_identity_tells_stores_apart_and_holds_no_secret(start_s3, store):
    first = start_s3()
    a, b = store("s3://media/a").identity, store("s3://media/b").identity
    start_s3()
    assert len({a, b, store("s3://media/a").identity}) == 3
    assert first.origin in a
    assert "S3RVER" not in a
