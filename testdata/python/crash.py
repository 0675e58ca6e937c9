"""Crashes in C code, called by deliver(), while another thread sleeps."""
import ctypes
import threading
import time

orders = {"tea": 3, "coffee": 5}


def pack():
    time.sleep(100)


def deliver(order):
    amount = 4321
    ctypes.string_at(8)  # the crash


threading.Thread(target=pack, daemon=True, name="packer").start()
time.sleep(0.3)
deliver(orders)
