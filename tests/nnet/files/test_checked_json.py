import pytest

from nnet.files import checked_json
from tests.conftest import flipped

CONTENT = {"a": [1, 2.5, None, "é"], "b": {"c": True}}


def test_what_is_saved_is_loaded(tmp_path):
    checked_json.save(tmp_path / "folder/a.json", CONTENT)
    assert checked_json.load(tmp_path / "folder/a.json") == CONTENT
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["a.json"]


def test_every_flipped_bit_and_every_cut_that_changes_the_content_is_noticed(tmp_path):
    path = tmp_path / "a.json"
    checked_json.save(path, CONTENT)
    content = path.read_bytes()
    for place in range(len(content) - 1):
        for changed in (flipped(content, place), content[:place]):
            path.write_bytes(changed)
            try:
                assert checked_json.load(path) == CONTENT
            except ValueError as error:
                assert "is damaged" in str(error)


def test_numbers_that_are_not_finite_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        checked_json.save(tmp_path / "a.json", {"loss": float("nan")})
    assert not (tmp_path / "a.json").exists()
