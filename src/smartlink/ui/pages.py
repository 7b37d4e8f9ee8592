"""Renders the pages of a console: one Jinja environment a language, our macros, our icons, nothing else.

What a page may call is here: `icon`, `asset`, gettext, and the filters for times. Everything is escaped, and an
unknown variable is an error rather than an empty place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babel.support import NullTranslations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.ext import InternationalizationExtension

from smartlink.ui import assets as ui_assets
from smartlink.ui import icons, moments, telling, translations
from smartlink.ui.preferences import Language, Preferences, Theme

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page is told: who looks at it, how, when and where."""

    preferences: Preferences
    nonce: str
    form_token: str
    path: str
    now: datetime
    zone: tzinfo


class Pages:
    """All templates of one console in all languages."""

    def __init__(self, folders: Sequence[Path], assets: ui_assets.Assets) -> None:
        self.assets = assets
        searched = [*folders, TEMPLATES]
        self._words = {language: translations.load(language) for language in Language}
        self._environments = {
            language: _environment(searched, assets, language, words) for language, words in self._words.items()
        }

    def render(self, template: str, frame: Frame, **facts: Any) -> str:  # noqa: ANN401 -- a page's facts are its own
        """The page as HTML; raises jinja2.UndefinedError when a fact is missing."""
        environment = self._environments[frame.preferences.language]
        return environment.get_template(template).render(frame=frame, **facts)

    def say(self, preferences: Preferences, message: str) -> str:
        """One message of ours in the reader's language."""
        return str(self._words[preferences.language].gettext(message))


def _environment(
    folders: list[Path], assets: ui_assets.Assets, language: Language, words: NullTranslations
) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[InternationalizationExtension],
    )
    # The extension adds this method to the environment when it is loaded; its types do not say so.
    install = environment.install_gettext_callables  # type: ignore[attr-defined]
    install(words.gettext, words.ngettext, newstyle=True, pgettext=words.pgettext, npgettext=words.npgettext)
    environment.policies["ext.i18n.trimmed"] = True
    environment.globals |= {
        "icon": icons.load(assets),
        "asset": assets.url,
        "themes": list(Theme),
        "age_parts": moments.age_parts,
        "days_ago": moments.days_ago,
        "years": moments.years,
    }
    environment.filters |= {
        "day": lambda value: moments.day(value, language),
        "local_day": lambda value, where: moments.day(value.astimezone(where).date(), language),
        "clock": moments.clock,
        "told": lambda text: telling.told(text, words.gettext if language is not Language.ENGLISH else str),
        "minute": lambda value, where: moments.clock(value, where)[:5],
    }
    return environment
