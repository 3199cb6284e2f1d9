"""The door for files from outside: the value, or one sentence that names the file."""

import json
import os

import pytest

from nnet.files import outside

SHAPE = {"name": str, "size": float, "more?": [int], "kind": {"a", "b"}, "note": (str, type(None)), str: set()}
RIGHT = {"name": "x", "size": 3, "more": [1, 2], "kind": "a", "note": None}


def written(tmp_path, text: str | bytes):
    path = tmp_path / "a.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_value_of_the_shape_is_returned(tmp_path):
    less = {name: value for name, value in RIGHT.items() if name != "more"}
    for value in (RIGHT, less, RIGHT | {"note": "é\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")}):
        assert outside.json_value(written(tmp_path, json.dumps(value)), SHAPE) == value


WRONG = [
    *[json.dumps(RIGHT | {name: value}) for name, value in [
        ("name", 1), ("size", True), ("size", "3"), ("more", {}), ("more", [1.0]), ("more", [None]), ("kind", "c"),
        ("kind", ["a"]), ("note", 0), ("other", 1), ("note", "\ud800"),
    ]],
    json.dumps({"name": "x"}), "[]", "null", "", "{", "nan", '{"name": "x"} {}', "[" * 200_000, '{"a":' * 200_000,
    json.dumps(RIGHT).replace("3", "NaN"), json.dumps(RIGHT).replace("3", "1e999"),
    json.dumps(RIGHT).replace("[1", "[" + "9" * 30), json.dumps(RIGHT).replace("[1", "[" + "9" * 9000),
    b"\xff\xfe" + json.dumps(RIGHT).encode("utf-16-le"), b'{"name": "\xff"}', bytes(100),
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_anything_else_is_unreadable_in_one_sentence(tmp_path, text):
    path = written(tmp_path, text)
    with pytest.raises(outside.Unreadable, match=r"a\.json is damaged: ") as refused:
        outside.json_value(path, SHAPE)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


def test_nesting_and_size_are_bounded_whatever_the_shape_allows(tmp_path):
    deep = "[" * outside.MOST_LEVELS + "]" * outside.MOST_LEVELS
    assert outside.json_value(written(tmp_path, deep)) is not None
    with pytest.raises(outside.Unreadable, match="nested deeper than"):
        outside.json_value(written(tmp_path, f"[{deep}]"))
    assert outside.content(written(tmp_path, b"12345"), most=5) == b"12345"
    with pytest.raises(outside.Unreadable, match="larger than"):
        outside.content(written(tmp_path, b"123456"), most=5)


def test_a_pipe_a_folder_and_a_device_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(outside.Unreadable, match="not a regular file"):
            outside.content(path)
    with pytest.raises(FileNotFoundError):
        outside.content(tmp_path / "nothing")


@pytest.mark.parametrize("text", ["a = ", "a = [" * 5000, "a = nan", f"a = 1{'0' * 40}", "a = 1\na = 2", "\ud800"])
def test_toml_is_read_or_refused_in_one_sentence(tmp_path, text):
    path = tmp_path / "c.toml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(outside.Unreadable, match=r"c\.toml") as refused:
        outside.toml(path)
    assert "\n" not in str(refused.value)
    path.write_text("[slurm]\nsince = 2026-01-01\ncores = 4\n")
    assert outside.toml(path)["slurm"]["cores"] == 4


def test_setting_aside_overwrites_nothing(tmp_path):
    path = tmp_path / "a.json"
    names = []
    for content in ("first", "second", "third"):
        path.write_text(content)
        names.append(outside.set_aside(path).name)
    path.mkdir()
    (path / "inside").write_text("fourth")
    names.append(outside.set_aside(path).name)
    assert names == ["a.json.damaged", "a.json.damaged-2", "a.json.damaged-3", "a.json.damaged-4"]
    assert [(tmp_path / name).read_text() for name in names[:3]] == ["first", "second", "third"]
    assert (tmp_path / names[3] / "inside").read_text() == "fourth" and len(list(tmp_path.iterdir())) == 4
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "b.json.damaged").symlink_to(tmp_path / "victim")
    (tmp_path / "b.json").write_text("fifth")
    assert outside.set_aside(tmp_path / "b.json").name == "b.json.damaged-2"
    assert (tmp_path / "victim").read_text() == "kept"
    with pytest.raises(FileNotFoundError):
        outside.set_aside(path)
    assert not list(tmp_path.glob("a.json.damaged-5"))
