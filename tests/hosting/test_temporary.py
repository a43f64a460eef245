"""The temporary hosts, against stand-ins that answer as documented and as badly as reported."""

from __future__ import annotations

import json
import re
import socket
from email import message_from_bytes

import pytest
from apixo_wan_animate.utils.errors import HostingError, SettingsError, Stopped
from apixo_wan_animate.utils.hosting.choose import HostContext, choose
from apixo_wan_animate.utils.hosting.place import Upload, place
from apixo_wan_animate.utils.settings import Settings

VARIABLES = {
    "litterbox": "APIXO_WAN_LITTERBOX_URL",
    "uguu": "APIXO_WAN_UGUU_URL",
    "tmpfiles": "APIXO_WAN_TMPFILES_URL",
}
SIZE = 300_001


def read_form(handler) -> dict[str, tuple[str, str, bytes]]:
    """A form's fields as (file name, media type, content)."""
    head = f"Content-Type: {handler.headers['Content-Type']}\r\n\r\n".encode()
    form = {}
    for part in message_from_bytes(head + handler.body).get_payload():
        name = part.get_param("name", header="content-disposition")
        form[name] = (
            part.get_filename() or "",
            part.get_content_type(),
            part.get_payload(decode=True),
        )
    return form


class StandIn:
    """A temporary host that behaves as documented, unless the test says how it fails."""

    def __init__(self, key, start_site):
        self.key = key
        self.files: dict[str, bytes] = {}
        self.forms: list[dict] = []
        self.fault = None
        self.site = start_site(self._answer)

    @property
    def uploads(self):
        return [path for method, path, _ in self.site.seen if method == "POST"]

    def _answer(self, handler):
        if handler.command == "GET":
            self._serve(handler)
            return
        if self.fault is not None:
            self.fault(handler)
            return
        form = read_form(handler)
        self.forms.append(form)
        field, path = {
            "litterbox": ("fileToUpload", "/resources/internals/api.php"),
            "uguu": ("files[]", "/upload"),
            "tmpfiles": ("file", "/api/v1/upload"),
        }[self.key]
        if handler.path != path or field not in form:
            handler.reply(404)
            return
        name, _, content = form[field]
        where = f"/{len(self.files)}/{name}"
        self.files[where] = content
        handler.reply(200, self._told(self.site.origin + where))

    def _told(self, url):
        if self.key == "litterbox":
            return url.encode()
        if self.key == "uguu":
            return json.dumps({"success": True, "files": [{"url": url, "dupe": False}]}).encode()
        return json.dumps({"status": "success", "data": {"url": url}}).encode()

    def _serve(self, handler):
        path = handler.path
        if self.key == "tmpfiles":
            if not path.startswith("/dl/"):
                handler.reply(
                    200, b"<!DOCTYPE html><html>Download</html>", Content_Type="text/html"
                )
                return
            path = path[3:]
        if path in self.files:
            handler.reply_file(self.files[path], "video/mp4")
        else:
            handler.reply(404)


@pytest.fixture
def stand_ins(start_site):
    return {key: StandIn(key, start_site) for key in VARIABLES}


@pytest.fixture
def hosts_for(stand_ins, transport, clock, tmp_path):
    def hosts_for(key="", *, agreed=True, name="temporary"):
        """All of them, or the one of a key."""
        environ = {VARIABLES[key]: site.site.origin for key, site in stand_ins.items()}
        context = HostContext(transport, clock, tmp_path, environ=environ)
        hosts = choose(Settings(temporary_host=agreed), name, context)
        return [host for host in hosts if host.identity.startswith(key)]

    return hosts_for


@pytest.fixture
def hand_over(transport, make_file, quiet, stop):
    def hand_over(hosts, size_bytes=SIZE, progress=quiet):
        file = make_file(size_bytes, "Alice at the beach.mp4")
        upload = Upload(file, ".mp4", "clip")
        return place(hosts, upload, transport=transport, progress=progress, stop=stop)

    return hand_over


def asked(stand_ins) -> list[str]:
    return [key for key, site in stand_ins.items() if site.uploads]


@pytest.mark.parametrize("key", VARIABLES)
def test_each_host_is_spoken_to_as_documented(
    stand_ins, hosts_for, hand_over, make_file, key, clock
):
    placed = hand_over(hosts_for(key))
    site = stand_ins[key]
    content = make_file(SIZE).read_bytes()
    assert list(site.files.values()) == [content]
    assert placed.hosted.url.startswith(site.site.origin)
    assert placed.hosted.url.endswith(".mp4")
    assert placed.hosted.expires_at > clock.now() + 2 * 3600
    fields = {name: value[2].decode() for name, value in site.forms[0].items() if not value[0]}
    assert (
        fields
        == {
            "litterbox": {"reqtype": "fileupload", "time": "24h"},
            "uguu": {},
            "tmpfiles": {"expire": "86400"},
        }[key]
    )
    assert asked(stand_ins) == [key]


@pytest.mark.parametrize("key", VARIABLES)
def test_the_name_that_goes_up_says_nothing(stand_ins, hosts_for, hand_over, key):
    hand_over(hosts_for(key))
    (names,) = ([value[0] for value in form.values() if value[0]] for form in stand_ins[key].forms)
    assert re.fullmatch(r"[0-9a-f]{32}\.mp4", names[0])
    assert len(names) == 1


def test_tmpfiles_gives_the_file_and_not_the_page_about_it(stand_ins, hosts_for, hand_over):
    placed = hand_over(hosts_for("tmpfiles"))
    assert "/dl/" in placed.hosted.url


def test_the_first_use_says_plainly_what_a_public_host_is(hosts_for, hand_over):
    (warning, *_) = hand_over(hosts_for()).warnings
    for word in ("anyone with the link can read it", "cannot be deleted", "Litterbox", "cloud"):
        assert word in warning


def test_without_consent_nothing_leaves(stand_ins, hosts_for, hand_over):
    with pytest.raises(SettingsError, match="APIXO_WAN_TEMPORARY_HOST"):
        hand_over(hosts_for(agreed=False))
    assert all(site.site.seen == [] for site in stand_ins.values())


def test_without_consent_auto_names_the_four_ways_and_sends_nothing(stand_ins, hosts_for):
    with pytest.raises(SettingsError) as caught:
        hosts_for(name="auto", agreed=False)
    for word in ("Object store", "This ComfyUI", "Temporary public hosts", "Your own links",
                 "Settings → Wan Animate"):  # fmt: skip
        assert word in str(caught.value)
    assert all(site.site.seen == [] for site in stand_ins.values())


def reset(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.close_connection = True
    handler.connection.close()


PAGE = b"<!DOCTYPE html><html><body>We are down</body></html>"
FAULTS = {
    "an empty answer": lambda h: h.reply(200, b""),
    "a page in a 200": lambda h: h.reply(200, PAGE, Content_Type="text/html"),
    "a page that begins with a comment": lambda h: h.reply(200, b"<!-- x -->\n" + PAGE),
    "a failure for large files": lambda h: h.reply(500, b"Internal Server Error"),
    "a gateway's page": lambda h: h.reply(502, PAGE, Content_Type="text/html"),
    "a refusal": lambda h: h.reply(403, b"Forbidden"),
    "too many": lambda h: h.reply(429, b"slow down"),
    "too large": lambda h: h.reply(413, b""),
    "an error in a 200": lambda h: h.reply(200, b'{"success": false, "description": "no"}'),
    "an error sentence": lambda h: h.reply(200, b"No file type given! https://x.org/a.mp4"),
    "half a JSON": lambda h: h.reply(200, b'{"files": [{"url": "htt'),
    "JSON of another kind": lambda h: h.reply(200, b'["http://x"]'),
    "null": lambda h: h.reply(200, b'{"files": [null], "data": null}'),
    "a link to nowhere": lambda h: h.reply(200, b"http://"),
    "a link into the house": lambda h: h.reply(200, b"http://192.168.1.1/a.mp4"),
    "a link to a file of this machine": lambda h: h.reply(200, b"file:///etc/passwd"),
    "bytes that are no text": lambda h: h.reply(200, b"\xff\xfe\x00\x01" * 50),
    "a redirect": lambda h: h.reply(302, b"", Location="https://example.org/"),
    "a reset": reset,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("key", VARIABLES)
def test_a_bad_answer_is_an_error_in_two_sentences(stand_ins, hosts_for, hand_over, key, fault):
    stand_ins[key].fault = FAULTS[fault]
    with pytest.raises(HostingError) as caught:
        hand_over(hosts_for(key))
    text = str(caught.value)
    assert len(re.findall(r"\.(?: |$)", text)) >= 2
    assert "html" not in text.lower()
    assert asked(stand_ins) == [key], "a host that was named alone has no substitute"


@pytest.mark.parametrize("fault", ["an empty answer", "a page in a 200", "a refusal", "a reset"])
def test_the_next_agreed_host_takes_over(stand_ins, hosts_for, hand_over, fault):
    stand_ins["litterbox"].fault = FAULTS[fault]
    placed = hand_over(hosts_for())
    assert placed.host.name == "Uguu"
    stand_ins["uguu"].fault = FAULTS[fault]
    placed = hand_over(hosts_for())
    assert placed.host.name == "tmpfiles.org"


def test_when_all_fail_the_error_says_what_each_did(stand_ins, hosts_for, hand_over):
    stand_ins["litterbox"].fault = FAULTS["a refusal"]
    stand_ins["uguu"].fault = FAULTS["an empty answer"]
    stand_ins["tmpfiles"].fault = FAULTS["a failure for large files"]
    with pytest.raises(HostingError) as caught:
        hand_over(hosts_for())
    for word in ("Litterbox", "403", "Uguu", "nothing", "tmpfiles.org", "500"):
        assert word in str(caught.value)
    assert asked(stand_ins) == list(VARIABLES)


def cut_in_half(site):
    for path in site.files:
        site.files[path] = site.files[path][: SIZE // 2]


def test_a_file_that_comes_back_cut_is_noticed_and_the_next_host_tried(
    stand_ins, hosts_for, hand_over
):
    litterbox = stand_ins["litterbox"]
    told = litterbox._told

    def cut(url):
        cut_in_half(litterbox)
        return told(url)

    litterbox._told = cut
    assert hand_over(hosts_for()).host.name == "Uguu"


def test_a_file_over_the_limit_of_a_host_is_not_even_sent_there(
    stand_ins, hosts_for, hand_over, monkeypatch
):
    hosts = hosts_for()
    monkeypatch.setattr(hosts[0], "limit_bytes", SIZE - 1)
    assert hand_over(hosts).host.name == "Uguu"
    assert stand_ins["litterbox"].site.seen == []


def test_the_documented_limits_are_kept(hosts_for):
    limits = [host.limit_bytes for host in hosts_for()]
    assert limits == [1_000_000_000, 128_000_000, 100_000_000]


def test_progress_is_in_bytes_of_the_file_and_ends_at_its_size(hosts_for, hand_over):
    seen = []
    hand_over(hosts_for("litterbox"), 3_000_017, lambda sent, total: seen.append((sent, total)))
    assert seen[-1] == (3_000_017, 3_000_017)
    assert len(seen) > 20
    assert [sent for sent, _ in seen] == sorted(sent for sent, _ in seen)


def test_stopping_in_the_middle_ends_the_upload_and_tries_no_other_host(
    stand_ins, hosts_for, hand_over, stop
):
    def progress(sent, total):
        if sent > total // 2:
            stop.set()

    with pytest.raises(Stopped):
        hand_over(hosts_for(), 8_000_000, progress)
    assert asked(stand_ins) in ([], ["litterbox"])
    assert all(site.files == {} for site in stand_ins.values())
