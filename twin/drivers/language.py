"""A text -> its language, by py3langid's model, which is loaded at the first question. Knows no document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.errors import DatasetError

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

FEWEST = 40  # characters from which a language can be told
LONGEST = 600  # characters that are looked at: more cost time and change nothing
SURE = 0.5  # probability, calibrated by the library over all of its languages


class LangId:
    """Tells 97 languages apart."""

    def __init__(self) -> None:
        self._model: LanguageIdentifier | None = None

    def detect(self, text: str) -> str:
        """ISO 639-1, empty when the text is too short or it may be several. Raises DatasetError without the extra `train`."""
        if len(text) < FEWEST:
            return ""
        if self._model is None:
            self._model = _load()
        language, probability = self._model.classify(text[:LONGEST])
        return str(language) if probability >= SURE else ""


def _load() -> LanguageIdentifier:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as exc:
        raise DatasetError("telling languages needs py3langid: pip install 'llm-twin[train]'") from exc
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
