"""Prints how deep C code may recurse, after a call of deep() that C functions lie under."""


def deep():
    pass


def descend(n):
    list(map(descend if n else lambda n: deep(), [n - 1]))


def deepest():
    """The most nested list that repr() takes."""
    low, high = 0, 20000
    while low < high:
        n = (low + high + 1) // 2
        nested = []
        for _ in range(n):
            nested = [nested]
        try:
            repr(nested)
            low = n
        except RecursionError:
            high = n - 1
    return low


if __name__ == '__main__':
    descend(300)
    print(deepest())
