"""Signals as orders to a service."""

import os
import signal
import threading

from daemon.orders import Orders, obey_signals


def test_a_second_order_to_end_asks_for_hurry() -> None:
    orders = Orders()
    orders.give(signal.SIGTERM)
    assert (orders.end.is_set(), orders.hurry.is_set()) == (True, False)
    orders.give(signal.SIGINT)
    assert orders.hurry.is_set()


def test_a_hangup_asks_for_the_settings_to_be_read_again_and_for_nothing_else() -> None:
    with obey_signals() as orders:
        os.kill(os.getpid(), signal.SIGHUP)
        orders.wait(30)
        assert orders.reload.is_set()
        assert not orders.end.is_set()


def test_an_order_wakes_whoever_waits_for_one() -> None:
    with obey_signals() as orders:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        while not orders.end.is_set():
            orders.wait(30)


def test_afterwards_signals_mean_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with obey_signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
