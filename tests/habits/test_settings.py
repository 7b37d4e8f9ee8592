"""Every setting carries the sentence that the settings page shows, refuses what it does not know, and is frozen."""

import importlib
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings

from tests.habits.repository import expect_none


def problems(model: type[BaseModel]) -> list[str]:
    """What a person could not learn about these settings, or could set by mistake."""
    return list(_problems(model, model.__name__))


def _problems(model: type[BaseModel], path: str) -> Iterator[str]:
    if not model.model_config.get("frozen"):
        yield f"{path} is not frozen"
    if model.model_config.get("extra") != "forbid":
        yield f"{path} takes settings that it does not know"
    for name, field in model.model_fields.items():
        if not field.description:
            yield f"{path}.{name} has no description"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _problems(field.annotation, f"{path}.{name}")


def settings_of(program: str) -> list[type[BaseModel]]:
    """The settings models that a program defines."""
    module = importlib.import_module(f"smartlink.{program}.settings")
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__
    ]


@pytest.mark.parametrize("program", ["gateway", "works"])
def test_every_setting_is_described(program: str) -> None:
    models = settings_of(program)
    assert any(issubclass(model, BaseSettings) for model in models)
    expect_none(problem for model in models for problem in problems(model))


def test_a_setting_without_a_sentence_is_seen() -> None:
    class Inner(BaseModel, frozen=True, extra="forbid"):
        port: int = 1

    class Loose(BaseModel):
        name: str = Field("", description="Who it is.")
        inner: Inner = Field(Inner(), description="Where it listens.")

    assert problems(Loose) == [
        "Loose is not frozen",
        "Loose takes settings that it does not know",
        "Loose.inner.port has no description",
    ]
