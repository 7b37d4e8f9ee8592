"""Settings have the manual's defaults, refuse what they do not know, and say why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smartlink.gateway.settings import (
    Deployment,
    SettingRefused,
    SmartLinkSettings,
    administrator_settings,
    changed,
    deployment,
)


@pytest.mark.proves("R89", "R91", "R92", "R93")
def test_the_defaults_are_the_manuals() -> None:
    settings = SmartLinkSettings()
    assert settings.receiver_ae_title == "SMARTLINKRCVR"
    assert settings.port == 5104
    assert settings.sender_ae_title == "SMARTLINKSNDR"
    assert settings.worklist_client_ae_title == "SMARTLINKWLSCU"


@pytest.mark.proves("R106", "R107", "R108", "R109", "R110", "R111")
@pytest.mark.parametrize(
    ("name", "default", "listed", "others"),
    [
        ("retry_works_minutes", 5, (5, 15, 30), (0, 6, 60)),
        ("retry_pacs_minutes", 5, (5, 15, 30), (0, 6, 60)),
        ("continue_retry_days", 4, (1, 2, 3, 4), (0, 5)),
        ("notify_hours", 4, range(1, 25), (0, 25)),
    ],
)
def test_only_the_listed_values_are_taken(
    name: str, default: int, listed: Iterable[int], others: Iterable[int]
) -> None:
    assert getattr(SmartLinkSettings(), name) == default
    for value in listed:
        assert getattr(changed(SmartLinkSettings(), {name: str(value)})[0], name) == value
    for value in others:
        with pytest.raises(SettingRefused, match=name):
            changed(SmartLinkSettings(), {name: str(value)})


def test_the_limits_for_a_pacs_are_settings() -> None:
    limits = Deployment(data=Path("/data"), pacs_connect_seconds=1, pacs_idle_seconds=2).send_limits
    assert (limits.connect_seconds, limits.associate_seconds, limits.idle_seconds) == (1, 30, 2)


def test_changes_are_parsed_from_text_and_only_they_are_returned() -> None:
    after, values = changed(SmartLinkSettings(), {"port": "11112", "disk_reserve_bytes": "1000000000"})
    assert (after.port, after.disk_reserve_bytes) == (11112, 1_000_000_000)
    assert values == {"port": 11112, "disk_reserve_bytes": 1_000_000_000}
    assert changed(after, {"disk_reserve_bytes": "none"})[0].disk_reserve_bytes is None


@pytest.mark.proves("R95")
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("receiver_ae_title", "A" * 17, "at most 16 characters"),
        ("port", "70000", "port"),
        ("port", "soon", "port"),
        ("disk_reserve_bytes", "-1", "disk_reserve_bytes"),
        ("colour", "red", "There is no setting colour"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingRefused, match=sentence):
        changed(SmartLinkSettings(), {name: value})


def test_stored_values_make_the_settings() -> None:
    assert administrator_settings({"port": 4242}).port == 4242


def test_every_setting_says_what_it_means() -> None:
    fields = [*SmartLinkSettings.model_fields.values(), *Deployment.model_fields.values()]
    assert all(field.description for field in fields)


def test_the_environment_sets_the_deployment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMARTLINK_DATA", str(tmp_path))
    monkeypatch.setenv("SMARTLINK_BIND", "127.0.0.1")
    found = deployment()
    assert (found.data, found.bind, found.logs) == (tmp_path, "127.0.0.1", tmp_path / "Logs")
    assert deployment(data=tmp_path / "other").data == tmp_path / "other"


def test_a_wrong_deployment_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLINK_UPLOAD_LANES", "many")
    with pytest.raises(SettingRefused, match="upload_lanes"):
        deployment()


def test_a_mistyped_name_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLINK_WORK_URL", "https://works.example.org")
    with pytest.raises(SettingRefused, match="no setting SMARTLINK_WORK_URL"):
        deployment()


@pytest.mark.parametrize(
    ("hours", "limited"),
    [
        ((None, None), range(24)),
        ((8, 18), range(8, 18)),
        ((22, 6), [22, 23, 0, 1, 2, 3, 4, 5]),
        ((7, 7), range(24)),
    ],
    ids=["always", "by day", "by night", "the whole day"],
)
def test_the_bandwidth_limit_holds_in_its_hours(hours: tuple[int | None, int | None], limited: Iterable[int]) -> None:
    settings = SmartLinkSettings(bandwidth_kbit_per_second=20_000, bandwidth_from=hours[0], bandwidth_until=hours[1])
    found = [hour for hour in range(24) if settings.bytes_per_second(datetime(2026, 1, 1, hour, tzinfo=UTC))]
    assert sorted(found) == sorted(limited)
    assert settings.bytes_per_second(datetime(2026, 1, 1, found[0], tzinfo=UTC)) == 2_500_000


def test_there_is_no_bandwidth_limit_unless_one_is_set() -> None:
    assert SmartLinkSettings().bytes_per_second(datetime(2026, 1, 1, tzinfo=UTC)) is None
    with pytest.raises(SettingRefused, match="set together"):
        changed(SmartLinkSettings(), {"bandwidth_from": "8"})
    with pytest.raises(SettingRefused, match="bandwidth_kbit_per_second"):
        changed(SmartLinkSettings(), {"bandwidth_kbit_per_second": "1"})


def test_a_proxy_is_kept_as_a_secret_and_a_wrong_one_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLINK_PROXY", "http://smartlink:s3cret@proxy.example:3128")
    assert "s3cret" not in repr(deployment())
    for wrong in ("smartlink:s3cret@proxy.example", "socks5://smartlink:s3cret@proxy.example", "http://[s3cret"):
        monkeypatch.setenv("SMARTLINK_PROXY", wrong)
        with pytest.raises(SettingRefused, match="A proxy begins with http") as refused:
            deployment()
        assert "s3cret" not in str(refused.value)
    monkeypatch.setenv("SMARTLINK_PROXY", "")
    assert deployment().proxy is None


def test_lists_are_written_with_commas_and_none_empties_them() -> None:
    after, values = changed(
        SmartLinkSettings(), {"allowed_ae_titles": "US01, US02", "allowed_networks": "10.1.2.3/16,2001:db8::7"}
    )
    assert after.allowed_ae_titles == ("US01", "US02")
    assert values["allowed_networks"] == ("10.1.0.0/16", "2001:db8::7/128")
    assert administrator_settings({"allowed_networks": ["10.1.0.0/16"]}).allowed_networks == ("10.1.0.0/16",)
    assert changed(after, {"allowed_ae_titles": "none"})[0].allowed_ae_titles == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("allowed_ae_titles", "US01," + "A" * 17),
        ("allowed_networks", "10.1.0.0/33"),
        ("allowed_networks", "scanner.example"),
        ("associations", "0"),
        ("largest_pdu_bytes", "100"),
        ("slowest_bytes_per_second", "-1"),
    ],
)
def test_a_wrong_limit_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingRefused, match=name):
        changed(SmartLinkSettings(), {name: value})


def test_a_receiver_is_built_anew_only_for_what_it_is_built_from() -> None:
    before = SmartLinkSettings()
    assert changed(before, {"notify_hours": "8", "largest_instance_bytes": "2000000"})[0].receiver == before.receiver
    for name, value in (("port", "1"), ("associations", "10"), ("any_called_ae_title", "true")):
        assert changed(before, {name: value})[0].receiver != before.receiver


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"tls_port": "2762"}, "needs tls_certificate"),
        ({"tls_only": "yes"}, "needs a tls_port"),
        ({"tls_port": "2762", "tls_certificate": "/c.pem", "tls_key": "/k.pem"}, "Name whom to trust"),
        ({"tls_certificate": "c.pem"}, "whole path"),
    ],
)
def test_a_tls_port_needs_its_files(changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingRefused, match=sentence):
        changed(SmartLinkSettings(), changes)


@pytest.mark.proves("R68")
def test_a_private_or_a_new_kind_of_image_may_be_taken_and_a_service_may_not() -> None:
    private, new = "1.2.840.113619.4.30", "1.2.840.10008.5.1.4.1.1.999"
    after, values = changed(SmartLinkSettings(), {"abstract_syntaxes": f"{private}, {new}"})
    assert after.abstract_syntaxes == (private, new)
    assert administrator_settings({"abstract_syntaxes": list(after.abstract_syntaxes)}) == after
    assert after.receiver != SmartLinkSettings().receiver
    assert list(values) == ["abstract_syntaxes"]
    for wrong in ("1.2.840.10008.5.1.4.31", "US", "1.2.840.10008.1.1"):
        with pytest.raises(SettingRefused):
            changed(SmartLinkSettings(), {"abstract_syntaxes": wrong})
