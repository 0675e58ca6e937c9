"""A module whose state tells where it was imported: a thawed process shows the frozen one's."""

import os

# The pid of the process that imported this module first. In a thawed process: the frozen one's.
BORN_IN = os.getpid()

# State that only a heap brought back whole can have.
TABLE = {("key", i): [i, str(i), float(i)] for i in range(20000)}
IDENTITY = {id(value): key for key, value in TABLE.items()}


def check():
    """Every object must be at the address it had, and be what it was."""
    assert len(TABLE) == 20000 and len(IDENTITY) == 20000
    for (_, i), value in TABLE.items():
        assert value == [i, str(i), float(i)], value
        assert IDENTITY[id(value)] == ("key", i)
    return "whole"
