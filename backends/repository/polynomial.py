"""Random irreducible polynomials over GF(2), as stock restic demands one in every config.

An integer's bits are the coefficients. The test is Ben-Or's: a polynomial of degree n is
irreducible if it shares no factor with x^(2^i) - x for each i up to n/2.
"""

import secrets
from typing import Final

#: Degree of restic's Rabin polynomials.
DEGREE: Final = 53


def random_polynomial() -> int:
    """An irreducible polynomial of degree 53, uniformly chosen."""
    while True:
        # The highest coefficient makes the degree, a lowest of zero would make it divisible by x.
        candidate = secrets.randbits(DEGREE) | 1 << DEGREE | 1
        if is_irreducible(candidate):
            return candidate


def is_irreducible(polynomial: int) -> bool:
    """Whether it has no factor but itself and 1."""
    power = 0b10
    for _ in range((polynomial.bit_length() - 1) // 2):
        power = _square(power, polynomial)
        if _common_factor(polynomial, power ^ 0b10) != 1:
            return False
    return polynomial > 1


def _square(value: int, modulus: int) -> int:
    """Squaring in GF(2)[x] spreads the bits; then reduce."""
    return _remainder(int(f"{value:b}".replace("0", "00").replace("1", "01"), 2), modulus)


def _remainder(value: int, modulus: int) -> int:
    degree = modulus.bit_length()
    while value.bit_length() >= degree:
        value ^= modulus << (value.bit_length() - degree)
    return value


def _common_factor(first: int, second: int) -> int:
    while second:
        first, second = second, _remainder(first, second)
    return first
