"""Range headers, against what RFC 9110 says of each."""

from __future__ import annotations

import pytest
from apixo_wan_animate.utils.hosting.ranges import OutsideError, Window, read_range
from hypothesis import given
from hypothesis import strategies as st

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "start", "length"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-499", 0, 500),
        ("bytes=500-", 500, 500),
        ("bytes=990-5000", 990, 10),
        ("bytes=-1", 999, 1),
        ("bytes=-5000", 0, 1000),
        ("bytes=0-", 0, 1000),
        ("Bytes=1-2", 1, 2),
    ],
)
def test_a_range_names_its_piece(header, start, length):
    assert read_range(header, SIZE) == Window(start, length)


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "items=0-5", "bytes=0-1,5-6",
     "bytes=--5", "bytes=1-2-3", "bytes=0x0-1", "bytes=٣-٤", "bytes=0-" + "9" * 5000, "\x00"],
)  # fmt: skip
def test_a_range_that_is_none_means_the_whole_file(header):
    assert read_range(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-1000", "bytes=99999-", "bytes=-0"])
def test_a_range_outside_the_file_is_refused(header):
    with pytest.raises(OutsideError):
        read_range(header, SIZE)


@given(st.text(max_size=30) | st.from_regex(r"bytes=\d{0,20}-\d{0,20}", fullmatch=True))
def test_no_header_reaches_outside_the_file(header):
    try:
        window = read_range(header, SIZE)
    except OutsideError:
        return
    if window is not None:
        assert window.start >= 0
        assert window.length > 0
        assert window.start + window.length <= SIZE
