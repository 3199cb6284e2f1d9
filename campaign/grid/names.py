"""The names of settings, and the other words that are accepted for them."""

import difflib
from collections.abc import Iterable, Mapping

from nnet.checks import ConfigError

ALIASES = {
    "architecture": "arch",
    "architectures": "arch",
    "regimes": "regime",
    "activations": "activation",
    "ps": "p",
    "seeds": "seed",
    "alpha_test": "alpha_tests",
    "evaluation": "evaluations",
    "cpu_threads_per_worker": "cpu_threads",
}
"""Accepted words -> the name of the setting, in studies, flags, `--only` and Python."""


def canonical(name: str) -> str:
    """The name of a setting, given as that name or one of `ALIASES`, with `_` or `-`."""
    word = name.replace("-", "_")
    return ALIASES.get(word, word)


def renamed(settings: Mapping[str, object]) -> dict[str, object]:
    """The same settings under their canonical names. Raises ConfigError where two words name one setting."""
    words: dict[str, str] = {}
    for word in settings:
        name = canonical(word)
        if name in words:
            raise ConfigError(f"{words[name]} and {word} name the same setting; give one of them")
        words[name] = word
    return {name: settings[word] for name, word in words.items()}


def check_known(words: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raise ConfigError for the first of `words` that is not known, with the nearest known name or all of them.

    `what`: the beginning of the sentence, like "unknown setting".
    """
    known = sorted(known)
    for word in words:
        if word not in known:
            nearest = difflib.get_close_matches(word, known, 1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"choose from {known}"
            raise ConfigError(f"{what} {word!r}; {hint}")
