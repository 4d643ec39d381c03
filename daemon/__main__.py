"""`python -m daemon` is `lapseguard`."""

from daemon.cli.app import main

if __name__ == "__main__":
    main()
