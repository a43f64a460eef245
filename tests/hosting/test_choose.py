"""Which hosts a file may go to, and the self-served and practice hosts through real HTTP."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

import pytest
from apixo_wan_animate.utils.errors import HostingError, SettingsError
from apixo_wan_animate.utils.hosting.choose import HostContext, choose, configured
from apixo_wan_animate.utils.hosting.place import Upload, place
from apixo_wan_animate.utils.hosting.published import FileRequest, PublishedFiles
from apixo_wan_animate.utils.hosting.selfserved import ROUTE, runpod_address
from apixo_wan_animate.utils.hosting.trial import try_host
from apixo_wan_animate.utils.settings import Settings, SettingsStore

STORE = "s3://media/wan"
PUBLIC = "https://comfy.example.org"
POD = {"RUNPOD_POD_ID": "abc123def456"}


@pytest.fixture
def context(transport, clock, tmp_path):
    return HostContext(transport, clock, tmp_path / "state", environ={})


def names(hosts):
    return [host.name for host in hosts]


TEMPORARY = ["Litterbox", "Uguu", "tmpfiles.org"]
OWN = ["this ComfyUI"]


@pytest.mark.parametrize(
    ("settings", "environ", "wanted"),
    [
        ({"store": STORE, "public_url": PUBLIC, "temporary_host": True}, {}, ["object store"]),
        ({"public_url": PUBLIC, "temporary_host": True}, {}, OWN),
        ({"public_url": PUBLIC}, POD, OWN),
        ({"temporary_host": True}, {}, TEMPORARY),
        ({}, POD, OWN),
        ({"temporary_host": True}, POD, OWN + TEMPORARY),
        ({"store": STORE}, POD, ["object store"]),
    ],
)
def test_auto_takes_the_first_that_is_configured(context, settings, environ, wanted):
    context = replace(context, environ=environ, port=8188)
    assert names(choose(Settings(**settings), "auto", context)) == wanted


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("auto", "Object store"),
        ("store", "APIXO_WAN_STORE"),
        ("self", "APIXO_WAN_PUBLIC_URL"),
        ("temporary", "APIXO_WAN_TEMPORARY_HOST"),
    ],
)
def test_what_is_not_configured_says_how_it_is(context, name, word):
    with pytest.raises(SettingsError) as caught:
        choose(Settings(), name, context)
    assert word in str(caught.value)
    assert "Settings → Wan Animate (APIXO) → Hosting" in str(caught.value)


@pytest.mark.parametrize("name", ["auto", "store", "self", "temporary"])
def test_practice_media_goes_to_practice_whatever_else_is_there(context, name):
    settings = Settings(store=STORE, public_url=PUBLIC, temporary_host=True, practice=True)
    context = replace(context, practice_origin="http://127.0.0.1:4321")
    assert names(choose(settings, name, context)) == ["practice service"]
    with pytest.raises(SettingsError, match="practice"):
        choose(settings, name, replace(context, practice_origin=None))


def test_the_rule_follows_what_the_owner_configured(context):
    public = choose(
        Settings(store=STORE, store_public_url="https://cdn.example.org"), "store", context
    )
    assert not public[0].rule.allow_loopback
    assert "https://cdn.example.org" in public[0].rule.exempt
    house = replace(context, environ={"AWS_ENDPOINT_URL": "http://192.168.0.5:9000"})
    assert "http://192.168.0.5:9000" in choose(Settings(store=STORE), "store", house)[0].rule.exempt
    local = choose(Settings(public_url=PUBLIC, base_url="http://127.0.0.1:9"), "self", context)
    assert local[0].rule.allow_loopback


def test_configured_tells_the_ways_that_auto_takes(context):
    settings = Settings(store=STORE, public_url=PUBLIC, temporary_host=True)
    assert configured(settings, context) == ("store",)
    found = replace(context, environ=POD, port=8188)
    assert configured(Settings(temporary_host=True), found) == ("self", "temporary")
    assert configured(Settings(), context) == ()


@pytest.mark.parametrize(
    ("environ", "port", "url"),
    [
        (POD, 8188, "https://abc123def456-8188.proxy.runpod.net"),
        (POD, 3000, "https://abc123def456-3000.proxy.runpod.net"),
        (POD, None, None),
        ({}, 8188, None),
        ({"RUNPOD_POD_ID": "evil.example.org/"}, 8188, None),
        ({"RUNPOD_POD_ID": ""}, 8188, None),
    ],
)
def test_a_runpod_address_is_found_in_the_environment(environ, port, url):
    found = runpod_address(environ, port=port)
    assert (found.url if found else None) == url
    assert found is None or not found.confirmed


@pytest.mark.parametrize(
    ("word", "vouched"),
    [("", False), ("0", False), ("1", True), (PUBLIC + "/", True), ("https://b.test", False)],
)
def test_a_confirmation_is_for_one_address_or_for_any(tmp_path, context, word, vouched):
    store = SettingsStore(tmp_path, {"APIXO_WAN_PUBLIC_URL": PUBLIC})
    store.save({"public_url_confirmed": word})
    (host,) = choose(store.load(), "self", context)
    assert host.may_be_unreachable is vouched


def test_a_confirmation_that_is_neither_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="APIXO_WAN_PUBLIC_URL_CONFIRMED"):
        SettingsStore(tmp_path, {"APIXO_WAN_PUBLIC_URL_CONFIRMED": "maybe"}).load()


# This ComfyUI, through a web server on loopback in its place


@pytest.fixture
def comfy(start_site, context):
    """A site that does what the pack's route does."""

    def answer(handler):
        asked = FileRequest(
            handler.command,
            unquote(handler.path.removeprefix("/behind/a/proxy").removeprefix(ROUTE)),
            handler.headers.get("Range", ""),
        )
        found = PublishedFiles(context.state, context.clock).answer(asked)
        body = found.body
        if found.file is not None:
            body = found.file.read_bytes()[found.window.start :][: found.window.length]
        headers = {name.replace("-", "_"): value for name, value in found.headers.items()}
        handler.reply(found.status, body, **headers)

    return start_site(answer)


@pytest.fixture
def hand_over(transport, make_file, quiet, stop):
    def hand_over(hosts):
        upload = Upload(make_file(70_001), ".mp4", "clip")
        return place(hosts, upload, transport=transport, progress=quiet, stop=stop)

    return hand_over


@pytest.mark.parametrize("path", ["", "/behind/a/proxy"])
def test_a_file_is_served_from_here_and_proved(comfy, context, hand_over, path, clock):
    settings = Settings(public_url=comfy.origin + path, base_url=comfy.origin)
    placed = hand_over(choose(settings, "self", context))
    assert placed.hosted.url.startswith(comfy.origin + path + ROUTE)
    assert placed.hosted.url.endswith(".mp4")
    assert placed.warnings == ()
    assert placed.hosted.expires_at == pytest.approx(clock.now() + 24 * 3600, abs=60)
    assert repr(placed.hosted).count(ROUTE) == 0


def test_a_fresh_link_is_signed_while_the_file_is_there(comfy, context, hand_over, clock):
    (host,) = choose(Settings(public_url=comfy.origin, base_url=comfy.origin), "self", context)
    hosted = hand_over([host]).hosted
    clock.offset_s = 20 * 3600
    fresh = host.sign(hosted.handle)
    assert fresh.expires_at > hosted.expires_at
    host.delete(fresh)
    host.delete(fresh)
    assert host.sign(hosted.handle) is None


@pytest.mark.parametrize("handle", ["", "../published.key", "a.mp4", "x" * 32 + ".mp4"])
def test_a_handle_that_is_none_signs_nothing(comfy, context, handle):
    (host,) = choose(Settings(public_url=comfy.origin), "self", context)
    assert host.sign(handle) is None


def test_a_public_address_that_leads_elsewhere_is_refused_and_nothing_stays(
    start_site, context, hand_over
):
    router = start_site(lambda handler: handler.reply(200, b"<html>Router login</html>"))
    settings = Settings(public_url=router.origin, public_url_confirmed="1", base_url=router.origin)
    with pytest.raises(HostingError, match="web page"):
        hand_over(choose(settings, "self", context))
    assert list((context.state / "published").iterdir()) == []


def test_an_unreachable_public_address_needs_its_owners_word(comfy, context, hand_over):
    settings = Settings(public_url=comfy.origin, base_url=comfy.origin)
    comfy.close()
    with pytest.raises(HostingError, match="cannot be reached"):
        hand_over(choose(settings, "self", context))
    settings = replace(settings, public_url_confirmed=comfy.origin)
    (warning,) = hand_over(choose(settings, "self", context)).warnings
    assert "confirmed" in warning


def test_a_host_can_be_tried(comfy, context, transport, tmp_path):
    settings = Settings(public_url=comfy.origin, base_url=comfy.origin)
    (host,) = choose(settings, "self", context)
    report = try_host(host, transport=transport, temp=tmp_path / "temp")
    assert report.works, report.text
    assert report.host == "this ComfyUI"
    assert list((context.state / "published").iterdir()) == []
    assert list((tmp_path / "temp").iterdir()) == []


def test_trying_a_host_that_fails_tells_why_and_raises_nothing(
    start_site, context, transport, tmp_path
):
    site = start_site(lambda handler: handler.reply(404))
    settings = Settings(public_url=site.origin, base_url=site.origin)
    (host,) = choose(settings, "self", context)
    report = try_host(host, transport=transport, temp=tmp_path / "temp")
    assert not report.works
    assert "404" in report.text


# The practice service's upload


def test_practice_media_goes_up_and_comes_back(start_site, context, hand_over):
    files = {}

    def answer(handler):
        if handler.command == "PUT" and handler.path.startswith("/upload/"):
            name = handler.path.rsplit("/", 1)[1]
            files[name] = handler.body
            origin = f"http://{handler.headers['Host']}"
            handler.reply(200, b'{"url": "%s/files/%s"}' % (origin.encode(), name.encode()))
        else:
            handler.reply_file(files[handler.path.rsplit("/", 1)[1]], "video/mp4")

    site = start_site(answer)
    context = replace(context, practice_origin=site.origin)
    placed = hand_over(choose(Settings(practice=True), "auto", context))
    assert placed.hosted.url.startswith(site.origin + "/files/")
    assert placed.warnings == ()


@pytest.mark.parametrize(
    "body", [b"", b"null", b'{"url": "https://example.org/a.mp4 "}', b"<html>"]
)
def test_a_practice_service_that_answers_nonsense_is_an_error(start_site, context, hand_over, body):
    site = start_site(lambda handler: handler.reply(200, body))
    context = replace(context, practice_origin=site.origin)
    with pytest.raises(HostingError, match="practice"):
        hand_over(choose(Settings(practice=True), "auto", context))


def test_store_files_are_placed_and_proved_by_signed_links(s3, context, hand_over):
    import os

    context = replace(context, environ=os.environ)
    settings = Settings(store=STORE, base_url=s3.origin)
    (host,) = choose(settings, "auto", context)
    placed = hand_over([host])
    assert "X-Amz-Signature" in placed.hosted.url
    assert placed.warnings == ()
    host.delete(placed.hosted)
    assert s3.stored() == []
