"""All sentences the bot can say: loaded from texts/*.yaml once, checked when loaded."""

import string
from functools import lru_cache
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "texts"


@lru_cache(maxsize=1)
def catalogue() -> dict[str, str]:
    """Every sentence by its key `file.name`. Raises ValueError for a file that is not a list of sentences."""
    sentences: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"{path.name} must map names to sentences")
        for name, sentence in values.items():
            if not isinstance(sentence, str) or not sentence.strip():
                raise ValueError(f"{path.name}: {name} is not a sentence")
            sentences[f"{path.stem}.{name}"] = sentence.strip()
    return sentences


def texts(key: str, **values: object) -> str:
    """The sentence `key` with its places filled. Raises KeyError when the key or a value is missing."""
    return catalogue()[key].format(**values)


def places(key: str) -> set[str]:
    """The names a sentence wants filled."""
    return {name for _, name, _, _ in string.Formatter().parse(catalogue()[key]) if name}
