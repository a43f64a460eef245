"""The library behind object stores: loaded when first needed, told what the environment says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import HostingError, SettingsError

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

    Bucket = S3Store | GCSStore | AzureStore

_ENDPOINT_VARIABLES = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_OFFICIAL = {
    "s3": "https://s3.amazonaws.com",
    "gs": "https://storage.googleapis.com",
    "az": "https://blob.core.windows.net",
}
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_S3_IDENTITIES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)
_RETRIES = {
    "max_retries": 3,
    "backoff": {
        "init_backoff": timedelta(seconds=0.5),
        "max_backoff": timedelta(seconds=4),
        "base": 2,
    },
    "retry_timeout": timedelta(minutes=2),
}


@dataclass(frozen=True)
class StoreAddress:
    """An object store as the settings name it.

    Attributes:
        scheme: "s3", "gs" or "az".
        bucket: The bucket, or Azure's container.
        prefix: What each name begins with, without slashes at the ends; may hold any letters.
    """

    scheme: str
    bucket: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> StoreAddress:
        """Read `s3://bucket/prefix` and its like; nothing in it is percent-decoded.

        Raises:
            SettingsError: It is not the address of an object store.
        """
        scheme, _, rest = text.partition("://")
        bucket, _, prefix = rest.partition("/")
        parts = prefix.strip("/").split("/") if prefix else []
        bad_prefix = any(part in {"", ".", ".."} or not part.isprintable() for part in parts)
        if scheme not in _OFFICIAL or not re.fullmatch(r"[A-Za-z0-9._-]+", bucket) or bad_prefix:
            raise SettingsError(
                f"“{text[:80]}” is not the address of an object store. Write APIXO_WAN_STORE like "
                "s3://bucket/prefix, gs://bucket/prefix or az://container/prefix."
            )
        if scheme == "az" and not re.fullmatch(r"[A-Za-z0-9._~/-]*", prefix):
            # The library signs the encoded name there, and Azure checks the plain one.
            raise SettingsError(
                f"The prefix “{prefix[:60]}” contains characters that links to Azure cannot have. "
                "Use plain letters, digits and - . _ ~ in APIXO_WAN_STORE."
            )
        return cls(scheme, bucket, "/".join(parts))

    def key(self, name: str) -> str:
        """The full name of an object."""
        return f"{self.prefix}/{name}" if self.prefix else name


def endpoint_of(address: StoreAddress, environ: Mapping[str, str]) -> str:
    """The address of the store's server, official or of the owner's choice.

    Raises:
        SettingsError: The owner's is no web address.
    """
    for variable in _ENDPOINT_VARIABLES[address.scheme]:
        endpoint = environ.get(variable, "").strip().rstrip("/")
        if endpoint:
            if not re.match(r"https?://[^/\s]", endpoint):
                raise SettingsError(
                    f"{variable} is not a web address. Write it like https://s3.example.org, with "
                    "https:// (or http:// in your own network) in front."
                )
            return endpoint
    return _OFFICIAL[address.scheme]


def open_bucket(address: StoreAddress, environ: Mapping[str, str]) -> Bucket:
    """Open the store; speaks to nobody yet.

    Credentials and proxies are read from the process environment by the library itself.

    Raises:
        SettingsError: The library cannot be loaded, or credentials are missing or malformed.
    """
    endpoint = endpoint_of(address, environ)
    _check_identity(address, environ)
    try:
        from obstore.exceptions import BaseError
        from obstore.store import AzureStore, GCSStore, S3Store
    except ImportError as error:
        raise SettingsError(
            f"The library for object stores could not be loaded ({type(error).__name__}). Run: "
            "pip install -U obstore, with ComfyUI's Python, and restart ComfyUI."
        ) from error
    kinds: dict[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    options = _client_options(endpoint, environ)
    config = _s3_config(endpoint, environ) if address.scheme == "s3" else {}
    try:
        return kinds[address.scheme](
            address.bucket, config=config, client_options=options, retry_config=_RETRIES
        )
    except (BaseError, ValueError, OSError) as error:
        raise SettingsError(
            f"The object store {address.scheme}://{address.bucket} cannot be opened with these "
            f"environment variables ({type(error).__name__}). Check "
            f"{_CREDENTIALS[address.scheme]}."
        ) from error


def _check_identity(address: StoreAddress, environ: Mapping[str, str]) -> None:
    """A store that is not Amazon's own needs a key; Amazon's machines may have a role."""
    if address.scheme != "s3" or any(environ.get(name) for name in _S3_IDENTITIES):
        return
    if endpoint_of(address, environ) != _OFFICIAL["s3"]:
        raise SettingsError(
            "The object store has no credentials: AWS_ACCESS_KEY_ID is not set. Set it and "
            "AWS_SECRET_ACCESS_KEY in the environment that ComfyUI starts in."
        )


def _s3_config(endpoint: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The region, where the endpoint tells it and the owner has not."""
    if environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"):
        return {}
    host = urlsplit(endpoint).hostname or ""
    if host.endswith(".r2.cloudflarestorage.com"):
        return {"region": "auto"}
    match = re.fullmatch(r"s3\.([a-z0-9-]+)\.(?:backblazeb2|amazonaws)\.com", host)
    return {"region": match[1]} if match else {}


def _client_options(endpoint: str, environ: Mapping[str, str]) -> dict[str, Any]:
    # One request carries at most a part of 5 MiB: 5 minutes are enough at 0.14 Mbit/s.
    options: dict[str, Any] = {"timeout": "5min", "connect_timeout": "10s"}
    if endpoint.startswith("http://"):
        options["allow_http"] = True
    bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
    if bundle and endpoint.startswith("https://") and Path(bundle).is_file():
        options["root_certificate"] = Path(bundle).read_bytes()
    return options


_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_WRONG_KEY = "The store does not know the access key or its secret. Check {credentials}."
_NOT_ALLOWED = (
    "The store does not let these credentials do that. Allow them to write, read and delete "
    "objects in this bucket."
)
_WRONG_REGION = "The bucket is in another region. Set AWS_REGION to the bucket's region."
_NO_BUCKET = "There is no such bucket. Create it, or correct APIXO_WAN_STORE."
_CLOCK = (
    "The clock of this machine is off by more than the store allows. Set the clock, preferably "
    "by switching on automatic time."
)
_ADVICE = {
    "InvalidAccessKeyId": _WRONG_KEY,
    "SignatureDoesNotMatch": _WRONG_KEY,
    "AuthenticationFailed": _WRONG_KEY,
    "InvalidToken": "The store's session token is wrong. Set a new AWS_SESSION_TOKEN or unset it.",
    "ExpiredToken": "The store's session token has expired. Get a new one and restart ComfyUI.",
    "AccessDenied": _NOT_ALLOWED,
    "AuthorizationFailure": _NOT_ALLOWED,
    "AuthorizationPermissionMismatch": _NOT_ALLOWED,
    "NoSuchBucket": _NO_BUCKET,
    "ContainerNotFound": _NO_BUCKET,
    "RequestTimeTooSkewed": _CLOCK,
    "PermanentRedirect": _WRONG_REGION,
    "AuthorizationHeaderMalformed": _WRONG_REGION,
    "IllegalLocationConstraintException": _WRONG_REGION,
    "EntityTooLarge": "The file is too large for the store. Shorten the clip.",
    "QuotaExceeded": "The store is full. Delete what is not needed, or choose another host.",
}


def store_error(
    error: Exception, address: StoreAddress, environ: Mapping[str, str]
) -> HostingError:
    """Ours for a failure of the library; its own text may hold signed links and is not shown."""
    text = str(error)
    code = _CODE.search(text)
    status = _STATUS.search(text)
    seen = " ".join(m[1] for m in (status, code) if m) or type(error).__name__
    where = f"{address.scheme}://{address.bucket}"
    advice = _ADVICE.get(code[1], "") if code else ""
    if not advice:
        advice = _by_kind(error, text, endpoint_of(address, environ))
    advice = advice.format(credentials=_CREDENTIALS[address.scheme])
    return HostingError(f"The object store {where} failed ({seen}). {advice}")


def _by_kind(error: Exception, text: str, endpoint: str) -> str:
    """Advice where the store sent no code of its own."""
    by_name = {
        "UnauthenticatedError": _WRONG_KEY,
        "PermissionDeniedError": _NOT_ALLOWED,
        "NotFoundError": _NO_BUCKET,
    }
    kind = type(error).__name__
    if kind in by_name:
        return by_name[kind]
    if "169.254.169.254" in text or "metadata.google.internal" in text:
        return "No credentials were found. Set {credentials} in ComfyUI's environment."
    if "kind: Connect" in text or "kind: Timeout" in text or "error sending request" in text:
        host = urlsplit(endpoint).netloc.rpartition("@")[2]
        return f"{host} cannot be reached, or is too slow. Check the endpoint and the network."
    return "Try again; if that does not help, test the host on the settings page."
