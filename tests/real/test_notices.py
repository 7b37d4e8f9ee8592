"""A PACS that is down for the whole Continue Retry Until: which mails arrive, from the gateway's loop to the mailbox.

Everything is real, catalogue, link, database and mail server; only the clock is set, so that four days take seconds.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from smartlink.demo.programs import wait_for
from smartlink.gateway.connections import Connection, put_message
from smartlink.gateway.delivery import State
from smartlink.gateway.notices import Notices, Rules, Sources
from smartlink.gateway.store import connections, deliveries, destinations, orders
from smartlink.gateway.store.database import Database, Transaction, open_in
from smartlink.gateway.uplink.works import Account, WorksClient
from smartlink.link.activation import Activate
from smartlink.link.assertion import generate_key, public_text
from smartlink.link.connections import ConnectionStatus, Kind
from smartlink.link.heartbeat import Disk, Heartbeat, Queue
from smartlink.standard.names import AETitle
from smartlink.works.access import Access, Site
from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.notify import mailing
from smartlink.works.notify.alarms import Alarms
from smartlink.works.notify.digest import Digests, Letterhead
from smartlink.works.notify.post import Server, SMTPPost
from smartlink.works.people import directory
from smartlink.works.people.directory import NewPerson
from tests.gateway.store.examples import an_instance
from tests.real import markers
from tests.real import orders as orders_of
from tests.real.clocked import INTERVAL, PROBE, Clocked
from tests.real.pacs import Scripted
from tests.real.world import MARKER
from tests.works.cast import PASSWORD, passwords
from tests.works.mailserver import Mailbox, serving
from tests.works.world import START, WORKS, Place, World, served

pytestmark = pytest.mark.real

FIVE = timedelta(minutes=5)
DAYS = timedelta(days=4)
STEP = timedelta(minutes=20)


class Town:
    """A facility with Alice, a gateway with a PACS and what it tells, Works with its digests, and Alice's mailbox."""

    def __init__(self, world: World, database: Database, mailbox: Mailbox, http: httpx.Client) -> None:
        self.world, self.database, self.mailbox = world, database, mailbox
        self.place: Place = world.organisation("Heart Clinic")
        self.digests = Digests(world.access, self, Letterhead("https://works.example"))
        self.post = SMTPPost(Server("127.0.0.1", mailbox.port, "none", "works@works.example"))
        self.written: list[uuid.UUID] = []
        with world.access.organisation(self.place.organisation_id) as site:
            directory.create_person(site, passwords(), alice(self.place), world.now)
        self.client = activated(world, self.place, http)
        self.pacs = self._pacs()
        rules = Rules(4, FIVE, FIVE)
        self.notices = Notices(
            database,
            self.client,
            Sources(lambda: None, lambda: None),
            licensed=lambda: True,
            revoked=lambda: None,
            rules=lambda: rules,
        )

    def mail(self, site: Site, mail_id: uuid.UUID) -> None:  # noqa: ARG002 - as the producer
        self.written.append(mail_id)

    def _pacs(self) -> Connection:
        connection_id = uuid.uuid4()
        pacs = Connection(
            id=connection_id,
            kind=Kind.PACS,
            name="Archive",
            ae_title=AETitle("ARCHIVE"),
            host="192.0.2.9",
            port=104,
            specialty_ids=(self.place.specialty_id,),
            mapping=None,
            status=ConnectionStatus.ACTIVE,
            works_id=connection_id,
        )
        self.database.write(lambda tx: connections.add(tx, pacs, START))
        self.client.put_connection(connection_id, put_message(pacs, self.place.specialty_id))
        return pacs

    def order(self, number: int) -> None:
        """Works orders an image for the PACS; its file is here."""
        item = orders.Item(
            id=uuid.uuid4(),
            order_id=uuid.uuid4(),
            destination=str(self.pacs.id),
            sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1",
            sop_instance_uid=f"1.2.3.{number}",
            study_instance_uid="1.2.4",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            size=10,
            object_sha256="0" * 64,
            dataset_sha256="1" * 64,
            resend=False,
        )
        instance_id = an_instance(self.database, number, state=State.HELD, at=self.world.now)
        destination, now = str(self.pacs.id), self.world.now

        def write(tx: Transaction) -> None:
            orders.order(tx, item, now)
            delivery_id = deliveries.add(tx, instance_id, destination, None, State.WAITING, now)
            assert delivery_id is not None
            orders.link(tx, item.id, delivery_id, now)

        self.database.write(write)

    def fails(self) -> None:
        """The PACS does not answer."""
        now = self.world.now
        self.database.write(lambda tx: destinations.failing(tx, str(self.pacs.id), now, "The PACS does not answer."))

    def exhausted(self) -> int:
        """Continue Retry Until is over; how many images are given up, and their exam is in the Outbox."""
        now = self.world.now
        count = self.database.write(
            lambda tx: deliveries.exhaust(
                tx, str(self.pacs.id), now, now - DAYS, failing=True, cause="Not within the time set."
            )
        )
        with self.world.access.organisation(self.place.organisation_id) as site:
            in_outbox(site, self.place, self.pacs.id, now)
        return count

    def live(self, until: datetime) -> None:
        """Let time pass: the gateway tells, Works writes and sends."""
        while self.world.now < until:
            self.world.now += STEP
            self.notices.tick(self.world.now)
            while self.world.later.digests:
                self.digests.write(*self.world.later.digests.pop(), self.world.now)
            self.digests.tick(self.world.now)
            while self.written:
                mailing.send(
                    self.world.access, self.post, self.place.organisation_id, self.written.pop(), self.world.now
                )


def alice(place: Place) -> NewPerson:
    """Who runs the facility."""
    return NewPerson(
        email="alice@example.org",
        password=PASSWORD,
        given_name="Alice",
        family_name="Ash",
        role="facility_administrator",
        facility_id=place.facility_id,
    )


def activated(world: World, place: Place, http: httpx.Client) -> WorksClient:
    """A gateway's own client, signed in to this Works under the address that it expects."""
    accounts: list[Account] = []
    client = WorksClient(http, lambda: accounts[0], world.clock)
    pair = generate_key()
    request = Activate(
        licence_key=SecretStr(world.key(place)),
        installation_id=uuid.uuid4(),
        public_key=public_text(pair),
        version="0.1.0",
    )
    found = client.activate(WORKS, request)
    accounts.append(Account(WORKS, found.gateway_id, pair))
    return client


def in_outbox(site: Site, place: Place, connection_id: uuid.UUID, now: datetime) -> None:
    """An exam that Works keeps in the Outbox; its patient is the one that no mail may name."""
    exam_id, owner = uuid.uuid4(), site.value("SELECT id FROM person LIMIT 1")
    site.run(
        "INSERT INTO exam (id, organisation_id, facility_id, study_instance_uid, patient_name, patient_id, state,"
        " folder, owner_person_id, created_at, last_received_at) VALUES (:id, :organisation_id, :facility_id, '1.2.4',"
        " :name, :name, 'submitted', 'completed', :owner, :now, :now)",
        id=exam_id,
        organisation_id=site.organisation_id,
        facility_id=place.facility_id,
        name=MARKER.patient_name,
        owner=owner,
        now=now,
    )
    site.run(
        "INSERT INTO delivery (id, organisation_id, exam_id, connection_id, exam_version, state, reason, created_at,"
        " updated_at) VALUES (:id, :organisation_id, :exam_id, :connection_id, 1, 'outbox', 'exhausted', :now, :now)",
        id=uuid.uuid4(),
        organisation_id=site.organisation_id,
        exam_id=exam_id,
        connection_id=connection_id,
        now=now,
    )


class Leading(httpx.HTTPTransport):
    """Leads calls to Works' public address to where it is served, and dates the answers by the clock that is set."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.address = world, world.http.base_url

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme=self.address.scheme, host=self.address.host, port=self.address.port)
        answer = super().handle_request(request)
        answer.headers["Date"] = format_datetime(self.world.now, usegmt=True)
        return answer


@pytest.fixture
def town(access: Access, blobs: S3Blobs, tmp_path: Path) -> Iterator[Town]:
    with (
        served(access, blobs) as world,
        serving(Mailbox()) as mailbox,
        open_in(tmp_path / "data") as catalogue,
        httpx.Client(transport=Leading(world)) as http,
        capture_logs(),
    ):
        yield Town(world, catalogue, mailbox, http)


@pytest.mark.proves("R110", "R113", "R144", "A6")
def test_a_pacs_that_is_down_for_four_days_is_mailed_every_four_hours_and_then_named_in_the_outbox(town: Town) -> None:
    town.order(1)
    town.order(2)
    town.fails()
    town.live(START + DAYS)
    assert town.exhausted() == 2
    town.live(START + DAYS + timedelta(days=1))
    subjects = town.mailbox.subjects()
    assert subjects == [
        *24 * ["SmartLink: a transfer fails at Lakeside"],
        "SmartLink: transfers at Lakeside are no longer tried; see the Outbox",
    ]
    first, last = town.mailbox.texts()[0], town.mailbox.texts()[-1]
    assert "Store to PACS: Archive (ARCHIVE)\n  2 images wait\n" in first
    assert "Cause: The PACS does not answer." in first
    assert "1 exam could not be sent in time and is in the Outbox" in last
    assert {recipient for mail in town.mailbox.envelopes for recipient in mail} == {"alice@example.org"}
    assert MARKER.patient_name not in str(town.mailbox.texts() + subjects)


@pytest.mark.proves("R110", "R113")
def test_a_pacs_that_comes_back_ends_the_mails_with_one_that_says_so(town: Town) -> None:
    town.order(1)
    town.fails()
    town.live(START + timedelta(hours=9))
    now = town.world.now
    town.database.write(lambda tx: destinations.accepted(tx, str(town.pacs.id), now))
    town.live(now + timedelta(days=1))
    assert town.mailbox.subjects() == [
        *3 * ["SmartLink: a transfer fails at Lakeside"],
        "SmartLink: transfers at Lakeside work again",
    ]


@pytest.mark.proves("R113")
def test_an_outage_shorter_than_a_retry_is_no_news(town: Town) -> None:
    town.order(1)
    town.world.now += STEP
    town.fails()
    town.notices.tick(town.world.now)
    now = town.world.now
    town.database.write(lambda tx: destinations.accepted(tx, str(town.pacs.id), now))
    town.live(now + timedelta(hours=5))
    assert town.mailbox.mails == []


@pytest.mark.proves("R113", "R114")
def test_a_gateway_that_falls_silent_is_mailed_and_its_return_too(town: Town) -> None:
    alarms = Alarms(town.world.access, town, Letterhead("https://works.example"), timedelta(minutes=15))
    beat = Heartbeat(
        version="0.1.0",
        started_at=START,
        sent_at=START,
        receiver_open=True,
        queue=Queue(),
        disk=Disk(free=500, total=1000, reserve=50),
    )

    def live(minutes: int) -> None:
        town.world.now += timedelta(minutes=minutes)
        alarms.tick(town.world.now)
        while town.written:
            mailing.send(town.world.access, town.post, town.place.organisation_id, town.written.pop(), town.world.now)

    town.client.heartbeat(beat)
    live(14)
    assert town.mailbox.mails == []
    live(1)
    live(1)
    town.client.heartbeat(beat.model_copy(update={"disk": Disk(free=500, total=1000, reserve=50, days_left=1.5)}))
    live(1)
    assert sorted(town.mailbox.subjects()) == [
        "SmartLink: the disk of the gateway at Lakeside fills up",
        "SmartLink: the gateway at Lakeside is offline",
        "SmartLink: the gateway at Lakeside is online again",
    ]
    assert [word for mail in town.mailbox.mails for word in markers.in_mail(mail.as_bytes())] == []


@pytest.mark.proves("R110", "R113")
def test_works_mails_that_a_pacs_is_down_and_that_it_works_again_and_names_nobody(
    clocked: Clocked, mailbox: Mailbox, uid: Callable[[], str]
) -> None:
    """The running programs: what Town shows by the clock is here sent by the worker of Works to a mail server."""
    site = clocked.site

    def mails() -> list[EmailMessage]:
        return [mail for mail in list(mailbox.mails) if mail["To"] == site.administrator.email]

    with Scripted(ae_title="MAILED") as pacs, clocked.connected(pacs):
        study, images = orders_of.arrive(clocked, uid)
        exam = orders_of.submitted(clocked, study)
        orders_of.until_told(clocked, exam, "nothing listens")
        assert mails() == [], "an outage shorter than a retry is no news"
        clocked.clock.let_pass(INTERVAL)
        (failing,) = wait_for(mails, 30, "the mail that says what fails")
        pacs.up()
        clocked.clock.let_pass(PROBE)
        orders_of.until_sent(clocked, exam)
        clocked.clock.let_pass(PROBE)
        wait_for(lambda: len(mails()) == 2, 30, "the mail that says that it works again")
        assert pacs.count() == orders_of.once(images)
    again = mails()[-1]
    house = re.search("Organisation [0-9]+, main house", str(failing["Subject"]))
    assert house is not None
    assert failing["Subject"] == f"SmartLink: a transfer fails at {house[0]}"
    assert again["Subject"] == f"SmartLink: transfers at {house[0]} work again"
    text = str(failing.get_content()).replace("\r\n", "\n")
    assert "Store to PACS: Archive MAILED (MAILED)\n  3 images wait\n" in text
    assert f"nothing listens on port {pacs.port}." in text
    assert [word for mail in (failing, again) for word in markers.in_mail(mail.as_bytes())] == []
