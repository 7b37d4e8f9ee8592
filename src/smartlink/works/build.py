"""The parts list of Works: the one place where its parts are made and joined.

What only a serving or working process needs is imported where it is joined, so that a small command answers quickly.
"""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from joserfc.jwk import OKPKey

from smartlink.link import assertion
from smartlink.link.activation import Keys
from smartlink.works.access import Access
from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.embedded import services
from smartlink.works.errors import Invalid, TryAgain
from smartlink.works.settings import Settings
from smartlink.works.store import roles, schema
from smartlink.works.store.database import Database

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from smartlink.works.store.listen import Listener
    from smartlink.works.tasks.worker import Task, Worker

Clock = Callable[[], datetime]
KEY_FILE = "deployment.pem"


@dataclass(frozen=True, slots=True)
class Places:
    """Where database and storage are, embedded or not, ready to be used."""

    application_url: str
    owner_url: str
    blobs: S3Blobs


@dataclass(frozen=True, slots=True)
class Floor:
    """What every command stands on."""

    access: Access
    blobs: S3Blobs
    application_url: str


@contextmanager
def places(settings: Settings) -> Iterator[Places]:
    """Database and storage of these settings; embedded ones run while the context lasts. Raises ServiceFailed."""
    with ExitStack() as stack:
        embedded = stack.enter_context(services.shared(settings.data)) if settings.needs_embedded else None
        application, owner = _database(settings, embedded)
        yield Places(application, owner, _storage(settings, embedded))


@contextmanager
def floor(settings: Settings) -> Iterator[Floor]:
    """The migrated database and the bucket, with a pool of connections that ends with the context."""
    with places(settings) as found:
        if found.owner_url:
            schema.migrate(found.owner_url)
        found.blobs.make_bucket()
        database = Database(found.application_url)
        try:
            yield Floor(Access(database), found.blobs, found.application_url)
        finally:
            database.close()


def application(settings: Settings, ground: Floor, listener: "Listener", clock: Clock) -> "ASGIApp":
    """Pages and link as one application."""
    from smartlink.ui import assets
    from smartlink.ui.pages import Pages
    from smartlink.works.api.app import create_link_api, join
    from smartlink.works.api.link import LinkParts
    from smartlink.works.exams.downloads import Tickets
    from smartlink.works.exams.uploads import Uploads
    from smartlink.works.fleet import releases
    from smartlink.works.people.passwords import Passwords
    from smartlink.works.people.sign_in import SignIn
    from smartlink.works.tasks.producer import Producer
    from smartlink.works.web.app import TEMPLATES, create_pages
    from smartlink.works.web.parts import WebParts

    uploads = Uploads(ground.access, ground.blobs, Producer(), clock)
    key = deployment_key(settings.data)
    link = create_link_api(
        LinkParts(
            access=ground.access,
            uploads=uploads,
            tickets=Tickets(ground.access, ground.blobs),
            listener=listener,
            clock=clock,
            audiences=settings.audiences,
            healthy=lambda: is_healthy(ground),
            digests=Producer(),
            keys=public_keys(key),
            latest_release=lambda: releases.latest(settings.data, key),
        )
    )
    pages = create_pages(
        WebParts(
            access=ground.access,
            blobs=ground.blobs,
            sign_in=SignIn(ground.access, Passwords()),
            listener=listener,
            clock=clock,
            pages=Pages([TEMPLATES], assets.load()),
            secure=settings.secure,
            support=settings.support_address,
        )
    )
    return join(link, pages)


def worker(settings: Settings, ground: Floor, clock: Clock) -> "Worker":
    """The worker for ingest and previews, not yet started."""
    from smartlink.works.tasks.worker import Worker

    return Worker(ground.application_url, Jobs(settings, ground, clock), concurrency=settings.worker_concurrency)


class Jobs:
    """What the worker's jobs call, and what they draw with."""

    def __init__(self, settings: Settings, ground: Floor, clock: Clock) -> None:
        """Take what the use cases stand on."""
        from smartlink.works.exams.intake import Intake
        from smartlink.works.exams.parts import Parts
        from smartlink.works.images.previews import Drawings
        from smartlink.works.notify.alarms import Alarms
        from smartlink.works.notify.digest import Digests, Letterhead
        from smartlink.works.notify.post import Sparing, post_of
        from smartlink.works.tasks.producer import Producer

        self.access, self.blobs, self.drawings = ground.access, ground.blobs, Drawings()
        self.clock = clock
        self.later = Producer()
        self._intake = Intake(ground.access, ground.blobs, Producer(), clock)
        self._parts = Parts(ground.access, ground.blobs, Producer(), clock)
        letterhead = Letterhead(settings.url, settings.mail_language, settings.support_address)
        self._digests = Digests(ground.access, Producer(), letterhead)
        self._alarms = Alarms(ground.access, Producer(), letterhead, timedelta(minutes=settings.offline_minutes))
        self._post = Sparing(post_of(settings), clock)

    def ingest(self, organisation_id: uuid.UUID, upload_ids: Sequence[uuid.UUID]) -> None:
        """Take confirmed uploads into their exams."""
        self._intake.ingest(organisation_id, upload_ids)

    def preview(self, organisation_id: uuid.UUID, instance_id: uuid.UUID) -> None:
        """Make the pictures of an instance."""
        from smartlink.works.images.previews import make_previews

        make_previews(self, organisation_id, instance_id)

    def derive(self, organisation_id: uuid.UUID, delivery_id: uuid.UUID) -> None:
        """Make the objects that a delivery needs, and order it."""
        from smartlink.works.exams.derivation import derive

        derive(self, organisation_id, delivery_id)

    def compare(self, organisation_id: uuid.UUID, upload_id: uuid.UUID) -> None:
        """Find out whether what came under a known UID is the same image."""
        from smartlink.works.exams.comparing import compare_upload

        compare_upload(self, organisation_id, upload_id)

    def verify(self, organisation_id: uuid.UUID, upload_id: uuid.UUID) -> None:
        """Read an object that was put in parts and compare its digest."""
        self._parts.verify(organisation_id, upload_id)

    def abandon(self, organisation_id: uuid.UUID, upload_id: uuid.UUID) -> None:
        """Free what was put of an upload that was given up."""
        self._parts.abandon(organisation_id, upload_id)

    def digest(self, organisation_id: uuid.UUID, facility_id: uuid.UUID) -> None:
        """Write the digest of a facility's failures."""
        self._digests.write(organisation_id, facility_id, self.clock())

    def mail(self, organisation_id: uuid.UUID, mail_id: uuid.UUID) -> None:
        """Send a mail."""
        from smartlink.works.notify import mailing

        mailing.send(self.access, self._post, organisation_id, mail_id, self.clock())

    def every_minute(self) -> Mapping[str, Callable[[], None]]:
        """What is looked at by the clock, by the name of its task."""
        from smartlink.works.tasks import names

        return {
            names.DIGESTS_DUE: self._digests_due,
            names.COMMANDS_DONE: self._commands_done,
            names.ALARMS: self._look,
            names.REMOVALS_DUE: self._removals_due,
            names.TEST_EXAMS: self._test_exams,
            names.WORKLISTS_EXPIRED: self._worklists_expired,
        }

    def _digests_due(self) -> None:
        self._digests.tick(self.clock())

    def _look(self) -> None:
        self._alarms.tick(self.clock())

    def _commands_done(self) -> None:
        from smartlink.works.fleet import commands

        commands.purge(self.access, self.clock())

    def _test_exams(self) -> None:
        from smartlink.works.exams import synthetic

        synthetic.tick(self.access, self.clock())

    def _removals_due(self) -> None:
        from smartlink.works.exams import removal

        removal.tick(self.access, self.blobs, self.clock())

    def _worklists_expired(self) -> None:
        from smartlink.works.worklist import lists

        lists.purge(self.access, self.clock())

    def tasks(self) -> Mapping[str, "Task"]:
        """What is done for each kind of job. A new one is a name in `tasks/names`, a method here and a line here."""
        from smartlink.works.tasks import names

        return {
            names.INGEST: self.ingest,
            names.PREVIEW: self.preview,
            names.DERIVE: self.derive,
            names.COMPARE: self.compare,
            names.VERIFY: self.verify,
            names.ABANDON: self.abandon,
            names.DIGEST: self.digest,
            names.MAIL: self.mail,
        }

    def interrupt(self) -> None:
        """What takes long ends now, to be done again later."""
        self._parts.ending.set()
        self.drawings.close()


def is_healthy(ground: Floor) -> bool:
    """Whether database and storage answer."""
    try:
        with ground.access.outside() as transaction:
            transaction.value("SELECT 1")
        ground.blobs.head("health")
    except TryAgain:
        return False
    return True


def deployment_key(folder: Path) -> OKPKey:
    """The Ed25519 key of this deployment, made the first time, readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / KEY_FILE
    if not path.exists():
        fresh = folder / f".{KEY_FILE}.{os.getpid()}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(assertion.private_pem(assertion.generate_key()))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    return assertion.load_private(path.read_bytes())


def public_keys(key: OKPKey) -> Keys:
    """The key's public half, as gateways fetch it."""
    public = {"kty": "OKP", "crv": "Ed25519", "x": assertion.public_text(key), "use": "sig", "kid": key.thumbprint()}
    return Keys(keys=(public,))


def _database(settings: Settings, embedded: services.Services | None) -> tuple[str, str]:
    """The application's and the owner's connection strings; the second is empty where nobody gave it."""
    if settings.database_url is not None:
        owner = settings.database_owner_url
        return settings.database_url.get_secret_value(), "" if owner is None else owner.get_secret_value()
    if embedded is None:
        message = "There is no database: set WORKS_DATABASE_URL."
        raise Invalid(message)
    cluster = embedded.postgresql
    secrets = {role: roles.password_of(role, cluster.password) for role in (roles.OWNER, roles.APPLICATION)}
    roles.prepare(
        cluster.superuser_url, owner_password=secrets[roles.OWNER], application_password=secrets[roles.APPLICATION]
    )
    return (
        cluster.url(roles.APPLICATION, secrets[roles.APPLICATION], roles.DATABASE),
        cluster.url(roles.OWNER, secrets[roles.OWNER], roles.DATABASE),
    )


def _storage(settings: Settings, embedded: services.Services | None) -> S3Blobs:
    if settings.storage_endpoint is not None:
        secret = settings.storage_secret_key
        return S3Blobs(
            endpoint=settings.storage_endpoint,
            bucket=settings.storage_bucket,
            access_key=settings.storage_access_key or "",
            secret_key="" if secret is None else secret.get_secret_value(),
        )
    if embedded is None:
        message = "There is no object storage: set WORKS_STORAGE_ENDPOINT."
        raise Invalid(message)
    store = embedded.seaweedfs
    return S3Blobs(
        endpoint=store.endpoint,
        bucket=settings.storage_bucket,
        access_key=store.access_key,
        secret_key=store.secret_key,
    )
