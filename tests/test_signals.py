"""Ctrl-C and SIGTERM: what is broken off, what is asked to stop, and who hears of it afterwards."""

import os
import signal

import pytest

from poetgen.signals import Interruption, Stopped, StopRequest


def kill(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_breaks_off_at_once_but_not_what_is_held(number: int) -> None:
    before = signal.getsignal(number)
    written = []
    with pytest.raises(Stopped) as stopped, Interruption() as interruption:
        with interruption.held():
            kill(number)
            written.append("whole")
        written.append("more")
    assert written == ["whole"] and stopped.value.number == number
    with pytest.raises(Stopped), Interruption():
        kill(number)
        written.append("more")
    assert written == ["whole"]
    assert signal.getsignal(number) is before


def test_a_patient_interruption_heeds_the_first_signal_only() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(ZeroDivisionError), Interruption(patient=True) as interruption:
            with pytest.raises(Stopped):
                kill(signal.SIGTERM)
            kill(signal.SIGINT)
            assert (interruption.count, interruption.number) == (2, signal.SIGINT)
            raise ZeroDivisionError
        kill(signal.SIGTERM)  # where it ends by an error, it goes on to hold signals off until that is said
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


def test_a_request_asks_first_and_quits_at_the_second() -> None:
    said = []
    with StopRequest(say=lambda: said.append("stopping")) as stops:
        assert stops.count == 0
        kill(signal.SIGTERM)
        assert (stops.count, stops.number, said) == (1, signal.SIGTERM, ["stopping"])
        with pytest.raises(KeyboardInterrupt):
            kill(signal.SIGINT)
    with StopRequest(patient=True, say=lambda: said.append("more")) as stops:
        kill(signal.SIGTERM)
        kill(signal.SIGTERM)
        assert stops.count == 2 and said == ["stopping"]
