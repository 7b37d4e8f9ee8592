"""The tables of worklists belong to an organisation, like all tables that hold patients."""

from smartlink.works.store import tables, worklist_tables


def test_each_belongs_to_an_organisation_and_is_known_among_all_tables() -> None:
    for table in (worklist_tables.worklist, worklist_tables.worklist_item):
        assert "organisation_id" in table.c
        assert tables.metadata.tables[table.name] is table
