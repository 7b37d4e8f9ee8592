"""The demo's hospital is made by the commands of Works, in the order that they need."""

from __future__ import annotations

from typing import Any

from smartlink.demo import site


class Operator:
    """Stands in for Works' command line and writes down what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.told: list[str | None] = []

    def ask(self, *arguments: str, stdin: str | None = None) -> dict[str, Any]:
        self.asked.append(arguments)
        self.told.append(stdin)
        return {"id": f"id of {arguments[1]}", "key": "AAAAA-BBBBB"}


def test_organisation_facility_specialties_people_and_key_are_made_in_that_order() -> None:
    operator = Operator()
    administrator, physicians = site.cast()
    made = site.make(operator, administrator, physicians)  # type: ignore[arg-type]  # all that it needs is `ask`
    assert [arguments[0] for arguments in operator.asked] == [
        "create-organisation",
        "create-facility",
        "create-specialty",
        "create-specialty",
        "create-user",
        "create-user",
        "create-user",
        "create-licence-key",
    ]
    assert made.organisation_id == "id of San Telmo Health"
    assert made.licence_key == "AAAAA-BBBBB"
    assert made.people == (*physicians, administrator)


def test_a_password_is_random_and_never_an_argument() -> None:
    operator = Operator()
    first, second = site.person("Lucía", "Ferrer"), site.person("Lucía", "Ferrer")
    assert first.password != second.password
    site.make(operator, first, ())  # type: ignore[arg-type]  # all that it needs is `ask`
    assert not any(first.password in argument for arguments in operator.asked for argument in arguments)
    assert f"{first.password}\n" in operator.told


def test_an_address_has_no_accents() -> None:
    assert site.person("Tomás", "Quiroga").email == "tomas.quiroga@santelmo.example"
