"""The links of a result are found in whatever form they come; nothing else is taken for one."""

from __future__ import annotations

import json

import pytest

URL = "https://r2.apixo.ai/results/one.mp4"
OTHER = "https://r2.apixo.ai/results/two.mp4"
COVER = "https://r2.apixo.ai/results/cover.png"
BARE = "https://r2.apixo.ai/results/0a1b2c"


def nested(value: object, *, times: int) -> object:
    for _ in range(times):
        value = [value]
    return value


RESULTS = {
    "text": (json.dumps({"resultUrls": [URL]}), (URL,)),
    "object": ({"resultUrls": [URL]}, (URL,)),
    "list": ([URL], (URL,)),
    "text of a list": (json.dumps([URL]), (URL,)),
    "link": (URL, (URL,)),
    "text of a link": (json.dumps(URL), (URL,)),
    "text of a text": (json.dumps(json.dumps({"resultUrls": [URL]})), (URL,)),
    "two links": ({"resultUrls": [URL, OTHER]}, (URL, OTHER)),
    "the same link twice": ({"resultUrls": [URL, OTHER, URL]}, (URL, OTHER)),
    "bare link": ({"resultUrls": f" {URL} "}, (URL,)),
    "resultUrl": ({"resultUrl": URL}, (URL,)),
    "result_urls": ({"result_urls": [URL]}, (URL,)),
    "urls": ({"urls": [URL]}, (URL,)),
    "url": ({"url": URL}, (URL,)),
    "a list in a list": ({"resultUrls": [[URL], [OTHER]]}, (URL, OTHER)),
    "a list of objects": ({"resultUrls": [{"url": URL}, {"url": OTHER}]}, (URL, OTHER)),
    "a JSON text inside": ({"resultUrls": json.dumps([URL])}, (URL,)),
    "clips before the rest": ({"resultUrls": [COVER, BARE, OTHER, URL]}, (OTHER, URL, COVER, BARE)),
    "a clip by its path": ({"resultUrls": [COVER + "?f=a.mp4", URL + "?f=a.png"]},
                           (URL + "?f=a.png", COVER + "?f=a.mp4")),
    "capitals": ({"resultUrls": [COVER, "HTTPS://h.example/A.MP4"]},
                 ("HTTPS://h.example/A.MP4", COVER)),
    "not ASCII": ({"resultUrls": ["https://h.example/é%20 ü.mp4"]},
                  ("https://h.example/%C3%A9%20%20%C3%BC.mp4",)),
    "a lone surrogate": ('{"resultUrls":["https://h.example/\\ud800"]}',
                         ("https://h.example/?",)),
    "signed": ({"resultUrls": [URL + "?X-Sig=a%2Fb+c~d&e=(f)"]}, (URL + "?X-Sig=a%2Fb+c~d&e=(f)",)),
    "with other things": ({"resultUrls": [None, "", "file:///x", "/x", 7, URL, {"u": OTHER}]},
                          (URL,)),
    "no port": ({"resultUrls": ["https://[::1/a.mp4", URL]}, (URL, "https://[::1/a.mp4")),
    "endless": ({"resultUrls": [f"{URL}?{n}" for n in range(1000)]},
                tuple(f"{URL}?{n}" for n in range(16))),
    "a clip behind many others": ([*(f"{BARE}?{n}" for n in range(99)), URL],
                                  (URL, *(f"{BARE}?{n}" for n in range(15)))),
    "a link of a megabyte": ({"resultUrls": ["https://h.example/" + "x" * 600_000]}, ()),
    "deeper than anybody means": (nested(URL, times=50), ()),
    "deep": ("[" * 100_000, ()),
    "null": (None, ()),
    "empty text": ("", ()),
    "half a text": ('{"resultUrls":["https://h', ()),
    "a number": (7, ()),
    "text of null": ("null", ()),
    "no links": ({"resultUrls": []}, ()),
    "links null": ({"resultUrls": None}, ()),
    "links of something else": ({"image_urls": [URL], "cover": URL}, ()),
}  # fmt: skip


@pytest.mark.parametrize("result", RESULTS)
def test_links_are_found_in_whatever_form_they_come(service, result):
    sent, links = RESULTS[result]
    status = service.succeeds({"taskId": "t-1", "state": "success", "resultJson": sent}).status(
        "t-1"
    )
    assert status.result_urls == links


@pytest.mark.parametrize("name", ["resultUrls", "resultUrl", "result_urls", "result_url"])
def test_links_are_found_beside_an_empty_result(service, name):
    data = {"taskId": "t-1", "state": "success", "resultJson": None, name: [URL]}
    assert service.succeeds(data).status("t-1").result_urls == (URL,)


@pytest.mark.parametrize("name", ["url", "urls", "video_urls", "input"])
def test_links_that_may_be_those_of_the_inputs_are_no_result(service, name):
    data = {"taskId": "t-1", "state": "success", "resultJson": "{}", name: [URL]}
    assert service.succeeds(data).status("t-1").result_urls == ()
