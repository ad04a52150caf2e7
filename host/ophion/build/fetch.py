"""Files from the network, and the cache that keeps them: what was fetched once is never asked for again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ophion.errors import BuildError, InputError
from ophion.files import MAX_INPUT_BYTES, read_file, write_file

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

CACHE_VARIABLE = "OPHION_CACHE"
_TIMEOUT_S = 30


def cache_folder() -> Path:
    """$OPHION_CACHE, else ophion/ in $XDG_CACHE_HOME or ~/.cache."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ophion"


class Fetcher:
    """Fetches files; `offline` raises instead. What is asked for by its hash may be in `cache` already."""

    def __init__(self, cache: Path | None = None, *, offline: bool = False) -> None:
        self._cache = (cache or cache_folder()) / "sha256"
        self._offline = offline
        self._opener: OpenerDirector | None = None

    def file(self, url: str, sha256: str) -> bytes:
        """The file with this hash, from the cache or `url`. Raises BuildError, also when it is another."""
        path = self._path(sha256)
        if path.is_file():
            data = read_file(path, "cached file")
            if hashlib.sha256(data).hexdigest() == sha256:
                return data
        data = self.get(url)
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            hint = "somebody changed it: look at it, then `ophion build --update`"
            raise BuildError(f"{url} is not the file of the lock: SHA-256 {found}, not {sha256}", hint)
        return data

    def get(self, url: str) -> bytes:
        """The content of `url`, which the cache keeps. Raises BuildError with the reason."""
        if self._offline:
            raise BuildError(f"{url} is not in the cache", "build once without --offline")
        data = self._download(url)
        path = self._path(hashlib.sha256(data).hexdigest())
        write_file(path, data)
        return data

    def _path(self, sha256: str) -> Path:
        return self._cache / sha256[:2] / sha256

    def _download(self, url: str) -> bytes:
        from http.client import HTTPException
        from urllib.error import HTTPError

        if self._opener is None:
            self._opener = _opener()
        try:
            with self._opener.open(url, timeout=_TIMEOUT_S) as response:
                data = bytes(response.read(MAX_INPUT_BYTES + 1))
        except HTTPError as error:
            error.close()
            reason = " ".join(str(error.reason).split())
            raise BuildError(f"{url}: HTTP {error.code} {reason}", _hint(error.code)) from None
        except (OSError, HTTPException, ValueError) as error:
            raise BuildError(f"{url} cannot be fetched: {getattr(error, 'reason', '') or error}") from None
        if len(data) > MAX_INPUT_BYTES:
            raise InputError(f"{url} is larger than {MAX_INPUT_BYTES} bytes")
        return data


def _hint(code: int) -> str:
    return "is the name, and the version, tag or branch, right?" if code == 404 else ""


def _opener() -> OpenerDirector:
    """HTTP and HTTPS with the system's certificates and proxies, and nothing else."""
    from urllib import request

    from ophion.versions import PRODUCT

    class Redirects(request.HTTPRedirectHandler):
        """Not from https to http: nobody on the way may choose what is fetched."""

        def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
            allowed = ("https://",) if req.full_url.startswith("https:") else ("https://", "http://")
            if not newurl.startswith(allowed):
                raise ValueError(f"redirected to {newurl}")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = request.OpenerDirector()
    handlers = (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        Redirects(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
    )
    for handler in handlers:
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", f"ophion/{PRODUCT}")]
    return opener
