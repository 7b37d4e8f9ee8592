"""The static files as a browser gets them."""

import gzip
from pathlib import Path

import pytest

from smartlink.ui import assets


def _built(folder: Path) -> Path:
    for name, content in (("icons.json", b"{}"), ("page.css", b"b{}")):
        (folder / name).write_bytes(content)
        (folder / (name + ".gz")).write_bytes(gzip.compress(content))
    return folder


def test_an_unbuilt_folder_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(assets.AssetsMissing, match="make ui"):
        assets.load(tmp_path)


def test_an_address_changes_with_the_content(tmp_path: Path) -> None:
    before = assets.load(_built(tmp_path)).url("page.css")
    (tmp_path / "page.css").write_bytes(b"i{}")
    assert assets.load(tmp_path).url("page.css") != before


def test_a_browser_that_takes_gzip_gets_the_compressed_twin(tmp_path: Path) -> None:
    asset = assets.load(_built(tmp_path)).find("page.css")
    assert asset is not None
    body, headers = asset.answer("gzip, br")
    assert (gzip.decompress(body), headers["Content-Encoding"]) == (b"b{}", "gzip")
    assert asset.answer("identity")[0] == b"b{}"


def test_a_name_is_never_a_path(tmp_path: Path) -> None:
    assert assets.load(_built(tmp_path)).find("../page.css") is None


def test_the_built_folder_has_what_the_pages_name() -> None:
    built = assets.load()
    for name in ("tabler.min.css", "tokens.css", "htmx.js", "viewer.js"):
        assert built.find(name) is not None
