"""Irreducible polynomials over GF(2)."""

from backends.repository.polynomial import DEGREE, is_irreducible, random_polynomial


def test_the_small_ones_are_known():
    """All irreducible polynomials of degrees 1 to 4, from any table."""
    known = {0b10, 0b11, 0b111, 0b1011, 0b1101, 0b10011, 0b11001, 0b11111}

    assert {number for number in range(2, 32) if is_irreducible(number)} == known


def test_restic_s_own_example_is_irreducible():
    """The polynomial in the example config of restic's design document."""
    assert is_irreducible(0x25B468838DCB75)


def test_a_product_is_not():
    assert not is_irreducible(0x25B468838DCB75 ^ (0x25B468838DCB75 << 1))


def test_random_ones_have_restic_s_degree():
    found = {random_polynomial() for _ in range(5)}

    assert len(found) == 5
    assert {polynomial.bit_length() for polynomial in found} == {DEGREE + 1}
