"""The tables of notices belong to an organisation, like all tables of what gateways say."""

from smartlink.works.store import notice_tables, tables


def test_each_belongs_to_an_organisation_and_is_known_among_all_tables() -> None:
    for table in (
        notice_tables.failure_notice,
        notice_tables.digest,
        notice_tables.notice_recipient,
        notice_tables.mail,
        notice_tables.alarm,
    ):
        assert "organisation_id" in table.c
        assert tables.metadata.tables[table.name] is table
