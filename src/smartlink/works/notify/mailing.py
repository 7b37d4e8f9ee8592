"""Sends the mails that were written, each until it is out, refused for good, or overtaken by a newer one."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog

from smartlink.works.access import Access, Site
from smartlink.works.errors import GiveUp, TryAgain
from smartlink.works.notify.post import Letter, Post
from smartlink.works.store import mails
from smartlink.works.store.mails import Mail

log = structlog.get_logger()

_SHOWN: Final = 50


def send(access: Access, post: Post, organisation_id: uuid.UUID, mail_id: uuid.UUID, now: datetime) -> None:
    """Send one mail if it still waits. Raises TryAgain when it is to be tried again; the row says why.

    If the word of the mail server is lost the mail goes out again, under the same Message-ID.
    """
    with access.organisation(organisation_id) as site:
        mail = mails.get(site, mail_id)
    if mail is None or mail.state != "waiting":
        return
    try:
        post.send(Letter(mail.id, mail.recipient, mail.subject, mail.body, mail.created_at))
    except TryAgain as error:
        _turned(access, organisation_id, mail, "waiting", str(error), now)
        log.error("mail_not_sent", mail_id=str(mail.id), why=str(error))
        raise
    except GiveUp as error:
        _turned(access, organisation_id, mail, "refused", str(error), now)
        log.error("mail_refused", mail_id=str(mail.id), why=str(error))
    else:
        _turned(access, organisation_id, mail, "sent", None, now)
        log.info("mail_sent", mail_id=str(mail.id), kind=mail.kind)


def stuck(site: Site, facility_ids: Sequence[uuid.UUID]) -> list[Mail]:
    """Mails of now that people do not get: what pages warn of."""
    return mails.stuck(site, facility_ids, _SHOWN)


def _turned(
    access: Access, organisation_id: uuid.UUID, mail: Mail, state: str, problem: str | None, now: datetime
) -> None:
    with access.organisation(organisation_id) as site:
        mails.turned(site, mail.id, state=state, problem=problem, now=now)
