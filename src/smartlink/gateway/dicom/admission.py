"""Who may come in, and how many at once: the allow-lists and the limits of a receiver, over all of its ports."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

from smartlink.standard.reject import (
    CALLING_AE_TITLE_NOT_RECOGNIZED,
    LOCAL_LIMIT_EXCEEDED,
    Rejection,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from smartlink.standard.names import AETitle

NOT_ALLOWED_ADDRESS: Final = "the address is not in allowed_networks"
BLOCKED: Final = "an administrator blocked the AE title (smartlink connections approve lets it in)"


@dataclass(frozen=True, slots=True)
class HouseRules:
    """Whom a receiver lets in. An empty list lets everybody in; a limit of None is no limit of its own."""

    associations: int = 64
    per_ae_title: int | None = None
    per_address: int | None = None
    calling_ae_titles: frozenset[str] = frozenset()
    """Folded: an AE title is the same however it is cased, as for connections."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()


class Turned(NamedTuple):
    """A caller that is turned away: what it is told on the wire, and what a person reads."""

    rejection: Rejection
    why: str


class Gate:
    """Counts the Associations that are open, over all ports of one receiver; any thread."""

    def __init__(
        self, rules: HouseRules | None = None, is_blocked: Callable[[AETitle], bool] = lambda _ae_title: False
    ) -> None:
        """Keep the door by these rules; `is_blocked` is asked anew for each caller (R67)."""
        self._is_blocked = is_blocked
        self._rules = rules or HouseRules()
        self._lock = threading.Lock()
        self._open = 0
        self._by_ae_title: Counter[str] = Counter()
        self._by_address: Counter[str] = Counter()

    @property
    def associations(self) -> int:
        """How many Associations there may be at once."""
        return self._rules.associations

    def knows(self, address: str) -> bool:
        """Whether a connection from this address is taken at all."""
        networks = self._rules.networks
        if not networks:
            return True
        found = _plain(address)
        return any(found in network for network in networks)

    def enter(self, calling_ae_title: AETitle, address: str) -> Turned | None:
        """Count an Association in, or return why it is turned away; whoever came in has to `leave`."""
        rules, ae_title = self._rules, calling_ae_title.folded
        if rules.calling_ae_titles and ae_title not in rules.calling_ae_titles:
            return Turned(CALLING_AE_TITLE_NOT_RECOGNIZED, "the AE title is not in allowed_ae_titles")
        if self._is_blocked(calling_ae_title):
            return Turned(CALLING_AE_TITLE_NOT_RECOGNIZED, BLOCKED)
        with self._lock:
            if self._open >= rules.associations:
                return _too_many("associations are open")
            if rules.per_ae_title is not None and self._by_ae_title[ae_title] >= rules.per_ae_title:
                return _too_many("associations of this AE title are open")
            if rules.per_address is not None and self._by_address[address] >= rules.per_address:
                return _too_many("associations of this address are open")
            self._open += 1
            self._by_ae_title[ae_title] += 1
            self._by_address[address] += 1
        return None

    def leave(self, calling_ae_title: AETitle, address: str) -> None:
        """Count an Association out that came in."""
        with self._lock:
            self._open -= 1
            for counter, key in ((self._by_ae_title, calling_ae_title.folded), (self._by_address, address)):
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]


def _too_many(what: str) -> Turned:
    return Turned(LOCAL_LIMIT_EXCEEDED, f"as many {what} as are allowed")


def _plain(address: str) -> IPv4Address | IPv6Address:
    """Return an address as a value; one of IPv4 that came over a port of IPv6 is one of IPv4."""
    found = ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return found if mapped is None else mapped
