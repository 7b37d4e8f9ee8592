"""What Works is told of a kept image, and how much of it at a time."""

from __future__ import annotations

import hashlib
from uuid import uuid4

import pytest

from smartlink.gateway.errors import GiveUp
from smartlink.gateway.offers import Offers, Ready, grouped
from smartlink.gateway.store import deliveries, instances, parts
from smartlink.gateway.store.deliveries import WORKS, Claim
from smartlink.link.uploads import LARGEST_WHOLE, PART_SIZE
from tests.gateway.conftest import START, Keep
from tests.gateway.upload_bench import FIVE, Bench, bench

__all__ = ["bench"]


def claimed(bench: Bench) -> Claim:
    """The one claim that there is."""
    (claim,) = bench.database.write(lambda tx: deliveries.claim(tx, WORKS, START, START + FIVE, 1))
    return claim


def ready(bench: Bench, claim: Claim, size: int) -> Ready:
    """The claim as it would be offered if it had this size."""
    made = Offers(bench.database, bench.spool).of(claim, uuid4())
    return Ready(claim, made.offered.model_copy(update={"size": size}))


def test_digests_are_read_once_and_those_of_the_parts_with_them(bench: Bench, keep: Keep) -> None:
    kept = keep("1.2.3", data=bytes(range(256)) * (LARGEST_WHOLE // 256 + 1))
    instance_id = bench.enter(kept)
    claim, connection_id = claimed(bench), uuid4()
    offers = Offers(bench.database, bench.spool)
    offered = offers.of(claim, connection_id).offered
    whole = bytes(128) + bench.spool_file(kept)[128:]
    assert offered.connection_id == connection_id
    assert offered.object_sha256 == hashlib.sha256(whole).hexdigest()
    known = bench.database.read(lambda tx: parts.of(tx, instance_id))
    assert [part.sha256 for part in known] == [
        hashlib.sha256(whole[at : at + PART_SIZE]).hexdigest() for at in range(0, len(whole), PART_SIZE)
    ]
    bench.spool.set_aside(kept.name)
    again = bench.database.read(lambda tx: instances.find(tx, instance_id))
    assert again is not None
    assert offers.of(Claim(claim.id, claim.lease, 1, again), connection_id).offered == offered


def test_a_file_that_changed_on_disk_is_given_up_in_words(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3"), crc32=7)
    with pytest.raises(GiveUp) as fault:
        Offers(bench.database, bench.spool).of(claimed(bench), uuid4())
    assert fault.value.cause == "The stored file no longer has the bytes that were received."


def test_a_group_is_no_larger_than_what_is_put_while_a_ticket_lasts(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3"))
    claim = claimed(bench)
    batch = [ready(bench, claim, size) for size in (60, 50, 50, LARGEST_WHOLE + 1, 1)]
    sizes = [[one.offered.size for one in group] for group in grouped(batch, 100)]
    assert sizes == [[60], [50, 50, LARGEST_WHOLE + 1], [1]]
    assert list(grouped([], 100)) == []
