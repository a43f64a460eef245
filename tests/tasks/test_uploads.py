"""Uploads: proved before money, used again, and deleted only when nobody needs them."""

from __future__ import annotations

import threading
import tracemalloc
from dataclasses import replace

import pytest
import requests
from apixo_wan_animate.utils.addresses import AddressRule
from apixo_wan_animate.utils.errors import LimitError, SettingsError
from apixo_wan_animate.utils.hosting.host import HostedFile
from apixo_wan_animate.utils.hosting.published import PublishedFiles
from apixo_wan_animate.utils.hosting.selfserved import PublicAddress, SelfServedHost
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger
from apixo_wan_animate.utils.ledger.rows import NewTask
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import instead
from apixo_wan_animate.utils.tasks.request import ShareWish
from apixo_wan_animate.utils.tasks.service import Surroundings
from apixo_wan_animate.utils.tasks.upload_cache import CachedUpload, UploadCache
from patience import until

from .test_cancel import Gate
from .test_changed_media import BusyEncoder
from .test_trouble import Signing, Store, with_store
from .world import clip, outcome, picture, request


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open()


@pytest.fixture
def encoder():
    made = BusyEncoder()
    yield made
    made.done.set()


# In the cache

PLACE = "store s3://bucket/ at https://s3.example.test"


@pytest.fixture
def cache(database, clock):
    return UploadCache(database, clock)


@pytest.fixture
def ledger(database, clock):
    return Ledger(database, clock, owner="a" * 32)


def upload(
    digest: str = "clip-480p-d1", *, url: str = "https://s3.example.test/x.mp4"
) -> CachedUpload:
    return CachedUpload(digest, HostedFile(url, None, PLACE, "x.mp4"), 77, b"first", 3.0)


def row_of(ledger: Ledger, fingerprint: str) -> int:
    row, _ = ledger.admit(NewTask("https://api.example.test", False, fingerprint=fingerprint))
    return row.id


def test_thousands_of_uploads_do_not_fill_the_memory(cache, clock):
    signed = f"https://s3.example.test/x.mp4?X-Amz-Signature={'a' * 500}"
    tracemalloc.start()
    try:
        for number in range(1500):
            last = CachedUpload(
                f"d{number}", HostedFile(signed, clock.now() + 9, PLACE, "x"), 7, b"f"
            )
            cache.keep(last, source_digest="s")
            if number == 700:
                before, _ = tracemalloc.get_traced_memory()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000
    assert cache.find("d1499", PLACE).hosted.url == signed
    assert cache.find("d0", PLACE).hosted.handle == "x"  # from which its host signs a new link


def temporary(clock, *, lives_s: float, query: str = "") -> CachedUpload:
    link = f"https://files.example.test/x.mp4{query}"
    return CachedUpload("first", HostedFile(link, clock.now() + lives_s, PLACE, ""), 7, b"f")


def many_more(cache, clock, *, handle: str) -> None:
    for number in range(600):
        hosted = HostedFile("https://s3.example.test/y", clock.now() + 3600, PLACE, handle)
        cache.keep(CachedUpload(f"d{number}", hosted, 7, b"f"), source_digest="s")


@pytest.mark.parametrize("handle", ["y", ""])
def test_a_link_that_nothing_replaces_outlasts_many_uploads(cache, clock, handle):
    cache.keep(temporary(clock, lives_s=7200, query="?token=1"), source_digest="s")
    many_more(cache, clock, handle=handle)
    assert cache.find("first", PLACE).hosted.url.endswith("?token=1")


def test_a_link_lives_no_longer_for_a_clock_set_back_after_many_uploads(cache, clock):
    cache.keep(temporary(clock, lives_s=1000), source_digest="s")
    clock.advance(900)
    clock.jump(-500)
    many_more(cache, clock, handle="y")
    assert cache.find("first", PLACE).hosted.expires_at - clock.now() == pytest.approx(100)


def test_dead_links_make_room(cache, clock):
    many_more(cache, clock, handle="")
    assert len(cache._links) == 600  # each is the only place where its link stands
    clock.advance(3700)
    cache.keep(temporary(clock, lives_s=10), source_digest="s")
    assert len(cache._links) == 500


def test_a_link_that_was_renewed_is_as_old_as_its_renewal(database, clock):
    UploadCache(database, clock).keep(temporary(clock, lives_s=7200), source_digest="s")
    clock.advance(3600)
    UploadCache(database, clock).keep(temporary(clock, lives_s=7200), source_digest="s")
    clock.jump(-60)
    found = UploadCache(database, clock).find("first", PLACE)
    assert found.hosted.expires_at < clock.now()


def test_what_is_claimed_first_is_not_taken_away(cache, ledger):
    cache.keep(upload(), source_digest="d1")
    row_id = row_of(ledger, "f1")
    assert cache.claim("clip-480p-d1", PLACE, rows=[row_id], shared=False) is not None
    assert cache.take_needless({PLACE}) == []


def test_what_is_taken_away_first_cannot_be_claimed(cache, ledger):
    cache.keep(upload(), source_digest="d1")
    assert [taken.digest for taken in cache.take_needless({PLACE})] == ["clip-480p-d1"]
    row_id = row_of(ledger, "f1")
    assert cache.claim("clip-480p-d1", PLACE, rows=[row_id], shared=False) is None
    assert not cache.need(row_id, [("clip-480p-d1", PLACE)])


def test_of_a_claim_and_a_taking_at_the_same_instant_exactly_one_succeeds(cache, ledger):
    row_id = row_of(ledger, "f1")
    for turn in range(40):
        digest = f"clip-480p-{turn}"
        cache.keep(upload(digest), source_digest="d")
        gate, got = threading.Barrier(2), {}

        def claim(digest=digest, gate=gate, got=got):
            gate.wait()
            got["claim"] = cache.claim(digest, PLACE, rows=[row_id], shared=False)

        thread = threading.Thread(target=claim)
        thread.start()
        gate.wait()
        taken = [one.digest for one in cache.take_needless({PLACE})]
        thread.join()
        assert (got["claim"] is not None) != (digest in taken)


def test_what_a_node_gave_away_is_never_taken(cache):
    cache.keep(upload("clip--d1"), source_digest="d1", shared=True)
    cache.keep(upload("clip--d2"), source_digest="d2")
    cache.claim("clip--d2", PLACE, rows=[], shared=True)
    assert cache.take_needless({PLACE}) == []


def test_what_lies_at_another_host_is_left_there(cache):
    cache.keep(upload(), source_digest="d1")
    assert cache.take_needless({"store s3://other/ at https://s3.example.test"}) == []
    assert cache.find("clip-480p-d1", PLACE) is not None


def test_a_link_of_ours_stands_for_its_medium_for_months(cache, clock):
    cache.keep(upload(), source_digest="d1")
    clock.advance(200 * 86_400)
    cache.sweep()
    assert cache.behind("https://s3.example.test/x.mp4") == ("d1", 3.0)
    clock.advance(200 * 86_400)
    cache.sweep()
    assert cache.behind("https://s3.example.test/x.mp4") is None


def test_a_link_that_this_comfyui_signs_in_its_path_is_not_written_down(tmp_path, database, clock):
    file = tmp_path / "picture.png"
    file.write_bytes(b"\x89PNG" + b"x" * 60)
    rule = AddressRule(allow_loopback=True)
    served = PublishedFiles(tmp_path / "state", clock)
    host = SelfServedHost(served, PublicAddress("https://me.test"), clock=clock, rule=rule)
    hosted = host.put(
        file,
        media_type="image/png",
        extension=".png",
        progress=lambda done, total: None,
        stop=threading.Event(),
    )
    token = hosted.url.rsplit("/", 1)[1]
    cache = UploadCache(database, clock)
    cache.keep(CachedUpload("picture-d", hosted, 64, b"\x89PNG"), source_digest="d")
    seen = [p.name for p in tmp_path.glob(f"{LEDGER_FILE}*") if token.encode() in p.read_bytes()]
    assert seen == []
    again = UploadCache(database, clock).find("picture-d", host.identity)
    assert again.hosted.url == ""
    assert host.sign(again.hosted.handle).url.startswith("https://me.test/")
    assert cache.behind(hosted.url) == ("d", None)


# Under way


def links_of(world) -> set[str]:
    return {task[name] for task in world.dashboard() for name in ("image_url", "video_url")}


class SlowStore(Store):
    """A store that takes its time to delete, and then really does."""

    def __init__(self, world, gate) -> None:
        super().__init__(world)
        self._gate = gate

    def delete(self, hosted) -> None:
        self._gate.reached.set()
        self._gate._open.wait(90)
        super().delete(hosted)
        requests.delete(hosted.url, timeout=10).raise_for_status()


def test_a_link_is_never_used_again_while_its_file_is_being_deleted(world, gate):
    world.environ |= {"APIXO_WAN_STORE": "s3://bucket", "APIXO_WAN_STORE_DELETE": "1"}
    store = SlowStore(world, gate)
    service = world.service_around(Surroundings(hosts=lambda settings, name: [store]))
    outcome(service.start(request(1)))
    assert gate.reached.wait(90)
    release = Gate()
    world.plan.add("submit", release)
    watch = service.start(request(2))
    assert release.reached.wait(90), "it is about to be submitted"
    gate.open()
    until(lambda: len(store.deleted) == 2)
    gone = set(store.deleted)
    release.open()
    outcome(watch)
    (second,) = [task for task in world.dashboard() if task["seed"] == 2]
    assert not {second["image_url"], second["video_url"]} & gone


def test_a_clip_stays_for_a_task_whose_picture_is_still_going_up(world, gate):
    service, store = with_store(world)
    clips = Gate()
    world.plan.add("upload", clips, path=".mp4")
    world.plan.add("upload", gate, path=".png", skip=1)
    motion = clip()
    watches = [service.start(request(character=picture(n), motion=motion)) for n in (1, 2)]
    until(lambda: len(world.rows()) == 2)
    assert clips.reached.wait(90)
    assert gate.reached.wait(90)
    clips.open()
    until(lambda: any(watch.done for watch in watches))
    until(lambda: len(store.deleted) >= 1)
    assert not [url for url in store.deleted if url.endswith(".mp4")]
    gate.open()
    for watch in watches:
        outcome(watch)
    until(lambda: len(store.deleted) == 3)
    assert set(store.deleted) == links_of(world)


def test_uploads_of_a_task_that_was_cancelled_are_deleted_too(world):
    service, store = with_store(world)
    world.plan.add("submit", instead(429, headers={"Retry-After": "1500"}), times=9)
    watch = service.start(request())
    until(lambda: "busy" in watch.progress.note)
    assert store.deleted == []
    watch.leave()
    until(lambda: len(store.deleted) == 2)
    assert world.rows() == []


def test_uploads_of_a_task_that_the_daily_limit_stops_are_deleted_too(world):
    world.environ["APIXO_WAN_DAILY_SECONDS"] = "4"
    service, store = with_store(world)
    with pytest.raises(LimitError):
        outcome(service.start(request()))
    until(lambda: len(store.deleted) == 2)
    assert world.submits == 0


def test_uploads_of_a_forgotten_row_are_deleted_too(world):
    service, store = with_store(world)
    world.plan.add("status", instead(500), times=10**6)
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    assert store.deleted == []
    service.forget(world.only_row().id, force=True)
    until(lambda: len(store.deleted) == 2)


def test_an_upload_that_is_wanted_as_a_link_while_a_task_ends_is_not_deleted(world):
    service, store = with_store(world)
    world.plan.add("status", instead(500), times=3)
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    share = service.share(ShareWish(picture(), "auto"))
    until(lambda: share.done)
    outcome(watch)
    until(lambda: len(store.deleted) >= 1)
    assert share.hosted().url not in store.deleted


def test_a_host_that_the_owner_takes_away_meanwhile_gets_nothing(world, encoder):
    def hosts(settings, name):
        if not settings.temporary_host:
            raise SettingsError("The owner has not agreed to temporary hosts. Ask him.")
        return [world.host()]

    world.environ["APIXO_WAN_TEMPORARY_HOST"] = "1"
    service = world.service_around(Surroundings(hosts=hosts))
    encoder.hold(service)
    watch = service.start(request())
    encoder.until_waiting(service, 2)
    world.environ["APIXO_WAN_TEMPORARY_HOST"] = "0"
    encoder.done.set()
    with pytest.raises(SettingsError, match="not agreed"):
        outcome(watch)
    assert (world.remote.counts["upload"], world.submits) == (0, 0)


def test_a_link_that_has_waited_until_it_is_about_to_die_is_made_anew(world, clock, gate):
    host = Signing(world, clock)
    world.plan.add("upload", gate, path=".mp4")
    service = world.service_around(Surroundings(hosts=lambda settings, name: [host]), clock)
    watch = service.start(request())
    assert gate.reached.wait(90)
    until(lambda: host.signed == 1)
    until(lambda: service._house.table.all()[0].parts[0].done)
    clock.advance(4000)  # of two hours that the picture's link lives
    gate.open()
    until(lambda: clock.advance(1) or watch.done)
    outcome(watch)
    (task,) = world.dashboard()
    assert task["image_url"].endswith("verysecret3")
    assert task["video_url"].endswith("verysecret2")
    assert (world.submits, world.remote.counts["upload"]) == (1, 2)


def test_links_that_die_soon_on_any_host_do_not_keep_a_task_from_its_submit(world, clock):
    class Brief(Signing):
        def sign(self, handle: str) -> HostedFile:
            return replace(super().sign(handle), expires_at=clock.now() + 900)

    host = Brief(world, clock)
    service = world.service_around(Surroundings(hosts=lambda settings, name: [host]), clock)
    watch = service.start(request())
    until(lambda: clock.advance(1) or watch.done)
    assert outcome(watch).row.state is State.COLLECTED
    assert (world.submits, host.signed) == (1, 2)
