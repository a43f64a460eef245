"""What has come by one link counts for the next one that leads to the same file."""

from __future__ import annotations

import pytest
from apixo_wan_animate.utils.errors import TransportError
from apixo_wan_animate.utils.transport import Partial, RefusedLinkError, Transport
from clocks import RealtimeClock
from rawserver import Asked, Wire, reply_bytes
from served_file import FILE, LIMIT, OTHER, begin_of, host, part, same, whole

HALF = 150_000
DATE = "Wed, 25 Nov 2026 08:00:00 GMT"


class Fetching:
    """Several downloads to one place, of which each knows what the last one left."""

    def __init__(self, target, rule) -> None:
        self.target = target
        self.so_far = Partial()
        self._rule = rule
        self._transport = Transport(RealtimeClock())

    def __call__(self, url: str) -> bytes:
        self._transport.download(
            url, self.target, limit_bytes=LIMIT, rule=self._rule, so_far=self.so_far
        )
        return self.target.read_bytes()

    def begin(self, url: str) -> None:
        """By a link that ends with the first cut."""
        with pytest.raises(RefusedLinkError):
            self(url)


@pytest.fixture
def fetching(tmp_path, loopback):
    return Fetching(tmp_path / "result.part", loopback)


def ending_link(*, then, **headers: str):
    """Half of the file, then a refusal, then what `then` makes of the request."""

    def one(wire: Wire, asked: Asked, number: int) -> None:
        if number == 0:
            wire.send(whole(upto=HALF, **headers))
            wire.close()
        elif number == 1:
            wire.send(reply_bytes(403, b"<Error/>"))
        else:
            wire.send(then(asked))

    return host(one)


def rest(content: bytes = FILE, **options: str):
    return lambda asked: part(begin_of(asked), content, **options)


def test_a_new_link_goes_on_where_the_refused_one_stopped(serve, fetching):
    server = serve(ending_link(then=rest(), ETag='"v1"'))
    fetching.begin(f"{server.origin}/r.mp4?sig=1")
    assert same(fetching(f"{server.origin}/r.mp4?sig=2"))
    last = server.requests[-1]
    assert (last.headers["range"], last.headers["if-range"]) == (f"bytes={HALF}-", '"v1"')
    assert len(server.requests) == 3


def test_a_new_link_that_ignores_ranges_brings_the_whole(serve, fetching):
    server = serve(ending_link(then=lambda asked: whole(ETag='"v1"'), ETag='"v1"'))
    fetching.begin(f"{server.origin}/r.mp4")
    assert same(fetching(f"{server.origin}/r.mp4"))


@pytest.mark.parametrize(
    "then",
    [
        lambda asked: whole(OTHER, ETag='"v2"'),
        lambda asked: (
            part(begin_of(asked), OTHER, tag='"v2"')
            if "range" in asked.headers
            else whole(OTHER, ETag='"v2"')
        ),
        lambda asked: (
            part(begin_of(asked), OTHER + b"more")
            if "range" in asked.headers
            else whole(OTHER, ETag='"v1"')
        ),
    ],
    ids=["an honest host", "another tag", "another size"],
)
def test_another_version_behind_the_new_link_is_begun_anew(serve, fetching, then):
    server = serve(ending_link(then=then, ETag='"v1"'))
    fetching.begin(f"{server.origin}/r.mp4?sig=1")
    assert same(fetching(f"{server.origin}/r.mp4?sig=2"), OTHER)


@pytest.mark.parametrize(
    ("headers", "path", "asked_for"),
    [
        ({"ETag": '"v1"'}, "/other.mp4", f"bytes={HALF}-"),
        ({"Last_Modified": DATE}, "/r.mp4?sig=2", f"bytes={HALF}-"),
        ({"Last_Modified": DATE}, "/other.mp4", None),
        ({}, "/r.mp4", None),
    ],
    ids=["a tag elsewhere", "a date", "a date elsewhere", "nothing"],
)
def test_a_part_counts_only_where_it_is_sure_to_be_of_the_same_file(
    serve, fetching, headers, path, asked_for
):
    def then(asked: Asked) -> bytes:
        if "range" in asked.headers:
            where = f"bytes {begin_of(asked)}-{len(FILE) - 1}/{len(FILE)}"
            return reply_bytes(206, FILE[begin_of(asked) :], Content_Range=where)
        return whole()

    def one(wire: Wire, asked: Asked, number: int) -> None:
        if number == 0:
            wire.send(whole(upto=HALF, **headers))
            wire.close()
        else:
            wire.send(reply_bytes(403, b"") if number == 1 else then(asked))

    server = serve(host(one))
    fetching.begin(f"{server.origin}/r.mp4?sig=1")
    assert same(fetching(server.origin + path))
    assert server.requests[-1].headers.get("range") == asked_for


def test_a_part_that_is_shorter_than_it_was_is_begun_anew(serve, fetching):
    server = serve(ending_link(then=lambda asked: whole(ETag='"v1"'), ETag='"v1"'))
    fetching.begin(f"{server.origin}/r.mp4")
    fetching.target.write_bytes(FILE[:99])
    assert same(fetching(f"{server.origin}/r.mp4"))
    assert "range" not in server.requests[-1].headers


def test_what_is_too_large_leaves_nothing_to_go_on_from(serve, fetching):
    server = serve(ending_link(then=rest(), ETag='"v1"'))
    fetching.begin(f"{server.origin}/r.mp4")
    with pytest.raises(TransportError):
        fetching._transport.download(
            f"{server.origin}/r.mp4",
            fetching.target,
            limit_bytes=len(FILE) - 1,
            rule=fetching._rule,
            so_far=fetching.so_far,
        )
    assert not fetching.so_far.resumable
