"""Draw the DICOM Conformance Statement of SmartLink, in the layout of PS3.2 Annex A, from the tables in the code.

`python -m scripts.draw_conformance` writes it; a habit test holds that what is committed equals what would be drawn.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Final

from scripts.draw_docs import ROOT, initial, row
from smartlink.gateway.calling import SendLimits
from smartlink.gateway.commitments import GIVE_UP_AFTER, MOST_REFERENCES, MOST_WAITING
from smartlink.gateway.dicom import (
    commitment_report,
    commitment_scp,
    negotiation,
    storage_scp,
    verification_scp,
    worklist_scu,
)
from smartlink.gateway.dicom.asking import QUIET_SECONDS
from smartlink.gateway.dicom.command import CommandField
from smartlink.gateway.dicom.storage_scu import FALLBACK
from smartlink.gateway.settings import SmartLinkSettings
from smartlink.gateway.worklist import Key
from smartlink.link.worklist import MOST_ITEMS
from smartlink.standard.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from smartlink.standard.reject import Rejection, words_of
from smartlink.standard.sop_class import (
    APPLICATION_CONTEXT,
    STORAGE,
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    VERIFICATION,
)
from smartlink.standard.status import VERDICTS, Status, Verdict, shown
from smartlink.standard.transfer_syntax import LAST_CHOICE, TRANSFER_SYNTAXES, UNCOMPRESSED

WIDTH: Final = 118
FILE: Final = ROOT / "docs" / "conformance" / "gateway.md"

SETTINGS: Final = (
    "receiver_ae_title",
    "port",
    "any_called_ae_title",
    "any_abstract_syntax",
    "abstract_syntaxes",
    "allowed_ae_titles",
    "allowed_networks",
    "associations",
    "associations_per_ae_title",
    "associations_per_address",
    "association_request_seconds",
    "association_idle_seconds",
    "association_stall_seconds",
    "slowest_bytes_per_second",
    "largest_instance_bytes",
    "largest_pdu_bytes",
    "largest_command_bytes",
    "largest_request_bytes",
    "tls_port",
    "tls_only",
    "tls_certificate",
    "tls_key",
    "tls_ca_file",
    "tls_require_client_certificate",
    "sender_ae_title",
    "retry_pacs_minutes",
    "continue_retry_days",
    "worklist_client_ae_title",
    "worklist_minutes",
    "worklist_hours_before",
    "worklist_hours_after",
)
"""The settings that change what is said here."""

VERDICT_WORDS: Final = {
    Verdict.STORED: "The image is sent.",
    Verdict.STORED_BEFORE: "The image is sent; that the PACS had it already is noted.",
    Verdict.DESTINATION: "The PACS is tried again at the retry interval; nothing is parked.",
    Verdict.INSTANCE: "After three attempts while other images succeed, the image waits for a person.",
}


def main() -> None:
    """Write the statement."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(statement(), encoding="utf-8")


def statement() -> str:
    """The whole statement."""
    networking = (model, receiver, sender, worklist_client, interfaces)
    parts = (cover, overview, introduction, *networking, media, characters, security, annexes)
    return "\n".join(line for part in parts for line in (*filled(part()), ""))


def filled(lines: list[str]) -> list[str]:
    """The lines with each paragraph filled anew; headings and tables stay as they are."""
    done: list[str] = []
    for is_prose, several in groupby(lines, lambda line: bool(line) and line[0] not in "#|"):
        together = list(several)
        done += wrap(" ".join(together), WIDTH, break_on_hyphens=False) if is_prose else together
    return done


def cover() -> list[str]:
    """Section 0, with what it is drawn from."""
    return [
        "# DICOM Conformance Statement: SmartLink",
        "",
        "Drawn by `make docs` from the tables in the code, in the layout of PS3.2 Annex A; edit it there",
        "(`scripts/draw_conformance.py`). Product: SmartLink, the DICOM gateway on site. Its",
        "versions are those of the",
        "[changelog](../../CHANGELOG.md).",
    ]


def overview() -> list[str]:
    """Section 1: what can be done over the network."""
    return [
        "## 1 Conformance Statement Overview",
        "",
        "SmartLink receives images from ultrasound systems, keeps each one on disk before it",
        "answers, vouches for them",
        "(Storage Commitment), uploads them to Works over HTTPS, and stores exams in PACS when Works orders it.",
        "",
        *table(
            ("SOP Classes", "User of Service (SCU)", "Provider of Service (SCP)"),
            [
                (f"{len(STORAGE)} SOP Classes of Storage (section 4.2.1.1)", "Yes", "Yes"),
                ("Verification", "Yes", "Yes"),
                ("Storage Commitment Push Model", "No", "Yes"),
                ("Modality Worklist Information Model - FIND", "Yes", "No"),
            ],
        ),
        "",
        "Media interchange: none. Query/Retrieve: none.",
    ]


def introduction() -> list[str]:
    """Section 3, where this product has something to say of its own."""
    return [
        "## 3 Introduction",
        "",
        "For those who connect ultrasound systems and PACS. The words of ours are in the",
        "[glossary](../glossary.md).",
        "This statement does not replace a test with the other system: `smartlink connections test` makes one.",
    ]


def model() -> list[str]:
    """Section 4.1: which AE does what, and in which order."""
    return [
        "## 4 Networking",
        "",
        "### 4.1 Implementation Model",
        "",
        *table(
            ("Application Entity", "AE title", "What it does"),
            [
                (
                    "Receiver",
                    f"`{SmartLinkSettings().receiver_ae_title}`, can be set",
                    "Accepts Associations: C-ECHO, C-STORE, N-ACTION. Opens them to tell results of Storage",
                    "Commitment.",
                ),
                (
                    "Sender",
                    f"`{SmartLinkSettings().sender_ae_title}`, can be set",
                    "Opens Associations to PACS: C-STORE, and C-ECHO to see whether they are there.",
                ),
                (
                    "Worklist Client",
                    f"`{SmartLinkSettings().worklist_client_ae_title}`, can be set",
                    "Opens Associations to worklist servers: C-FIND, and C-ECHO for Test Connection.",
                ),
            ],
        ),
        "",
        "The Receiver is open while the gateway has a licence. An image is answered when its file",
        "is on disk; it is",
        "uploaded, and sent to PACS, behind the answer and independently of the Association it",
        "came on. A result of",
        "Storage Commitment follows its N-ACTION, on the same Association or on another one.",
    ]


def receiver() -> list[str]:
    """Section 4.2.1: the AE that scanners know."""
    return [
        "### 4.2 AE Specifications",
        "",
        "#### 4.2.1 Receiver",
        "",
        *receiver_classes(),
        "",
        *receiver_policies(),
        "",
        *receiver_initiation(),
        "",
        *receiver_acceptance(),
        "",
        *conformance_to_classes(),
    ]


def receiver_classes() -> list[str]:
    """Section 4.2.1.1."""
    services = [("Verification", VERIFICATION), ("Storage Commitment Push Model", STORAGE_COMMITMENT)]
    stored = [(f"{name} Storage" if "Storage" not in name else name, uid) for uid, name in STORAGE.items()]
    return [
        "##### 4.2.1.1 SOP Classes",
        "",
        "SCP of each, SCU of none. Private and unknown SOP Classes: section 8.5.",
        "",
        *table(("SOP Class Name", "SOP Class UID"), [(name, f"`{uid}`") for name, uid in (*services, *stored)]),
    ]


def receiver_policies() -> list[str]:
    """Section 4.2.1.2: associations in general."""
    values = SmartLinkSettings()
    return [
        "##### 4.2.1.2 Association Policies",
        "",
        *table(
            ("What", "Value"),
            [
                ("Application Context Name", f"`{APPLICATION_CONTEXT}`"),
                ("Associations accepted at once", f"{values.associations}, can be set in all, by AE title, by address"),
                ("Associations opened at once", "1, to tell results of Storage Commitment"),
                ("Asynchronous Operations", (f"up to {negotiation.WINDOW} invoked by the requestor if it asks for a"
                 " window, answered in their order; of ours 1 is performed by it. Without the item: 1 and 1")),
                ("Maximum PDU received", f"{values.largest_pdu_bytes} bytes, can be set"),
                ("Maximum PDU sent", "as the peer says; every fragment of even length"),
                ("Implementation Class UID", f"`{IMPLEMENTATION_CLASS_UID}`"),
                ("Implementation Version Name", f"`{IMPLEMENTATION_VERSION_NAME}`"),
            ],
        ),
    ]  # fmt: skip


def receiver_initiation() -> list[str]:
    """Section 4.2.1.3: when the Receiver calls."""
    limits = commitment_report.LIMITS
    return [
        "##### 4.2.1.3 Association Initiation Policy",
        "",
        "The result of a Storage Commitment is told on an Association of the Receiver's own when",
        "the requestor's ended",
        "before it heard it: to the address from which its AE title was seen last, at the port",
        "that a person entered",
        "(`smartlink connections edit US01 --port 104`). Proposed is",
        f"`{STORAGE_COMMITMENT}` in",
        f"{spoken(TRANSFER_SYNTAXES[one.transfer_syntax] for one in commitment_report.PROPOSALS)},",
        "with SCP/SCU Role Selection for the SCP role; a peer that does not answer the role is",
        "told nevertheless. It is",
        f"called again after pauses that grow from a minute to an hour, for {GIVE_UP_AFTER.days}",
        "days; a restart forgets",
        f"nothing. Waits: connection {limits.connect_seconds:g} s, Association",
        f"{limits.associate_seconds:g} s, response",
        f"{limits.response_seconds:g} s. The connection is plain.",
    ]


def receiver_acceptance() -> list[str]:
    """Section 4.2.1.4, without the SOP specific part."""
    best = spoken(TRANSFER_SYNTAXES[uid] for uid in TRANSFER_SYNTAXES if uid in LAST_CHOICE)
    return [
        "##### 4.2.1.4 Association Acceptance Policy",
        "",
        "The called AE title is compared exactly after trimming. Of the proposed Transfer Syntaxes the requestor's",
        f"first known one is accepted, but {best} only where nothing else is proposed.",
        "",
        *table(
            ("Abstract Syntax", "Transfer Syntaxes", "Role", "Extended Negotiation"),
            [
                ("Verification", "all of the next table", "SCP", "none"),
                ("every SOP Class of Storage", "all of the next table", "SCP", "answered, see below"),
                (
                    "Storage Commitment Push Model",
                    spoken(TRANSFER_SYNTAXES[uid] for uid in TRANSFER_SYNTAXES if uid in UNCOMPRESSED),
                    "SCP",
                    "none",
                ),
            ],
        ),
        "",
        *table(("Transfer Syntax", "UID"), [(name, f"`{uid}`") for uid, name in TRANSFER_SYNTAXES.items()]),
        "",
        *extended_negotiation(),
        "",
        "An Association is rejected so:",
        "",
        *table(
            ("Result", "Source", "Reason", "Means", "When"),
            [rejection(one, when) for one, when in negotiation.REJECTIONS.items()],
        ),
        "",
        "Connections from addresses outside `allowed_networks` are closed without a word. A peer",
        "that breaks PS3.8 is",
        "aborted: before its request in the service-user's name, later by the service-provider",
        "with the reason of table",
        "9-26. The state machine is drawn in [states.md](../states.md).",
    ]


def extended_negotiation() -> list[str]:
    """How each item of PS3.7 Annex D.3.3 is answered."""
    information = " ".join(f"{byte:02X}" for byte in negotiation.STORAGE_INFORMATION)
    rows = [
        ("SCP/SCU Role Selection", ("The SCU role is accepted, the SCP role turned down. A context whose requestor does"
         " not propose to be SCU is refused (user-rejection). Answered for accepted contexts only.")),
        ("Asynchronous Operations Window", f"Invoked: what is proposed, at most {negotiation.WINDOW}. Performed: 1."),
        ("SOP Class Extended Negotiation", (f"For Storage: `{information}`, level 2 (Full), signature level 3, no"
         " coercion. For other SOP Classes not answered.")),
        ("SOP Class Common Extended Negotiation", "Read. No SOP Class is accepted on its word."),
        ("User Identity", ("Of any type accepted unverified and forgotten; never answered, even if a positive response"
         " was requested, because nothing was verified.")),
        ("Implementation Class UID and Version Name", "As above."),
        ("What is not known", "Passed over."),
    ]  # fmt: skip
    return [*table(("Item", "Rule"), rows), "", "An item whose length lies ends in an abort."]


def conformance_to_classes() -> list[str]:
    """What each SOP Class answers."""
    return [
        "##### 4.2.1.5 SOP Specific Conformance",
        "",
        "Before any service, each request may be answered with:",
        "",
        *statuses(negotiation.NOT_AGREED),
        "",
        f"In a context of Verification {operations(VERIFICATION)} is answered, in one of Storage Commitment",
        f"{operations(STORAGE_COMMITMENT)}, in every other one C-ECHO and C-STORE. C-CANCEL gets no",
        "response. Priority, Move",
        "Originator and elements that are not known are passed over.",
        "",
        "**Verification**",
        "",
        *statuses(verification_scp.STATUSES),
        "",
        "**Storage**: level 2 (Full). The bytes of the Data Set are kept and passed on as they",
        "came, whatever they are. An",
        "instance whose Data Set cannot be read, or names other UIDs than the command, is answered",
        "Success and kept aside",
        "for a person. The same instance again is answered Success. Images stay until Works has",
        "given its receipt, and",
        "then for `retention_hours`; they cannot be retrieved by DICOM from the gateway.",
        "",
        *statuses(storage_scp.STATUSES),
        "",
        "**Storage Commitment Push Model**: the gateway vouches for an instance that lies on its",
        "disk, whole and readable,",
        "and is therefore going to be in Works; and for one that Works has given its receipt for,",
        "also after it was purged",
        "here. It does not vouch for one whose Transfer Syntax only refers to its pixels. A request may name",
        f"{MOST_REFERENCES} SOP Instances; {MOST_WAITING} results may be untold at a time. A",
        "request with the Transaction UID of",
        "an untold one replaces it. Storage Media File-Set ID and UID are passed over. The",
        "N-ACTION is answered so:",
        "",
        *statuses(commitment_scp.STATUSES),
        "",
        f"The N-EVENT-REPORT (SOP Instance `{STORAGE_COMMITMENT_INSTANCE}`) goes out on the same",
        "Association once the peer",
        f"has been silent for {QUIET_SECONDS:g} s, otherwise as in section 4.2.1.3: Event Type 1",
        "when all is well, 2 with the",
        "Failed SOP Sequence. One that is not answered with Success is told again. Failure Reasons:",
        "",
        *statuses(commitment_scp.FAILURE_REASONS),
    ]


def sender() -> list[str]:
    """Section 4.2.2: the AE that PACS know."""
    limits = SendLimits()
    fallback = spoken(TRANSFER_SYNTAXES[uid] for uid in FALLBACK)
    return [
        "#### 4.2.2 Sender",
        "",
        "SCU of Verification and of every SOP Class of section 4.2.1.1. One Association per exam",
        "and PACS, one image at a",
        "time; each SOP Class is proposed in the Transfer Syntax in which its images are stored,",
        "and beside that in",
        f"{fallback}: what a PACS accepts there tells Works what to make for it. Nothing is",
        "converted at the gateway.",
        f"Waits: connection {limits.connect_seconds:g} s, Association {limits.associate_seconds:g} s, response",
        f"{limits.response_seconds:g} s; all can be set. It accepts no Associations and proposes no",
        "extended negotiation.",
        "",
        "What a status of C-STORE leads to:",
        "",
        *table(
            ("Status", "Means", "Then"),
            [
                (span(first, last), meaning, VERDICT_WORDS[verdict])
                for first, last, verdict, meaning in VERDICTS
            ],
        ),
    ]  # fmt: skip


def worklist_client() -> list[str]:
    """Section 4.2.3: the AE that worklist servers know."""
    syntaxes = spoken(TRANSFER_SYNTAXES[one.transfer_syntax] for one in worklist_scu.PROPOSALS)
    return [
        "#### 4.2.3 Worklist Client",
        "",
        f"SCU of Modality Worklist Information Model - FIND, in {syntaxes}, and of Verification for Test",
        "Connection. One Association and one C-FIND for each query of each server. Keys that have to match:",
        "Scheduled Procedure Step Start Date, a range of the server's own days; Modality, unless set otherwise",
        "`US`; Scheduled Station AE Title where it is set. Return keys:",
        f"{spoken(sorted(key.value for key in Key))}.",
        f"A list that is longer than {MOST_ITEMS} steps is ended with C-CANCEL. Text is read by Specific Character",
        "Set; where it cannot be what is declared, by UTF-8 or by the set that is entered for the server, and",
        "marked as guessed.",
        "",
        *statuses(worklist_scu.STATUSES),
    ]


def interfaces() -> list[str]:
    """Sections 4.3 and 4.4."""
    fields = SmartLinkSettings.model_fields
    return [
        "### 4.3 Network Interfaces",
        "",
        "TCP/IP over IPv4 or IPv6, as the system has it; `TCP_NODELAY`, and acknowledgements at once.",
        "",
        "### 4.4 Configuration",
        "",
        "Ultrasound systems register themselves by their AE title; PACS are entered with AE title,",
        "address and port.",
        "All settings are in [settings.md](../settings.md); these change what is said here:",
        "",
        *table(
            ("Setting", "Unless set", "What it is"),
            [(f"`{name}`", initial(fields[name]), fields[name].description or "") for name in SETTINGS],
        ),
    ]


def media() -> list[str]:
    """Section 5."""
    return ["## 5 Media Interchange", "", "None. The files of the spool are Part 10 files of the gateway's own."]


def characters() -> list[str]:
    """Section 6."""
    return [
        "## 6 Support of Character Sets",
        "",
        "Every Specific Character Set is kept as it came. For lists and for Works the values are",
        "decoded with the single-byte",
        "and multi-byte sets of PS3.3 section C.12.1.1.2, with and without code extensions.",
    ]


def security() -> list[str]:
    """Section 7: the profiles as they exist."""
    return [
        "## 7 Security",
        "",
        "DICOM over TLS on a port of its own and to each PACS: the BCP 195 RFC 8996, 9325 Secure",
        "Transport Connection",
        "Profile (PS3.15 section B.12), TLS 1.2 and 1.3, with certificates on both sides where it",
        "is so set. Application",
        "level: AE titles and networks that may call can be listed; everybody else is turned away and counted",
        "(`smartlink refusals`). User Identity is not verified. No AE-level signatures, no audit trail messages.",
    ]


def annexes() -> list[str]:
    """Section 8."""
    return [
        "## 8 Annexes",
        "",
        "### 8.1 IOD Contents",
        "",
        "None created. Nothing added, removed or coerced in what is received.",
        "",
        "### 8.2 to 8.4 Data Dictionary of Private Attributes, Coded Terminology, Grayscale Image Consistency",
        "",
        "None.",
        "",
        "### 8.5 Standard Extended, Specialized and Private SOP Classes",
        "",
        "A private SOP Class, or one newer than this list, is refused",
        "(abstract-syntax-not-supported), counted by caller,",
        "listed by `smartlink syntaxes`, and taken as one of Storage after `smartlink syntaxes",
        "--allow UID`, or with all",
        "others by `any_abstract_syntax`. Other services of the standard are never accepted so.",
    ]


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A table of Markdown."""
    return [row(*head), "|---" * len(head) + "|", *(row(*cells) for cells in rows)]


def statuses(meanings: Mapping[Status, str]) -> list[str]:
    """A table of statuses, Success first."""
    return table(
        ("Status", "Means", "When"),
        [(f"`{one.shown}`", words_for(one), meanings[one]) for one in sorted(meanings)],
    )


def words_for(status: Status) -> str:
    """The standard's name of a status."""
    return status.name.replace("_", " ").capitalize().replace("sop ", "SOP ")


def rejection(one: Rejection, when: str) -> tuple[str, ...]:
    """One row of the rejections."""
    return str(int(one.result)), str(int(one.source)), str(one.reason), words_of(one.source, one.reason), when


def span(first: int, last: int) -> str:
    """One status, or the first and the last of many."""
    return f"`{shown(first)}`" if first == last else f"`{shown(first)}` to `{shown(last)}`"


def operations(abstract_syntax: str) -> str:
    """The operations of a context, as the standard writes them."""
    fields = sorted(negotiation.OPERATIONS[abstract_syntax])
    return spoken(CommandField(one).name.removesuffix("_RQ").replace("_", "-") for one in fields)


def spoken(words: Iterable[str]) -> str:
    """Words as a person lists them."""
    *several, last = words
    return f"{', '.join(several)} and {last}" if several else last


if __name__ == "__main__":
    main()
