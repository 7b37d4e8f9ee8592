"""The columns that recur say the same in every table."""

import sqlalchemy as sa

from smartlink.works.store import columns


def test_a_reference_includes_the_organisation() -> None:
    key = columns.within("facility_id", "facility")
    assert key.column_keys == ["organisation_id", "facility_id"]


def test_a_column_must_be_filled_unless_it_may_be_empty() -> None:
    made = [columns.text("a"), columns.at("a"), columns.whole("a"), columns.digest("a"), columns.uuid("a")]
    assert not any(column.nullable for column in [*made, columns.identity(), columns.organisation()])
    assert columns.text("a", null=True).nullable
    assert isinstance(columns.one_organisation(), sa.UniqueConstraint)
