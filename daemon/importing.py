"""Imports many modules at once, without the collector looking through them again and again.

What a module makes stays for as long as the program does, and the collector, which runs each time
so much has been made, finds nothing to collect in it: that was a fifth of the time to start.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing(module: str) -> Iterator[None]:
    """Collect nothing while the block imports that module, and never look through it afterwards.

    Does nothing where the module is there already: what a program that goes on for weeks has made
    by then is not for keeping.
    """
    if module in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
