"""Damage to the content of files, by chance: to bytes, and to JSON whose check sum is right afterwards."""

import hashlib
import json
import random

CHANGED = (
    None,
    True,
    0,
    -1,
    10**18,
    1e308,
    "",
    "NaN",
    "x" * 300,
    "../..",
    "\x1b[2J",
    "é",
    [],
    {},
    [[]],
    [None],
    {"": 0},
)


def checked(content: object) -> bytes:
    """JSON with a check sum that is right, whatever the content is."""
    if isinstance(content, dict):
        bare = {name: value for name, value in content.items() if name != "checksum"}
        digest = hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()
        content = bare | {"checksum": f"sha256:{digest}"}
    return f"{json.dumps(content)}\n".encode()


def changed(value: object, chance: random.Random) -> object:
    """JSON with a value somewhere that is left out, repeated, or replaced by one of another kind."""
    if isinstance(value, dict | list) and value and chance.random() < 0.9:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key, copy = chance.choice(keys), value.copy()
        if chance.random() < 0.1:
            del copy[key]
        else:
            copy[key] = changed(value[key], chance)
        return copy
    if isinstance(value, list) and chance.random() < 0.3:
        return 2 * value
    return chance.choice(CHANGED)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The content with a few bytes changed, cut out, repeated or inserted."""
    for _ in range(chance.choice((1, 1, 2, 8))):
        start = chance.randrange(len(content) + 1)
        end = min(len(content), start + chance.choice((0, 1, 1, 4, 100)))
        new = chance.choice(
            (chance.randbytes(end - start), b"", 2 * content[start:end], b"\xff\xff\xff\x7f", b"[" * 3000)
        )
        content = content[:start] + new + content[end:]
    return content
