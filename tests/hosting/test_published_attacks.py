"""The self-served route under attack, over real HTTP; only published files ever come out."""

from __future__ import annotations

import http.client
import random
import string
from urllib.parse import quote, unquote

import pytest
from apixo_wan_animate.utils.hosting.published import FileRequest, PublishedFiles
from apixo_wan_animate.utils.hosting.selfserved import ROUTE

HOUR_S = 3600.0
SIZES = {".mp4": 70001, ".png": 3001}


class Served:
    """Two published files behind a web server, and beside them what must not come out."""

    def __init__(self, tmp_path, clock, make_file, start_site, quiet, stop):
        self.state = tmp_path / "state"
        self.clock = clock
        self.published = PublishedFiles(self.state, clock)
        self.tokens, self.names = {}, {}
        for extension, size_bytes in SIZES.items():
            expires_at = clock.now() + HOUR_S - size_bytes / 1000
            name = self.published.publish(
                make_file(size_bytes), extension=extension, expires_at=expires_at,
                progress=quiet, stop=stop,
            )  # fmt: skip
            self.names[extension] = name
            self.tokens[extension] = self.published.token(name, expires_at=expires_at)
        (self.state / "credentials.json").write_text('{"api_key": "SECRET"}')
        (self.state / "published" / "loose.mp4").write_text("SECRET")
        self.site = start_site(self._serve)
        self._connection = http.client.HTTPConnection(self.site.origin.removeprefix("http://"))

    def _serve(self, handler):
        path = handler.path.partition("?")[0]
        if not path.startswith(ROUTE):
            handler.reply(410)
            return
        answer = self.published.answer(
            FileRequest(
                handler.command,
                unquote(path[len(ROUTE) :]),
                handler.headers.get("Range", ""),
                handler.headers.get("If-Range", ""),
            )
        )
        body = answer.body
        if answer.file is not None:
            with answer.file.open("rb") as file:
                file.seek(answer.window.start)
                body = file.read(answer.window.length)
        headers = {name.replace("-", "_"): value for name, value in answer.headers.items()}
        handler.reply(answer.status, body, **headers)

    def ask(self, segment, method="GET", **headers):
        """Status, headers without the date, and body."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, ROUTE + segment, headers=sent)
        reply = self._connection.getresponse()
        body = reply.read()
        heads = {k: v for k, v in reply.getheaders() if k not in {"Date", "Server"}}
        return reply.status, heads, body

    def close(self):
        self._connection.close()


@pytest.fixture
def served(tmp_path, clock, make_file, start_site, quiet, stop):
    made = Served(tmp_path, clock, make_file, start_site, quiet, stop)
    yield made
    made.close()


@pytest.fixture
def refused(served):
    """Ask, and check that the answer is the one 404, to the byte."""
    wanted = served.ask("nothing")
    assert wanted[0] == 404

    def check(segment, method="GET", **headers):
        status, heads, body = served.ask(segment, method, **headers)
        assert (status, heads) == wanted[:2], (segment, method)
        assert body == (b"" if method == "HEAD" else wanted[2])

    return check


def test_the_links_themselves_work(served, make_file):
    for extension, token in served.tokens.items():
        status, heads, body = served.ask(token)
        assert status == 200
        assert body == make_file(SIZES[extension]).read_bytes()
        assert heads["Cache-Control"] == "no-store"
        assert heads["X-Content-Type-Options"] == "nosniff"


def test_head_tells_the_size_and_sends_nothing(served):
    status, heads, body = served.ask(served.tokens[".mp4"], "HEAD", Range="bytes=0-9")
    assert (status, heads["Content-Length"], body) == (200, "70001", b"")


def test_every_single_changed_letter_is_refused(served, refused):
    for token in served.tokens.values():
        for place, letter in enumerate(token):
            for other in {"0", "a", "Z", "-", ".", letter.swapcase()} - {letter}:
                refused(quote(token[:place] + other + token[place + 1 :]))


def test_truncated_and_lengthened_tokens_are_refused(served, refused):
    token = served.tokens[".mp4"]
    for end in range(len(token)):
        refused(quote(token[:end]))
    for more in ["0", "/", "%00", "%0a", ".mp4", "?x", " ", "%20", "/../" + token]:
        if not more.startswith("?"):
            refused(token + more.replace(" ", "%20"))
    for before in ["/", "./", "%2e/", "0", "%00"]:
        refused(before + token)


def test_parts_of_two_links_do_not_make_a_third(served, refused):
    mp4, png = (served.tokens[e].split(".") for e in (".mp4", ".png"))
    for pick in range(1, 15):
        mixed = [(mp4, png)[pick >> place & 1][place] for place in range(4)]
        refused(".".join(mixed))


def test_a_link_to_one_clip_opens_no_other_clip(served, refused, make_file, quiet, stop):
    token = served.tokens[".mp4"]
    expires_at = int(token.split(".")[1], 16)
    other = served.published.publish(
        make_file(500), extension=".mp4", expires_at=expires_at, progress=quiet, stop=stop
    )
    assert served.ask(served.published.token(other, expires_at=expires_at))[0] == 200
    refused(".".join([other.split(".")[0], *token.split(".")[1:]]))


def test_a_longer_life_cannot_be_written_into_a_link(served, refused):
    file_id, expires, mac, extension = served.tokens[".mp4"].split(".")
    for changed in [f"{int(expires, 16) + 1:x}", "ffffffffffff", "1", "0", f"0{expires}",
                    expires.upper(), f"+{expires}", f"-{expires}", "²" * 8]:  # fmt: skip
        if changed != expires:
            refused(quote(".".join([file_id, changed, mac, extension])))


def test_an_expired_link_is_refused(served, refused):
    served.clock.offset_s = HOUR_S + 1
    for token in served.tokens.values():
        refused(token)
        refused(token, "HEAD")


def test_a_link_signed_with_another_secret_is_refused(served, refused, tmp_path):
    other = tmp_path / "other"
    (other / "published").mkdir(parents=True)
    name = served.names[".mp4"]
    (other / "published" / name).write_bytes(b"x")
    forged = PublishedFiles(other, served.clock).token(name, expires_at=served.clock.now() + HOUR_S)
    refused(forged)


@pytest.mark.parametrize(
    "path",
    [
        "../credentials.json", "..%2fcredentials.json", "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/published.key", "..\\credentials.json", "..%5ccredentials.json",
        "....//credentials.json", "%252e%252e%252fcredentials.json", "/etc/passwd",
        "%2fetc%2fpasswd", "C:%5cwindows%5cwin.ini", "file:%2f%2f%2fetc%2fpasswd",
        "loose.mp4", "published.key", "", "%00", "con.mp4", "~root", "%c0%ae%c0%ae/",
    ],
)  # fmt: skip
def test_no_path_leads_anywhere(refused, path):
    refused(path)


def test_names_without_a_signature_are_refused(served, refused):
    for name in served.names.values():
        refused(name)
        refused(name + "/")


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "Head"]
)
def test_other_methods_get_the_same_answer(served, refused, method):
    for token in served.tokens.values():
        refused(token, method)
    assert served.ask(served.tokens[".mp4"])[0] == 200


def test_only_media_types_come_out_whatever_is_signed(served, refused):
    name = served.names[".mp4"].replace(".mp4", ".html")
    (served.state / "published" / name).write_text("<script>SECRET</script>")
    refused(served.published.token(name, expires_at=served.clock.now() + HOUR_S))


def test_a_link_in_the_folder_to_a_file_outside_is_refused(served, refused, tmp_path):
    published = served.state / "published" / served.names[".mp4"]
    published.unlink()
    try:
        published.symlink_to(served.state / "credentials.json")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    refused(served.tokens[".mp4"])


@pytest.mark.parametrize(
    ("header", "status", "told", "piece"),
    [
        ("bytes=0-9", 206, "bytes 0-9/70001", slice(0, 10)),
        ("bytes=70000-", 206, "bytes 70000-70000/70001", slice(70000, None)),
        ("bytes=-100", 206, "bytes 69901-70000/70001", slice(-100, None)),
        ("bytes=69990-999999999", 206, "bytes 69990-70000/70001", slice(69990, None)),
        ("bytes=0-", 206, "bytes 0-70000/70001", slice(None)),
        ("bytes=70001-", 416, "bytes */70001", slice(0, 0)),
        ("bytes=999999999999999999-", 416, "bytes */70001", slice(0, 0)),
        ("bytes=-0", 416, "bytes */70001", slice(0, 0)),
        ("bytes=-999999", 206, "bytes 0-70000/70001", slice(None)),
        ("bytes=9-3", 200, None, slice(None)),
        ("bytes=0-1,5-9", 200, None, slice(None)),
        ("bytes=" + "9" * 400 + "-", 200, None, slice(None)),
        ("lines=1-2", 200, None, slice(None)),
    ],
)
def test_ranges_give_their_piece_and_never_more(served, make_file, header, status, told, piece):
    got, heads, body = served.ask(served.tokens[".mp4"], Range=header)
    assert got == status
    assert heads.get("Content-Range") == told
    assert body == make_file(70001).read_bytes()[piece]
    assert heads["Content-Length"] == str(len(body))


def test_a_range_of_another_version_gives_the_whole_file(served):
    token = served.tokens[".mp4"]
    etag = served.ask(token)[1]["ETag"]
    assert served.ask(token, Range="bytes=0-9", If_Range=etag)[0] == 206
    assert served.ask(token, Range="bytes=0-9", If_Range='"other"')[0] == 200


def test_ten_thousand_random_links_open_nothing(served, refused):
    chance = random.Random(4)
    letters = string.ascii_letters + string.digits + "-_"
    expires = f"{int(served.clock.now() + HOUR_S):x}"
    for number in range(10_000):
        file_id = "".join(chance.choices("0123456789abcdef", k=32))
        mac = "".join(chance.choices(letters, k=43))
        if number % 2:
            file_id = served.names[".mp4"].split(".")[0]  # even where the file's name is known
        refused(f"{file_id}.{expires}.{mac}.mp4")
    assert len(served.site.seen) > 10_000
