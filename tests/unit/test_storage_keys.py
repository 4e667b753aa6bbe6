from __future__ import annotations

import stat
from base64 import b64encode
from pathlib import Path
from uuid import UUID

import pytest

from rostra.errors import StoreError
from rostra.storage.keys import FILE, Keyring, make_master, read_master

ANN, BEN = UUID(int=1), UUID(int=2)
ROW, OTHER_ROW = bytes(16), bytes([1] * 16)
MASTER = bytes(range(32))


def test_a_new_master_key_is_for_its_owner_alone_and_is_read_back(tmp_path: Path) -> None:
    master = make_master(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert read_master(None, tmp_path) == master
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_no_file_is_no_key(tmp_path: Path) -> None:
    assert read_master(None, tmp_path) is None


def test_two_master_keys_are_not_the_same(tmp_path: Path) -> None:
    assert make_master(tmp_path) != make_master(tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_a_master_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    make_master(tmp_path)
    (tmp_path / FILE).chmod(mode)
    with pytest.raises(StoreError, match=rf"mode {mode:04o}.*chmod 600"):
        read_master(None, tmp_path)


def test_the_key_from_the_environment_goes_first(tmp_path: Path) -> None:
    make_master(tmp_path)
    assert read_master(b64encode(MASTER).decode(), tmp_path) == MASTER


@pytest.mark.parametrize("text", ["secret", "c2VjcmV0", "=", b64encode(bytes(31)).decode(), "ключ"])
def test_what_is_no_key_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(StoreError, match="32 random bytes in base64") as caught:
        read_master(text, tmp_path)
    assert text not in str(caught.value).replace("32 random bytes in base64", "")
    (tmp_path / FILE).write_text(text)
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(StoreError, match=FILE):
        read_master(None, tmp_path)


def test_a_sealed_text_opens_with_its_key_in_its_row_only() -> None:
    keyring = Keyring.of(MASTER)
    ann, ben = keyring.new_key(ANN), keyring.new_key(BEN)
    body = keyring.seal(ann, ROW, b"why?")
    assert keyring.open(ann, ROW, body) == b"why?"
    assert keyring.seal(ann, ROW, b"why?") != body
    assert b"why?" not in body
    for key, row, damaged in [
        (ben, ROW, body),
        (None, ROW, body),
        (ann, OTHER_ROW, body),
        (ann, ROW, body[:-1] + bytes([body[-1] ^ 1])),
    ]:
        with pytest.raises(StoreError, match="cannot be unsealed"):
            keyring.open(key, row, damaged)


def test_a_persons_key_opens_under_its_master_key_only() -> None:
    keyring, other = Keyring.of(MASTER), Keyring.of(bytes(32))
    key = keyring.new_key(ANN)
    with pytest.raises(StoreError, match="does not fit the master key"):
        other.seal(key, ROW, b"why?")
    assert keyring.check != other.check


def test_what_rows_are_found_by_depends_on_the_master_key_and_on_each_part() -> None:
    keyring = Keyring.of(MASTER)
    found = [
        keyring.lookup("person", "discord", "12"),
        keyring.lookup("person", "discord", "123"),
        keyring.lookup("person", "discord1", "2"),
        keyring.lookup("event", "discord", "12"),
        Keyring.of(bytes(32)).lookup("person", "discord", "12"),
    ]
    assert len(set(found)) == len(found)
    assert found[0] == Keyring.of(MASTER).lookup("person", "discord", "12")
    keyring.lookup("person", "web", "\ud83d")
