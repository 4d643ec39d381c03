"""The program, but for one figure: what a new repository's key costs to derive.

restic's price is a third of a second at each opening, and hundreds of openings would make the
tests slow without testing more. Repositories that are there already keep the price that they have.
"""

from backends.repository.scrypt import DEFAULT_COST


def make_keys_cheap() -> None:
    """For this process and those that it forks."""
    # The one value stands in the defaults of every function that makes keys.
    for name, value in {"n": 1024, "p": 1}.items():
        object.__setattr__(DEFAULT_COST, name, value)


def main() -> None:
    """As `lapseguard`."""
    from daemon.cli.app import main as run  # noqa: PLC0415 - as late as in the program itself

    make_keys_cheap()
    run()


if __name__ == "__main__":
    main()
