"""What an operator can set, read once from the environment (`WORKS_…`) and frozen; unknown settings are refused."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from smartlink.link import paths
from smartlink.ui.preferences import Language
from smartlink.works.errors import Invalid

PREFIX: Final = "WORKS_"
NO_SETTINGS: Final = frozenset({"WORKS_PASSWORD"})
"""Names that a single command reads."""
_MAIL_ADDRESS: Final = re.compile(r"[^@\s<>,;]{1,64}@[^@\s<>,;.]+(\.[^@\s<>,;.]+)*")


def _address(text: str) -> str:
    if not _MAIL_ADDRESS.fullmatch(text.strip()):
        message = "write the whole e-mail address, such as name@hospital.example"
        raise ValueError(message)
    return text.strip()


Address = Annotated[str, AfterValidator(_address)]


class Settings(BaseSettings):
    """The settings of one deployment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    data: Path = Field(
        default=Path("works-data"), description="Folder of the deployment's key and of the embedded services."
    )
    host: str = Field(default="127.0.0.1", description="Address on which pages and gateways are answered.")
    port: int = Field(default=8080, ge=1, le=65535, description="Port on which pages and gateways are answered.")
    public_url: str | None = Field(
        default=None, description="The address by which browsers and gateways reach Works; by default host and port."
    )
    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL for the application (role works_app); none starts the embedded one."
    )
    database_owner_url: SecretStr | None = Field(
        default=None, description="PostgreSQL for migrations (role works_owner); needed with a database of your own."
    )
    storage_endpoint: str | None = Field(
        default=None, description="S3 endpoint, as gateways reach it too; none starts the embedded store."
    )
    storage_bucket: str = Field(default="works", description="Bucket of all objects.")
    storage_access_key: str | None = Field(default=None, description="S3 access key.")
    storage_secret_key: SecretStr | None = Field(default=None, description="S3 secret key.")
    smtp_host: str | None = Field(
        default=None, description="Mail server that takes the notices of failing transfers; without one they wait."
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Port of the mail server.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="starttls, tls (from the first byte, usually port 465) or none (only without a user).",
    )
    smtp_user: str | None = Field(default=None, description="User name at the mail server; none to send without one.")
    smtp_password: SecretStr | None = Field(default=None, description="Password at the mail server.")
    mail_from: Address | None = Field(default=None, description="The address that mails come from.")
    mail_language: Language = Field(default=Language.ENGLISH, description="Language of mails: en or es.")
    support_address: Address | None = Field(
        default=None, description="The vendor's support, told of every facility's failing transfers; none for nobody."
    )
    offline_minutes: int = Field(
        default=15, ge=2, le=1440, description="Minutes without a sign of life after which a gateway counts as offline."
    )
    worker_concurrency: int = Field(default=2, ge=1, le=32, description="How many background jobs run at a time.")

    @model_validator(mode="after")
    def _mail(self) -> Self:
        if self.smtp_host is not None and self.mail_from is None:
            message = "A mail server needs WORKS_MAIL_FROM, the address that mails come from."
            raise ValueError(message)
        if (self.smtp_user is None) != (self.smtp_password is None):
            message = "WORKS_SMTP_USER and WORKS_SMTP_PASSWORD go together."
            raise ValueError(message)
        if self.smtp_user is not None and self.smtp_security == "none":
            message = "A password is not sent over an unencrypted connection: set WORKS_SMTP_SECURITY."
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.storage_endpoint is not None and (self.storage_access_key is None or self.storage_secret_key is None):
            message = "A storage endpoint of your own needs WORKS_STORAGE_ACCESS_KEY and WORKS_STORAGE_SECRET_KEY."
            raise ValueError(message)
        if self.public_url is not None and urlsplit(self.public_url).scheme not in {"http", "https"}:
            message = "The public URL begins with https:// (or http:// on this machine only)."
            raise ValueError(message)
        return self

    @property
    def url(self) -> str:
        """The address by which Works is reached, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def secure(self) -> bool:
        """Whether people reach Works over https."""
        return urlsplit(self.url).scheme == "https"

    @property
    def audiences(self) -> frozenset[str]:
        """The token addresses for which a gateway's assertion may be meant."""
        return frozenset({self.url + paths.TOKEN, f"http://{self.host}:{self.port}{paths.TOKEN}"})

    @property
    def needs_embedded(self) -> bool:
        """Whether Works starts PostgreSQL or the store itself."""
        return self.database_url is None or self.storage_endpoint is None


def read(**given: Any) -> Settings:  # noqa: ANN401 - passed on to pydantic, which checks each
    """The settings; `given` wins over the environment. Raises Invalid with a sentence that quotes no value.

    A name in the environment that looks like a setting and is none is refused: it is a typing error.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields} | NO_SETTINGS
    if unknown := sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known):
        message = f"There is no setting {unknown[0]}. Settings are: {', '.join(sorted(known - NO_SETTINGS))}."
        raise Invalid(message)
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        parts = [
            f"{PREFIX + '_'.join(map(str, one['loc'])).upper() if one['loc'] else 'settings'}: "
            f"{one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise Invalid("; ".join(parts)) from error
