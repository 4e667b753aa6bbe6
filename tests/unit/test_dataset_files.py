from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from rostra.feedback.data.card import card
from rostra.feedback.data.formats import NAMES, format_called
from rostra.feedback.data.leaks import gives_away
from rostra.feedback.data.near import Neighbours, alike, plain, signature
from rostra.feedback.data.pseudonyms import Keys, Pseudonyms
from rostra.feedback.data.record import SHAPE, DatasetError, Record, to_plain
from rostra.feedback.data.scrub import clean, installed
from rostra.feedback.data.shapes import open_sink, read_rows
from rostra.feedback.data.split import Shares, decided, split_of
from rostra.feedback.data.spool import Spool
from rostra.testing.dataset_records import record


def test_lines_come_back_in_order_whether_they_fit_in_memory_or_not(tmp_path: Path) -> None:
    lines = [f"{random.Random(at).random()}".encode() for at in range(2000)]
    for portion in (1_000, 10**9):
        spool = Spool(tmp_path, "x", portion)
        for line in lines:
            spool.add(line)
        assert any(tmp_path.iterdir()) == (portion == 1_000)
        assert list(spool.sorted()) == sorted(lines)
        assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_file_has_the_same_bytes_however_its_rows_come_and_gives_them_back(
    kind: str, tmp_path: Path
) -> None:
    rows = [to_plain(record(id=f"{at}", comment="é\n\t" + "x" * at)) for at in range(300)]
    hashes = set[str]()
    for size in (1, 7, 300):
        path = tmp_path / f"{size}.{kind}"
        sink = open_sink(path, kind, SHAPE)  # pyright: ignore[reportArgumentType]
        for start in range(0, len(rows), size):
            sink.write(rows[start : start + size])
        done = sink.close()
        assert (done.rows, done.size) == (300, path.stat().st_size)
        hashes.add(done.sha256)
        assert list(read_rows(path)) == rows
    assert len(hashes) == 1


def test_every_format_writes_the_columns_that_it_says_it_has() -> None:
    from rostra.testing.dataset_records import there

    for name in NAMES:
        form = format_called(name)
        rows, _ = there(form, [record("A > B > C")])
        assert rows
        assert list(rows[0]) == list(form.shape) or set(rows[0]) == set(form.shape), name
        assert set(form.about) <= set(form.shape) | {"events"}
    assert list(SHAPE) == list(Record.__dataclass_fields__)


def test_files_that_are_none_are_refused_in_one_line(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.jsonl"
    for content in (b'{"a": 1}\n{', b"[1]", b"3\n", b"[[[" * 50_000):
        wrong.write_bytes(content)
        with pytest.raises(DatasetError) as error:
            list(read_rows(wrong))
        assert "wrong.jsonl" in str(error.value)
    (tmp_path / "wrong.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match="Parquet"):
        list(read_rows(tmp_path / "wrong.parquet"))
    with pytest.raises(DatasetError, match="no file"):
        list(read_rows(tmp_path / "none.jsonl"))


WORDS = [f"word{at}" for at in range(400)]


def sentence(seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=20))


def test_questions_that_say_nearly_the_same_are_found_and_others_are_not(tmp_path: Path) -> None:
    texts = [sentence(seed) for seed in range(60)]
    texts += [texts[3].upper() + "?!", texts[5] + " please", texts[5].replace(" ", "  ")]
    neighbours = Neighbours(tmp_path, 0.8)
    for start in range(0, len(texts), 10):
        neighbours.add(texts[start : start + 10])
    groups = neighbours.groups().tolist()
    assert groups[60:] == [3, 5, 5]
    assert groups[:60] == list(range(60))


def test_similarity_is_that_of_the_parts_within_a_tenth() -> None:
    for cut in (0, 5, 10, 15):
        one, other = sentence(1), " ".join([*sentence(1).split()[cut:], *sentence(2).split()[:cut]])
        parts = [{text[at : at + 5] for at in range(len(text) - 4)} for text in (plain(one), plain(other))]
        true = len(parts[0] & parts[1]) / len(parts[0] | parts[1])
        assert alike(signature(one), signature(other)) == pytest.approx(true, abs=0.12)


def test_signatures_never_change() -> None:
    # A split rests on them: another value here would move questions from one side to the other.
    assert signature("What is the capital of France?")[:3].tolist() == SIGNATURE
    assert (signature("?!").tolist(), signature("").size) == (signature(" ?! ").tolist(), 125)


SIGNATURE = [263354047, 69048646, 81869816]


def test_a_split_is_decided_by_the_question_and_keeps_to_the_shares() -> None:
    shares = Shares(validation=0.2, test=0.1)
    counts = Counter(split_of(f"{at}", shares) for at in range(5000))
    assert counts["test"] == pytest.approx(500, abs=80)
    assert counts["validation"] == pytest.approx(1000, abs=110)
    assert [split_of("x", shares) for _ in range(3)] == [split_of("x", shares)] * 3
    with pytest.raises(DatasetError, match="nothing to train on"):
        Shares(validation=0.5, test=0.5)


def test_near_duplicates_stand_on_one_side_and_what_was_decided_stays() -> None:
    shares = Shares(validation=0.4, test=0.4)
    together = decided({"a": None, "b": None}, shares)
    assert together == dict.fromkeys("ab", split_of("a", shares))
    assert decided({"a": None, "b": "test"}, shares) == {"a": "test", "b": "test"}
    assert decided({"a": None, "b": "test", "c": "train"}, shares) == {"a": None, "b": "test", "c": "train"}


def test_pseudonyms_hold_under_one_key_and_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    one, other = keys.new(), keys.new()
    names = Pseudonyms(keys.get(one))
    assert names.of("person", "x") == Pseudonyms(keys.get(one)).of("person", "x")
    assert (
        len({names.of("person", "x"), names.of("task", "x"), Pseudonyms(keys.get(other)).of("person", "x")})
        == 3
    )
    assert names.of("person", "") == ""
    assert (tmp_path / "keys" / one).stat().st_mode & 0o777 == 0o600
    for wrong in ("0" * 16, "../x", ""):
        with pytest.raises(DatasetError):
            keys.get(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "As ChatGPT, I cannot say.",
        "I'm Claude, made to help.",
        "I am an AI language model trained by OpenAI.",
        "My name is SmolLM2.",
        "i am a large language model, called Gemini",
    ],
)
def test_an_answer_that_tells_its_model_is_found(text: str) -> None:
    assert gives_away(text)


@pytest.mark.parametrize(
    "text",
    [
        "Claude Monet was a painter, as Llamas are animals.",
        "OpenAI was founded in 2015.",
        "The app was developed by Google.",
        "I like GPT-4.",
    ],
)
def test_an_answer_about_models_or_makers_tells_nothing(text: str) -> None:
    assert not gives_away(text)


def test_texts_go_out_without_mentions_personal_data_and_broken_characters() -> None:
    found: Counter[str] = Counter()
    text = clean("<@123456789> mail ann@example.com <#C0123456|general> \ud800 ok", installed(), found)
    assert text == "[mention] mail [email] [mention] ? ok"
    assert found == {"mention": 2, "email": 1}
    assert clean("ann@example.com", None, found) == "ann@example.com"
    with pytest.raises(DatasetError, match="--no-scrub"):
        installed("none")


def test_a_card_says_that_what_nobody_agreed_to_publish_is_to_be_kept_private() -> None:
    about = {
        "dataset": {
            "name": "x",
            "version": 1,
            "judgments": {"train": 1},
            "prompts": {"train": 1},
            "raters": 1,
            "refused": {"gold": 2},
            "asked": {"near": 0.8, "until": "now"},
        },
        "export": {"format": "trl", "pairs": "all", "labels": "each", "pseudonyms": "k", "scrubber": None},
        "files": [{"name": "train.jsonl", "rows": 1, "sha256": "0"}],
        "refused": {},
        "not_said": {},
        "scrubbed": {},
    }
    assert "keep it private" in card(about, format_called("trl"), "train")
    assert "keep it private" not in card(about, format_called("trl"), "publish")
    assert "| 2 | its right ranking was known beforehand |" in card(about, format_called("trl"), "train")


def test_the_names_of_formats_are_those_of_the_command_line() -> None:
    from rostra.cli.data_options import Form, Labels, Pairs, Purpose, Side
    from rostra.feedback.data.formats import LABELS
    from rostra.feedback.data.pairs import HOWS
    from rostra.feedback.data.permission import PURPOSES
    from rostra.feedback.values import Split

    for shown, known in (
        (Form, NAMES),
        (Pairs, HOWS),
        (Labels, LABELS),
        (Purpose, PURPOSES),
        (Side, get_args(Split)),
    ):
        assert [one.value for one in shown] == list(known)
