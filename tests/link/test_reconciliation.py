"""The digest of a study is that of a set: order and repeats do not matter; questions are bounded."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smartlink.link.reconciliation import MOST_INSTANCES, CompareInstances, SendAgain, digest_of

UIDS = st.lists(st.from_regex(r"1\.2(\.[1-9][0-9]{0,4}){1,3}", fullmatch=True), max_size=8)


@given(UIDS, st.randoms())
def test_the_digest_is_of_the_set(uids: list[str], shuffle: object) -> None:
    mixed = uids * 2
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]
    assert digest_of(mixed) == digest_of(uids)
    assert digest_of([*uids, "1.9"]) != digest_of(uids)


def test_the_digest_is_what_is_written() -> None:
    assert digest_of(["1.3", "1.2"]) == hashlib.sha256(b"1.2\n1.3\n").hexdigest()
    # Two UIDs are never one longer one.
    assert digest_of(["1.2", "3.4"]) != digest_of(["1.23.4"])


def test_a_question_is_bounded() -> None:
    with pytest.raises(ValidationError):
        CompareInstances(study_instance_uid="1.2", sop_instance_uids=("1.3",) * (MOST_INSTANCES + 1))
    with pytest.raises(ValidationError):
        SendAgain(item_ids=())
