"""The tests' own S3 door: it must refuse what a real one refuses, or the other tests prove nothing.

s3rver reads signatures of version 4 without checking them, so `s3/signature.js` does that.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

S3 = Path(__file__).parent / "s3"

# The example of "Authenticating Requests: Using Query Parameters" in Amazon's S3 API reference.
EXAMPLE = (
    "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
    "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
    "&X-Amz-SignedHeaders=host&X-Amz-Signature="
)
SIGNATURE = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

SCRIPT = """
const [request, secrets, now] = JSON.parse(process.argv[1])
Date.now = () => now
const { verify } = require('./signature.js')
try { verify(request, secrets); console.log('ok') } catch (error) { console.log(error.code) }
"""
DAY = 1369353600000  # 2013-05-24 as Unix milliseconds


@pytest.fixture
def verdict():
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on the PATH")

    def verdict(url, *, method="GET", host="examplebucket.s3.amazonaws.com", at_ms=DAY + 1000):
        request = {"method": method, "url": url, "headers": {"host": host}}
        argument = json.dumps([request, {"AKIAIOSFODNN7EXAMPLE": SECRET}, at_ms])
        command = [node, "-e", SCRIPT, argument]
        done = subprocess.run(command, cwd=S3, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return verdict


def test_amazons_own_example_is_accepted(verdict):
    assert verdict(EXAMPLE + SIGNATURE) == "ok"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"url": EXAMPLE + SIGNATURE[:-1] + "5"}, "SignatureDoesNotMatch"),
        ({"url": (EXAMPLE + SIGNATURE).replace("test.txt", "text.txt")}, "SignatureDoesNotMatch"),
        ({"url": (EXAMPLE + SIGNATURE).replace("=86400", "=86401")}, "SignatureDoesNotMatch"),
        ({"url": (EXAMPLE + SIGNATURE).replace("IOSF", "IOSG")}, "InvalidAccessKeyId"),
        ({"url": EXAMPLE + SIGNATURE, "method": "PUT"}, "SignatureDoesNotMatch"),
        ({"url": EXAMPLE + SIGNATURE, "host": "other.s3.amazonaws.com"}, "SignatureDoesNotMatch"),
        ({"url": EXAMPLE + SIGNATURE, "at_ms": DAY + 86401000}, "AccessDenied"),
        ({"url": "/test.txt"}, "AccessDenied"),
    ],
)
def test_every_change_of_it_is_refused(verdict, change, code):
    assert verdict(**change) == code
