from __future__ import annotations

import pytest

from rostra import Append, Begin, Finish, Place, Receipt, Replace, Retract, Show, Typing, text
from rostra.actions import Action, Address, Capabilities
from rostra.delivery.recover import again
from rostra.delivery.reply import Reply, State, arrived, ask, drop, failed, give_up, resend
from rostra.errors import DeliveryError

HERE = Address(place=Place(adapter="fake", channel="general"), question="q")
BEGIN = Begin(reply="r", text="a")
FINISH = Finish(reply="r", text="ab")
SENT = Receipt(shown=("m1",))


def reply(*actions: Action) -> Reply:
    now = Reply(id="r", address=HERE)
    for action in actions:
        now = arrived(ask(now, action), SENT)
    return now


def test_a_reply_is_opened_and_closed_by_receipts() -> None:
    opening = ask(reply(), BEGIN)
    assert (opening.state, opening.action, opening.number) == (State.OPENING, BEGIN, 1)
    opened = arrived(opening, SENT)
    assert (opened.state, opened.address.shown) == (State.OPEN, ("m1",))
    closing = ask(opened, FINISH)
    assert (closing.state, closing.number) == (State.CLOSING, 2)
    assert arrived(closing, Receipt()).state is State.CLOSED


def test_a_receipt_without_ids_keeps_those_that_are_known() -> None:
    assert arrived(ask(reply(BEGIN), FINISH), Receipt()).address.shown == ("m1",)


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ((), Append(reply="r", text="b")),
        ((), Replace(reply="r", text="b")),
        ((BEGIN,), BEGIN),
        ((BEGIN,), Show(reply="r", view=text("x"))),
        ((FINISH,), FINISH),
        ((FINISH,), Append(reply="r", text="b")),
        ((FINISH,), Retract(reply="r")),
    ],
)
def test_what_the_state_does_not_allow_is_refused(before: tuple[Action, ...], action: Action) -> None:
    with pytest.raises(DeliveryError, match=type(action).__name__):
        ask(reply(*before), action)


def test_typing_and_appending_change_nothing_that_is_stored() -> None:
    opened = reply(BEGIN)
    assert ask(opened, Append(reply="r", text="b")) == opened
    assert ask(opened, Typing(reply="r")) == opened


def test_a_receipt_for_nothing_is_a_bug() -> None:
    with pytest.raises(DeliveryError):
        arrived(reply(), SENT)
    with pytest.raises(DeliveryError):
        arrived(reply(FINISH), SENT)


def test_a_dead_letter_can_be_sent_again_and_nothing_else_can() -> None:
    dead = give_up(failed(ask(reply(), FINISH), "gone"))
    assert (dead.state, dead.attempts, dead.error) == (State.DEAD, 1, "gone")
    revived = resend(dead)
    assert (revived.state, revived.attempts, revived.action) == (State.CLOSING, 0, FINISH)
    with pytest.raises(DeliveryError):
        resend(reply(FINISH))


def test_only_what_was_not_begun_can_be_dropped() -> None:
    assert drop(reply()).done
    with pytest.raises(DeliveryError):
        drop(reply(BEGIN))


NONCE = Capabilities(edit=True, nonce=True)
EDITS = Capabilities(edit=True)
SENDS = Capabilities()


@pytest.mark.parametrize(
    ("cut_off", "can", "state", "repeated"),
    [
        (reply(), SENDS, State.ACCEPTED, False),
        (ask(reply(), BEGIN), NONCE, State.ACCEPTED, False),
        (ask(reply(), BEGIN), EDITS, State.ACCEPTED, True),
        (reply(BEGIN), NONCE, State.OPEN, False),
        (reply(BEGIN), EDITS, State.OPEN, False),
        (reply(BEGIN), SENDS, State.ACCEPTED, True),
        (ask(reply(), FINISH), NONCE, State.CLOSING, False),
        (ask(reply(), FINISH), EDITS, State.CLOSING, True),
        (ask(reply(BEGIN), FINISH), EDITS, State.CLOSING, False),
        (ask(reply(BEGIN), FINISH), SENDS, State.CLOSING, True),
    ],
)
def test_after_a_crash_only_what_may_be_there_twice_is_marked(
    cut_off: Reply, can: Capabilities, state: State, repeated: bool
) -> None:
    now = again(cut_off, can)
    assert (now.state, now.repeated) == (state, repeated)
