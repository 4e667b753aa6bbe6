"""What a run leaves behind: lines of JSON, files that TensorBoard reads, a picture."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from rostra.testing.clock import ManualClock
from rostra_models.training.events import crc32c, masked
from rostra_models.training.journal import Journal, rows
from rostra_models.training.progress import duration


def records(file: Path) -> Iterator[bytes]:
    data = file.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert masked(data[:8]) == data[8:12]
        body = data[12 : 12 + length]
        assert masked(body) == data[12 + length : 16 + length]
        yield body
        data = data[16 + length :]


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of the catalogue of CRCs
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def test_tensorboards_file_holds_the_figures(tmp_path: Path) -> None:
    journal = Journal(tmp_path, ManualClock(), begun=0, tensorboard=True)
    journal.tell(300, {"loss": 2.5, "kl": 0.25})
    (file,) = (tmp_path / "tensorboard").iterdir()
    opening, event = records(file)
    assert opening[9:] == b"\x1a\x0dbrain.Event:2"
    assert event[9:12] == b"\x10\xac\x02"  # step 300 as a varint
    loss = b"\x0a\x04loss\x15" + struct.pack("<f", 2.5)
    kl = b"\x0a\x02kl\x15" + struct.pack("<f", 0.25)
    values = b"\x0a" + bytes([len(loss)]) + loss + b"\x0a" + bytes([len(kl)]) + kl
    assert event[12:] == b"\x2a" + bytes([len(values)]) + values


def test_a_run_that_goes_on_tells_of_no_step_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path, ManualClock(), begun=0, tensorboard=False)
    for step in (1, 2, 3):
        journal.tell(step, {"loss": step / 2})
        journal.show(step, [f"text {step}"])
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')  # killed while it wrote
    again = Journal(tmp_path, ManualClock(), begun=2, tensorboard=False)
    again.tell(3, {"loss": float("nan")})
    assert rows(tmp_path / "metrics.jsonl") == [
        {"step": 1, "loss": 0.5},
        {"step": 2, "loss": 1.0},
        {"step": 3, "loss": None},
    ]
    assert [row["text"] for row in rows(tmp_path / "samples.jsonl")] == ["text 1", "text 2"]


@pytest.mark.slow
def test_curves_are_drawn_as_a_picture(tmp_path: Path) -> None:
    journal = Journal(tmp_path, ManualClock(), begun=0, tensorboard=False)
    assert journal.draw() is None
    for step in range(1, 9):
        journal.tell(step, {"loss": 1 / step, "learning_rate": 0.1})
    journal.tell(8, {"validation_loss": 0.3})
    picture = journal.draw()
    assert picture is not None
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("seconds", "said"), [(41.2, "41 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (59.9, "1 min 0 s")]
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
