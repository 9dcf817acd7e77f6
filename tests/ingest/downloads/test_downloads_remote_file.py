"""The files that the engine accepts for download."""

from __future__ import annotations

import pytest

from alignhouse.ingest.downloads.fetch import fetch
from alignhouse.ingest.downloads.http import may_redirect
from alignhouse.ingest.downloads.remote_file import RemoteFile
from alignhouse.warehouse.errors import BadInput

SHA = "0" * 64
URL = "https://server/a"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../up", "a/../../up", "a//b", "./a", "", ".", "a/", "a\0b", "a\n"]
)
def test_a_path_that_could_lead_out_of_the_destination_is_refused(path):
    with pytest.raises(BadInput, match="plain relative path"):
        RemoteFile(path, URL, 1, SHA)


@pytest.mark.parametrize(
    "path", [".alignhouse-verified.json", "a/.alignhouse-fetch.lock", "a/.b.part", ".b.part.json"]
)
def test_a_path_that_the_engine_itself_uses_is_refused(path):
    with pytest.raises(BadInput, match="a name that downloads do not use"):
        RemoteFile(path, URL, 1, SHA)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://server/a",
        "file:///etc/passwd",
        "data:,x",
        "server/a",
        "https:///a",
        "https://s/b c",
        "https://s/\n",
        "https://s:port/a",
        "https://[s/a",
        "https://s/é",
        "",
    ],
)
def test_what_is_not_a_web_address_is_refused(url):
    with pytest.raises(BadInput, match="address of a: expected https://"):
        RemoteFile("a", url, 1, SHA)


def test_an_address_with_a_password_is_refused_and_the_password_is_not_shown():
    with pytest.raises(BadInput, match="without user name and password") as e:
        RemoteFile("a", "https://user:secret@server/a", 1, SHA)
    assert "secret" not in str(e.value)


@pytest.mark.parametrize("sha256", ["", "abc", "0" * 7, "0" * 65, "G" * 64, "A" * 64])
def test_what_is_not_a_sha256_is_refused(sha256):
    with pytest.raises(BadInput, match="sha256 of a: expected 8 to 64 hexadecimal digits"):
        RemoteFile("a", URL, 1, sha256)


def test_a_negative_size_is_refused():
    with pytest.raises(BadInput, match="size of a: expected 0 or more bytes, found -1"):
        RemoteFile("a", URL, -1, SHA)


def test_plain_http_is_refused_unless_the_caller_allows_it(tmp_path):
    file = RemoteFile("a", "http://127.0.0.1:9/a", 1, SHA)
    with pytest.raises(BadInput, match="address of a: expected https://..., found http://127"):
        fetch([file], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_listed_twice_is_refused(tmp_path):
    with pytest.raises(BadInput, match="listed twice"):
        fetch([RemoteFile("a", URL, 1, SHA)] * 2, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_redirect_never_leads_out_of_https():
    assert may_redirect("http://a", "https://b")
    assert may_redirect("http://a", "http://b")
    assert may_redirect("https://a", "https://b")
    assert not may_redirect("https://a", "http://b")
