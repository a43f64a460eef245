"""Proof before money: what is read back, what is refused, and what is only warned about."""

from __future__ import annotations

import socket

import pytest
from apixo_wan_animate.utils.addresses import AddressRule
from apixo_wan_animate.utils.errors import HostingError, InputError, Stopped
from apixo_wan_animate.utils.hosting.prove import Expected, prove_readable
from apixo_wan_animate.utils.hosting.sniff import sniff

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(5000)
WEBP = b"RIFF\x00\x10\x00\x00WEBPVP8 " + bytes(5000)
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00" + bytes(range(256)) * 60
MOV = b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00" + bytes(5000)
WEBM = b"\x1a\x45\xdf\xa3" + bytes(5000)
PAGE = b"<!DOCTYPE html><html><body>Sign in</body></html>"
SECRET = "?X-Amz-Signature=verysecret"


@pytest.fixture
def prove(transport, anywhere, stop):
    def prove(url, kind="clip", expected=None, rule=anywhere):
        return prove_readable(
            url, transport=transport, rule=rule, expected=expected, kind=kind, stop=stop
        )

    return prove


@pytest.fixture
def serve(start_site):
    """A site that gives the same file, well served, at every path."""

    def serve(content, media_type):
        return start_site(lambda handler: handler.reply_file(content, media_type))

    return serve


def expected_of(content, **more):
    return Expected(len(content), content[:4096], **more)


@pytest.mark.parametrize(
    ("content", "media_type", "kind", "path"),
    [
        (PNG, "image/png", "picture", "/a.png"),
        (JPEG, "image/jpeg", "picture", "/a.jpg"),
        (WEBP, "image/webp", "picture", "/a.webp"),
        (MP4, "video/mp4", "clip", "/a.mp4"),
        (MP4, "video/mp4; codecs=avc1", "clip", "/x/a%20b.MP4"),
        (MOV, "video/quicktime", "clip", "/a.mov"),
        (MP4, "video/x-m4v", "clip", "/a.m4v"),
    ],
)
def test_a_good_link_passes_without_a_word(serve, prove, content, media_type, kind, path):
    assert prove(serve(content, media_type).origin + path, kind) == ()


def test_only_the_beginning_is_read_by_a_ranged_get(start_site, prove):
    ranges = []

    def answer(handler):
        ranges.append((handler.command, handler.headers["Range"]))
        handler.reply_file(MP4, "video/mp4")

    prove(start_site(answer).origin + "/a.mp4", expected=expected_of(MP4))
    assert ranges == [("GET", "bytes=0-4095")]


def test_a_host_that_ignores_ranges_is_fine(start_site, prove):
    site = start_site(lambda handler: handler.reply(200, MP4, Content_Type="video/mp4"))
    assert prove(site.origin + "/a.mp4", expected=expected_of(MP4)) == ()


def test_a_host_that_refuses_head_is_fine(start_site, prove):
    def answer(handler):
        if handler.command == "GET":
            handler.reply_file(MP4, "video/mp4")
        else:
            handler.reply(403)

    assert prove(start_site(answer).origin + "/a.mp4", expected=expected_of(MP4)) == ()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (MP4[:-1], "bytes"),
        (MP4 + b"x", "bytes"),
        (MP4[:100] + b"!" + MP4[101:], "does not have the bytes"),
        (b"", "bytes"),
    ],
)
def test_another_file_than_ours_is_refused(start_site, prove, content, word):
    site = start_site(lambda handler: handler.reply(200, content, Content_Type="video/mp4"))
    with pytest.raises(HostingError, match=word):
        prove(site.origin + "/a.mp4", expected=expected_of(MP4))


def test_ours_must_tell_its_size(start_site, prove):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "video/mp4")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(MP4)
        handler.close_connection = True

    site = start_site(answer)
    with pytest.raises(HostingError, match="does not state its size"):
        prove(site.origin + "/a.mp4", expected=expected_of(MP4))
    assert prove(site.origin + "/a.mp4") == ()


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize(
    ("status", "body", "media_type", "word"),
    [
        (200, PAGE, "text/html; charset=utf-8", "web page"),
        (200, PAGE, "video/mp4", "web page"),
        (200, MP4, "text/html", "web page"),
        (200, b"\xef\xbb\xbf \n<HTML>", "application/octet-stream", "web page"),
        (200, b"{}", "application/json", "application/json"),
        (401, PAGE, "text/html", "401"),
        (403, b"<Error/>", "application/xml", "403"),
        (404, PAGE, "text/html", "404"),
        (410, b"", "text/plain", "410"),
        (409, b"", "text/plain", "409"),
        (416, b"", "video/mp4", "416"),
        (204, b"", "video/mp4", "204"),
    ],
)
def test_what_is_no_file_is_refused(start_site, prove, ours, status, body, media_type, word):
    site = start_site(lambda handler: handler.reply(status, body, Content_Type=media_type))
    with pytest.raises(HostingError) as caught:
        prove(site.origin + "/a.mp4" + SECRET, expected=expected_of(body) if ours else None)
    assert word in str(caught.value)
    assert "verysecret" not in str(caught.value)
    assert str(caught.value).count(". ") >= 1


@pytest.mark.parametrize(
    ("content", "media_type", "kind", "word"),
    [
        (WEBM, "video/webm", "clip", "WebM"),
        (WEBM, "video/mp4", "clip", "WebM"),
        (PNG, "image/png", "clip", "PNG"),
        (MP4, "video/mp4", "picture", "MP4"),
        (b"GIF89a" + bytes(100), "image/gif", "picture", "GIF"),
        (b"\x00\x00\x00\x1cftypavif" + bytes(100), "image/avif", "picture", "AVIF"),
        (b"RIFF\x00\x00\x00\x00AVI " + bytes(100), "video/x-msvideo", "clip", "AVI"),
        (b"OggS" + bytes(100), "video/ogg", "clip", "Ogg"),
        (bytes(100), "image/png", "clip", "image/png"),
    ],
)
def test_a_foreign_file_of_another_kind_is_refused(serve, prove, content, media_type, kind, word):
    site = serve(content, media_type)
    with pytest.raises(HostingError, match=word):
        prove(site.origin + ("/a.png" if kind == "picture" else "/a.mp4"), kind)


@pytest.mark.parametrize(
    ("content", "media_type", "path", "word"),
    [
        (MP4, "video/mp4", "/clip", "does not end in"),
        (MP4, "video/mp4", "/clip.php", "does not end in"),
        (MP4, "application/octet-stream", "/a.mp4", "octet-stream"),
        (MP4, "video/mp4", "/a.mp4?sig=verysecret", "history"),
        (bytes(100), "video/mp4", "/a.mp4", "does not look like"),
    ],
)
def test_doubts_about_a_foreign_link_are_warnings(serve, prove, content, media_type, path, word):
    (warning,) = prove(serve(content, media_type).origin + path)
    assert word in warning
    assert "verysecret" not in warning


def test_a_picture_named_as_another_format_is_warned_about(serve, prove):
    (warning,) = prove(serve(JPEG, "image/jpeg").origin + "/a.png", "picture")
    assert "JPEG" in warning


@pytest.mark.parametrize(
    ("size_bytes", "kind", "first", "media_type", "refused"),
    [
        (6_000_000, "picture", PNG, "image/png", False),
        (10_000_001, "picture", PNG, "image/png", True),
        (200_000_001, "clip", MP4, "video/mp4", False),
    ],
)
def test_large_foreign_files(start_site, prove, size_bytes, kind, first, media_type, refused):
    def answer(handler):
        where = f"bytes 0-4095/{size_bytes}"
        handler.reply(206, first[:4096], Content_Type=media_type, Content_Range=where)

    url = start_site(answer).origin + ("/a.png" if kind == "picture" else "/a.mp4")
    if refused:
        with pytest.raises(HostingError, match="10 MB"):
            prove(url, kind)
    else:
        (warning,) = prove(url, kind)
        assert "safe" in warning


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a.mp4", "example.org/a.mp4", "file:///etc/passwd", "data:video/mp4,x",
        "https://example.org/ä.mp4", "https://example.org/a b.mp4", "https:///a.mp4",
        "https://user:pass@example.org/a.mp4", "javascript:alert(1)", "",
    ],
)  # fmt: skip
def test_a_malformed_address_is_refused_before_anything_is_sent(prove, url):
    with pytest.raises(InputError):
        prove(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "192.168.0.7", "10.1.2.3", "[::1]", "169.254.169.254"]
)
def test_a_private_address_is_refused_while_the_service_is_public(prove, host):
    with pytest.raises(InputError):
        prove(f"http://{host}/a.mp4", rule=AddressRule())


def test_an_address_of_the_owners_is_exempt(serve, prove):
    site = serve(MP4, "video/mp4")
    rule = AddressRule(exempt=frozenset({site.origin}))
    assert prove(site.origin + "/a.mp4", rule=rule) == ()
    with pytest.raises(InputError):
        prove(serve(MP4, "video/mp4").origin + "/a.mp4", rule=rule)


@pytest.fixture
def closed_origin():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def test_an_address_that_does_not_answer_is_refused(prove, closed_origin):
    with pytest.raises(HostingError, match="cannot be reached"):
        prove(closed_origin + "/a.mp4", expected=expected_of(MP4))


def test_a_failing_host_is_refused(start_site, prove):
    site = start_site(lambda handler: handler.reply(500, b"sorry"))
    with pytest.raises(HostingError, match="500"):
        prove(site.origin + "/a.mp4", expected=expected_of(MP4))


def test_an_own_address_that_was_confirmed_may_be_unreachable_from_here(prove, closed_origin):
    expected = expected_of(MP4, may_be_unreachable=True)
    (warning,) = prove(closed_origin + "/a.mp4", expected=expected)
    assert "confirmed" in warning


@pytest.mark.parametrize("content", [PAGE, MP4[:-1]])
def test_wrong_content_refuses_also_where_it_was_confirmed(start_site, prove, content):
    site = start_site(lambda handler: handler.reply(200, content, Content_Type="video/mp4"))
    with pytest.raises(HostingError):
        prove(site.origin + "/a.mp4", expected=expected_of(MP4, may_be_unreachable=True))


def test_a_stop_is_no_failure_of_the_link(serve, prove, stop):
    stop.set()
    with pytest.raises(Stopped):
        prove(serve(MP4, "video/mp4").origin + "/a.mp4")


@pytest.mark.parametrize(
    ("first", "name"),
    [(PNG, "PNG"), (JPEG, "JPEG"), (WEBP, "WebP"), (MP4, "MP4"), (MOV, "MOV"),
     (WEBM[:40], "WebM or Matroska"),
     (PAGE, "page"), (b"<!-- a --> <!-- b --> <html>", "page"), (b"", ""), (b"\x00" * 64, ""),
     (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "MOV"), (b"<!-- never closed", "")],
)  # fmt: skip
def test_a_format_is_told_by_its_first_bytes(first, name):
    assert sniff(first) == name
