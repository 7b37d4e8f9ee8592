"""Works' pages as a person uses them, without a browser: forms are read, filled in and sent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Self

import httpx

from smartlink.demo.programs import ProgramFailed

if TYPE_CHECKING:
    from types import TracebackType

    from smartlink.demo.site import Person

SECONDS = 30
FOUND, SEE_OTHER = 200, 303


@dataclass(slots=True)
class Form:
    """A form on a page: where it goes, and what its fields hold already."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShownImage:
    """An image on the exam page; `state` is `ready` once its pictures are made."""

    address: str
    frames: int
    state: str


class Pages:
    """One visitor of Works with a session of their own; a context manager."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def sign_in(self, person: Person) -> None:
        """Go through the steps of sign-in (R9 to R11), or raise ProgramFailed."""
        page = self._client.get("/sign-in")
        for known in ({"email": person.email}, {"password": person.password}):
            form = next((one for one in forms(page.text) if one.action.startswith("/sign-in/")), None)
            if form is None:
                raise ProgramFailed(f"The sign-in page at {page.url.path} has no form.")
            page = self._client.post(form.action, data={**form.fields, **known})
            if page.status_code not in {FOUND, SEE_OTHER}:
                raise ProgramFailed(f"Sign-in answered {page.status_code} at {form.action}.")
        if page.status_code != SEE_OTHER:
            raise ProgramFailed("Works did not accept e-mail and password.")

    def get(self, path: str) -> httpx.Response:
        """The answer of an address, whatever it is."""
        return self._client.get(path)

    def press(self, path: str, action: str, **named: str) -> httpx.Response:
        """The page after a button: that form of the page at `path` is sent, the button's name and value with it."""
        form = next((one for one in forms(self.get(path).text) if one.action == action), None)
        if form is None:
            raise ProgramFailed(f"The page at {path} has no form for {action}.")
        answer = self._client.post(action, data={**form.fields, **named})
        if answer.status_code not in {FOUND, SEE_OTHER}:
            raise ProgramFailed(f"{action} answered {answer.status_code}.")
        return self.get(answer.headers["Location"])

    def exams(self, folder: str) -> dict[str, str]:
        """What a folder lists: the patient as shown, and the exam's address."""
        page = self._client.get(f"/{folder}")
        links = re.findall(r'<a class="main" href="(/exams/[^"]+)">([^<]*)</a>', page.text)
        return {patient: address for address, patient in links}

    def exam_of(self, folder: str, family: str) -> str:
        """The address of the exam of the patient of that name, or raise ProgramFailed."""
        listed = self.exams(folder)
        found = next((address for patient, address in listed.items() if family in patient), None)
        if found is None:
            raise ProgramFailed(f"{folder.title()} lists {len(listed)} exams; the one that was sent is not among them.")
        return found

    def submit(self, exam: str) -> None:
        """Press Submit on the page of a draft, or raise ProgramFailed."""
        page = self._client.get(exam)
        form = next((one for one in forms(page.text) if one.action == f"{exam}/submit"), None)
        if form is None:
            raise ProgramFailed("The exam page has no button to submit it.")
        answer = self._client.post(form.action, data=form.fields)
        if answer.status_code != SEE_OTHER or "said=" in answer.headers["location"]:
            raise ProgramFailed("Works did not take the exam as submitted.")

    def images(self, exam: str) -> list[ShownImage]:
        """The images on an exam's page."""
        page = self._client.get(exam).text
        found = re.findall(r'data-frames="(\d+)"[^>]*data-address="([^"]+)"[^>]*data-state="([^"]+)"', page)
        return [ShownImage(address, int(frames), state) for frames, address, state in found]


class _Reader(HTMLParser):
    """Finds the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(known.get("action", "")))
            self._open = True
        elif tag == "input" and self._open and known.get("name") and known.get("type") != "radio":
            self.forms[-1].fields[known["name"]] = known.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "form"


def forms(page: str) -> list[Form]:
    """The forms of a page, in order."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms
