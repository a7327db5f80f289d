"""Messages of a trial go through a pipe unchanged, and what is none is refused in one sentence."""

import json
import math
import random
import socket

import pytest

from results import Array, Measurement, Outcome
from runner.execution.engines.local.inbox import Inbox
from runner.execution.engines.local.messages import BadMessage, Progress, Ready, decode, encode

MEASURED = Measurement("accuracy", "loss", 0.25, {"stage": "test", "length": 7}, 0.1, 0.4)
KEPT = Array("weights", (2, 3), "float16", bytes(12), {"keys": ["<a>", "注"], "links": [[0, 1]]})
WHOLE = Outcome("ok", "no score", 1.5, "fused", measurements=(MEASURED,), arrays=(KEPT,))


@pytest.mark.parametrize(
    "message", [Ready(), Progress(0, 0), Progress(3, 9), Outcome("failed", "ValueError: no"), WHOLE]
)
def test_a_message_arrives_as_it_was_sent(message):
    line = encode(message, "k")
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line, "k", {"loss"}) == message


def test_nan_is_a_value():
    found = decode(encode(Outcome("ok", measurements=(Measurement("accuracy", "loss", math.nan),)), "k"), "k")
    assert isinstance(found, Outcome)
    assert math.isnan(found.measurements[0].value)


def changed(**changes):
    return {"trial": "k", "outcome": WHOLE.to_json() | changes}


def measured(**changes):
    return changed(measurements=[MEASURED.__dict__ | {"at": dict(MEASURED.at)} | changes])


def kept(**changes):
    return changed(arrays=[KEPT.to_json() | changes])


NONE = {
    "nothing": None,
    "a list": [1],
    "no trial": {"ready": True},
    "another trial": {"trial": "l", "ready": True},
    "more than ready": {"trial": "k", "ready": True, "done": 1},
    "not ready": {"trial": "k", "ready": 1.5},
    "words for numbers": {"trial": "k", "done": "1", "total": 2},
    "more than all": {"trial": "k", "done": 3, "total": 2},
    "a number without end": {"trial": "k", "done": 1, "total": 10**30},
    "no outcome": {"trial": "k", "outcome": []},
    "an unknown outcome": changed(outcome="splendid"),
    "an outcome of the plan": changed(outcome="skipped"),
    "another field": changed(glory=1),
    "a reason that is no text": changed(reason=[1]),
    "a lone surrogate": changed(reason="\ud800"),
    "a long path": changed(path="x" * 10_000),
    "a session": changed(session="2020"),
    "measurements that are none": changed(measurements=[1, 2]),
    "an undeclared quantity": measured(quantity="glory"),
    "a quantity that is a list": measured(quantity=["loss"]),
    "a value that is text": measured(value="0.5"),
    "a value beyond all numbers": measured(value=10**400),
    "coordinates that are none": measured(at=[1]),
    "a nested coordinate": measured(at={"step": [1]}),
    "a quartile that is text": measured(low="0"),
    "an array of objects": kept(dtype="O"),
    "an array of an unknown type": kept(dtype="float17"),
    "an array of another size": kept(shape=[2, 4]),
    "a negative shape": kept(shape=[-2, -3]),
    "a shape of words": kept(shape=["2", 3]),
    "bytes that are none": kept(data="*"),
}


@pytest.mark.parametrize("data", NONE.values(), ids=NONE)
def test_what_is_no_message_is_refused(data):
    with pytest.raises(BadMessage) as error:
        decode(json.dumps(data).encode(), "k", {"loss"})
    assert str(error.value).startswith("it ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_a_damaged_message_is_a_message_or_refused():
    """Some bytes of a good message are replaced: nothing but a message or BadMessage comes of it."""
    draw, line = random.Random(0), encode(WHOLE, "k")
    for _ in range(2000):
        damaged = bytearray(line)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(line))] = draw.choice([draw.randrange(256), *b'0123456789{}[]",:-'])
        try:
            assert isinstance(decode(bytes(damaged), "k", {"loss"}), Ready | Progress | Outcome)
        except BadMessage:
            continue


def test_lines_are_put_together_from_any_pieces():
    draw, (here, there) = random.Random(1), socket.socketpair()
    text = b"".join(b"%d " % n * draw.randint(0, 300) + b"\n" for n in range(200))
    inbox, found, at = Inbox(here), [], 0
    while at < len(text):
        size = draw.randint(1, 5000)
        there.sendall(text[at : at + size])
        at += size
        found += inbox.lines(0.0)
    there.close()
    found += inbox.lines(0.0)
    assert b"\n".join(found) + b"\n" == text
    assert inbox.closed
    inbox.close()


def test_no_more_is_kept_than_one_message_of_the_largest_size():
    here, there = socket.socketpair()
    inbox = Inbox(here, largest=1000)
    there.sendall(b"x" * 900 + b"\n" + b"y" * 900)
    assert inbox.lines(0.0) == [b"x" * 900]
    there.sendall(b"y" * 200)
    with pytest.raises(BadMessage, match="it sent a message of more than"):
        inbox.lines(0.0)
    inbox.close()
    there.close()
