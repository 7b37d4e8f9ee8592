"""What can be set, read once and frozen.

Two kinds: `Deployment`, given by whoever installs the machine (environment, `SMARTLINK_…`), and `SmartLinkSettings`,
given by the facility's administrator and kept in the catalogue. Both refuse what they do not know. The sentence of
each field is what the settings page shows.
"""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from smartlink.gateway.calling import SendLimits
from smartlink.gateway.platform.folders import default_data_folder
from smartlink.standard.names import UID, AETitle
from smartlink.standard.sop_class import may_be_image

if TYPE_CHECKING:
    from datetime import datetime

PREFIX: Final = "SMARTLINK_"
GIB: Final = 1024**3
KIB: Final = 1024


def _ae_title(text: str) -> str:
    return AETitle.parse(text)


def _nothing(value: object) -> object:
    """Let a command line say `none` for an empty value."""
    return None if isinstance(value, str) and value.strip().lower() in {"", "none"} else value


def _number(value: object) -> object:
    """Let a command line write a number of a list of numbers."""
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


def _network(text: str) -> str:
    """Return an address or a network as it is written down in full."""
    return str(ip_network(text.strip(), strict=False))


def _whole_path(text: str | None) -> str | None:
    """Refuse what depends on where the program was started."""
    if text is not None and not Path(text).is_absolute():
        raise ValueError("Write the whole path of the file.")
    return text


def _sop_class(text: str) -> str:
    """Return the UID of a SOP Class that may be one of images."""
    uid = UID.parse(text.strip())
    if not may_be_image(uid):
        raise ValueError(f"{uid} is a service of the standard, not a kind of image.")
    return uid


def _listed(value: object) -> object:
    """Let a command line write a list with commas, and `none` for an empty one."""
    if isinstance(value, str):
        value = _nothing(value)
        return () if value is None else tuple(part for part in (one.strip() for one in str(value).split(",")) if part)
    return value


AETitleSetting = Annotated[str, AfterValidator(_ae_title)]
RetryMinutes = Annotated[Literal[5, 15, 30], BeforeValidator(_number)]
RetryDays = Annotated[Literal[1, 2, 3, 4], BeforeValidator(_number)]
AETitles = Annotated[tuple[AETitleSetting, ...], BeforeValidator(_listed)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_listed)]
SOPClasses = Annotated[tuple[Annotated[str, AfterValidator(_sop_class)], ...], BeforeValidator(_listed)]
Share = Annotated[int | None, BeforeValidator(_nothing)]
FileSetting = Annotated[str | None, AfterValidator(_whole_path), BeforeValidator(_nothing)]


class Deployment(BaseSettings):
    """The settings of this machine's installation, from the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    data: Path = Field(
        default_factory=default_data_folder,
        description="Folder of the catalogue, the images not yet purged and the logs.",
    )
    works_url: str | None = Field(
        default=None, description="Address of Works, for activation. https, or http on this machine only."
    )
    bind: str = Field(default="0.0.0.0", description="Address on which the DICOM receiver listens.")  # noqa: S104  scanners come from the facility's network
    log_folder: Path | None = Field(default=None, description="Folder of the log files; Logs in the data folder.")
    log_days: int = Field(default=90, ge=1, le=3650, description="Days for which log files are kept.")
    drain_seconds: float = Field(
        default=60.0, ge=0, le=600, description="How long open associations may go on when the receiver closes (R94)."
    )
    upload_lanes: int = Field(default=3, ge=1, le=16, description="How many objects are uploaded at the same time.")
    pacs_connect_seconds: float = Field(
        default=10.0, gt=0, le=300, description="How long to wait for the connection to a PACS."
    )
    pacs_associate_seconds: float = Field(
        default=30.0, gt=0, le=600, description="How long a PACS may take to answer the request for an association."
    )
    pacs_response_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="How long a PACS may take to answer an image that it has received."
    )
    pacs_idle_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="How long a PACS may take nothing of an image that is being sent."
    )
    pacs_lanes: int = Field(
        default=8, ge=1, le=64, description="How many PACS are sent to at the same time; each has one association."
    )
    proxy: SecretStr | None = Field(
        default=None,
        description="HTTP proxy for all that leaves for Works and object storage: http://user:password@host:port.",
    )

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        try:
            parts = urlsplit(value.get_secret_value())
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("A proxy begins with http:// or https:// and names a host.")
        return value

    @property
    def send_limits(self) -> SendLimits:
        """How long we wait for a PACS."""
        return SendLimits(
            connect_seconds=self.pacs_connect_seconds,
            associate_seconds=self.pacs_associate_seconds,
            response_seconds=self.pacs_response_seconds,
            idle_seconds=self.pacs_idle_seconds,
        )

    @property
    def credential(self) -> Path:
        """The private key by which this gateway signs in to Works."""
        return self.data / "credential.pem"

    @property
    def logs(self) -> Path:
        """The folder of the log files."""
        return self.log_folder or self.data / "Logs"


class SmartLinkSettings(BaseModel):
    """The administrator's settings (R88-R94, R106-R111)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    receiver_ae_title: AETitleSetting = Field(
        default="SMARTLINKRCVR", description="AE title to which ultrasound systems send."
    )
    port: int = Field(
        default=5104, ge=0, le=65535, description="Port on which the receiver listens; 0 takes any free one."
    )
    tls_port: Share = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port on which the receiver speaks DICOM over TLS; the registered one is 2762; none closes it.",
    )
    tls_only: bool = Field(default=False, description="Open the TLS port alone; the plain one stays closed.")
    tls_certificate: FileSetting = Field(
        default=None,
        description="File of the receiver's certificate (PEM), followed by those that issued it.",
    )
    tls_key: FileSetting = Field(
        default=None, description="File of its private key (PEM, no password), which no other account may read."
    )
    tls_ca_file: FileSetting = Field(
        default=None, description="File of the certificates (PEM) that are trusted for callers; none asks for none."
    )
    tls_require_client_certificate: bool = Field(
        default=True, description="Turn away callers on the TLS port that show no certificate."
    )
    any_called_ae_title: bool = Field(
        default=False,
        description="Answer ultrasound systems whatever AE title they call, for those that cannot be set (R69).",
    )
    any_abstract_syntax: bool = Field(
        default=False, description="Take all private and unknown kinds of images (SOP Classes) too."
    )
    abstract_syntaxes: SOPClasses = Field(
        default=(),
        description="Private or unknown kinds of images (SOP Class UIDs) that are taken, with commas between.",
    )
    allowed_ae_titles: AETitles = Field(
        default=(),
        description="AE titles that may call, with commas between; none means that all may, and register themselves.",
    )
    allowed_networks: Networks = Field(
        default=(),
        description="IP addresses or networks that may call, such as 10.1.0.0/16, with commas between; none means all.",
    )
    associations: int = Field(
        default=64, ge=1, le=4096, description="Associations open at the same time; one more is told to come later."
    )
    associations_per_ae_title: Share = Field(
        default=None, ge=1, description="The same for each calling AE title; none means no limit of its own."
    )
    associations_per_address: Share = Field(
        default=None, ge=1, description="The same for each IP address; none means no limit of its own."
    )
    association_request_seconds: float = Field(
        default=30.0,
        ge=1,
        le=600,
        description="How long a caller may take to ask for an association, TLS included, and to hang up after its end.",
    )
    association_idle_seconds: float = Field(
        default=600.0, ge=1, le=86_400, description="How long an association may stay open without a message."
    )
    association_stall_seconds: float = Field(
        default=60.0, ge=1, le=3600, description="How long a message that began may bring nothing."
    )
    slowest_bytes_per_second: int = Field(
        default=KIB,
        ge=0,
        description="What a message has to bring while it arrives, over each stall time; 0 lets it crawl.",
    )
    largest_instance_bytes: int = Field(
        default=16 * GIB,
        ge=1024 * KIB,
        description="Largest image that is taken; one that is larger is refused (A700).",
    )
    largest_pdu_bytes: int = Field(
        default=256 * KIB,
        ge=4 * KIB,
        le=1024 * KIB,
        description="Maximum PDU length that callers are told; less costs speed.",
    )
    largest_command_bytes: int = Field(
        default=64 * KIB, ge=KIB, le=1024 * KIB, description="Longest command set; a longer one ends the association."
    )
    largest_request_bytes: int = Field(
        default=512 * KIB,
        ge=4 * KIB,
        le=4096 * KIB,
        description="Longest request for an association; it holds at most 128 presentation contexts.",
    )
    sender_ae_title: AETitleSetting = Field(
        default="SMARTLINKSNDR", description="AE title under which images are sent to the PACS."
    )
    worklist_client_ae_title: AETitleSetting = Field(
        default="SMARTLINKWLSCU", description="AE title under which worklists are asked for."
    )
    worklist_minutes: int = Field(
        default=5, ge=1, le=60, description="Minutes between two queries of a worklist server."
    )
    worklist_hours_before: int = Field(
        default=12, ge=0, le=24, description="Hours for which a scheduled step stays on the worklist after its start."
    )
    worklist_hours_after: int = Field(
        default=24, ge=1, le=48, description="Hours before its start from which a step is on the worklist."
    )
    disk_reserve_bytes: Annotated[int | None, BeforeValidator(_nothing)] = Field(
        default=None,
        ge=0,
        description="Free space below which new images are refused; none means 5 GB or 5 % of the volume.",
    )
    retry_works_minutes: RetryMinutes = Field(default=5, description="Minutes between attempts of a failed upload.")
    retry_pacs_minutes: RetryMinutes = Field(
        default=5, description="Minutes between attempts of an image that a PACS did not take (R108)."
    )
    continue_retry_days: RetryDays = Field(
        default=4,
        description="Continue Retry Until: days after which images for a PACS go to the Outbox of Works (R109).",
    )
    notify_hours: int = Field(
        default=4, ge=1, le=24, description="Notify via email every so many hours while something fails (R110)."
    )
    approve_new_scanners: bool = Field(
        default=False,
        description="Hold what an unknown ultrasound system sends until an administrator approves it (R67).",
    )
    unapproved_bytes: int = Field(
        default=2 * GIB,
        ge=1024 * KIB,
        description="Most that is held of one ultrasound system that waits for approval; more is refused (A700).",
    )
    retention_hours: int = Field(
        default=24, ge=0, le=24 * 90, description="Hours for which an image stays here after Works' receipt."
    )
    bandwidth_kbit_per_second: Annotated[int | None, BeforeValidator(_nothing)] = Field(
        default=None, ge=64, description="Most that all transfers to and from Works take together; none means no limit."
    )
    bandwidth_from: Annotated[int | None, BeforeValidator(_nothing)] = Field(
        default=None,
        ge=0,
        le=23,
        description="Hour of the facility's day at which the limit begins; none means always.",
    )
    bandwidth_until: Annotated[int | None, BeforeValidator(_nothing)] = Field(
        default=None, ge=0, le=23, description="Hour of the facility's day at which the limit ends."
    )

    @model_validator(mode="after")
    def _hours_belong_together(self) -> Self:
        if (self.bandwidth_from is None) != (self.bandwidth_until is None):
            raise ValueError("bandwidth_from and bandwidth_until are set together, or both none.")
        return self

    @model_validator(mode="after")
    def _tls_has_its_files(self) -> Self:
        if self.tls_port is None:
            if self.tls_only:
                raise ValueError("tls_only needs a tls_port.")
            return self
        if self.tls_certificate is None or self.tls_key is None:
            raise ValueError("tls_port needs tls_certificate and tls_key.")
        if self.tls_require_client_certificate and self.tls_ca_file is None:
            raise ValueError(
                "Name whom to trust with tls_ca_file, or let callers in without a certificate:"
                " tls_require_client_certificate=no"
            )
        return self

    @property
    def receiver(self) -> tuple[object, ...]:
        """Whatever the receiver is built from: when it changes, the port opens anew."""
        return tuple(value for name, value in self if name in _RECEIVER)

    def bytes_per_second(self, local: datetime) -> int | None:
        """Return the limit of all transfers at this moment of the facility's day; None means there is none."""
        if self.bandwidth_kbit_per_second is None:
            return None
        begin, end = self.bandwidth_from, self.bandwidth_until
        if begin is not None and end is not None and begin != end:
            inside = begin <= local.hour < end if begin < end else local.hour >= begin or local.hour < end
            if not inside:
                return None
        return self.bandwidth_kbit_per_second * 1000 // 8


_RECEIVER: Final = frozenset(SmartLinkSettings.model_fields) - {
    "sender_ae_title",
    "worklist_client_ae_title",
    "worklist_minutes",
    "worklist_hours_before",
    "worklist_hours_after",
    "disk_reserve_bytes",
    "retry_works_minutes",
    "retry_pacs_minutes",
    "continue_retry_days",
    "notify_hours",
    "approve_new_scanners",
    "unapproved_bytes",
    "retention_hours",
    "largest_instance_bytes",
    "bandwidth_kbit_per_second",
    "bandwidth_from",
    "bandwidth_until",
}
"""All settings but those that are asked anew each time; one that is forgotten here opens the port anew for nothing."""


class SettingRefused(ValueError):
    """A setting is not known, or not with this value; the text is a sentence for a person."""


def administrator_settings(stored: dict[str, object]) -> SmartLinkSettings:
    """Return the settings from their stored values."""
    return SmartLinkSettings.model_validate(stored)


def changed(settings: SmartLinkSettings, changes: dict[str, str]) -> tuple[SmartLinkSettings, dict[str, object]]:
    """Return the settings with `changes` (name to text) applied, and the changed values; or raise SettingRefused."""
    for name in changes:
        if name not in SmartLinkSettings.model_fields:
            known = ", ".join(SmartLinkSettings.model_fields)
            raise SettingRefused(f"There is no setting {name}. Settings are: {known}.")
    try:
        result = SmartLinkSettings.model_validate({**settings.model_dump(), **changes})
    except ValidationError as error:
        raise SettingRefused(_sentence(error)) from error
    return result, {name: getattr(result, name) for name in changes}


def deployment(**given: Any) -> Deployment:  # noqa: ANN401  passed on to pydantic, which checks each
    """Return the deployment settings; `given` wins over the environment. Raises SettingRefused.

    A name in the environment that looks like a setting and is none is refused: it is a typing error.
    """
    known = {PREFIX + name.upper() for name in Deployment.model_fields}
    if unknown := sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known):
        raise SettingRefused(f"There is no setting {unknown[0]}. Settings are: {', '.join(sorted(known))}.")
    try:
        return Deployment(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise SettingRefused(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    parts = []
    for one in error.errors(include_url=False, include_context=False):
        name = ".".join(str(part) for part in one["loc"])
        parts.append(f"{name}: {one['msg'].removeprefix('Value error, ')}")
    return "; ".join(parts)
