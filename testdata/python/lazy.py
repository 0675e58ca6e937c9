"""A program with lazy imports (3.15, PEP 810): it says which of them are still to be done, then does them."""
import sys

lazy import json
lazy import xml.dom.minidom as dom
lazy from decimal import Decimal


def state():
    kinds = [type(globals()[name]).__name__ for name in ('json', 'dom', 'Decimal')]
    return kinds, [name in sys.modules for name in ('json', 'xml.dom.minidom', 'decimal')]


def main():
    print(sys.argv[1:], state())
    print(json.dumps([1]), dom.parseString('<a/>').toxml(), Decimal('1.1') + 1, state())


main()
