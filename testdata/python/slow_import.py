"""A module whose import takes long: see locked.py."""
import os
import time

if os.environ.get("SLOW"):
    time.sleep(1000)
