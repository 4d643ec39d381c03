"""A seeded world of servers, stores, daemons, people and clocks that drives the real planner.

    python -m tests.simulation.replay SEED          one world again, told step by step
    python -m tests.simulation.soak --server-years 10000 --seed 1 --report FILE
    python -m tests.simulation.compare              beside a queue and a nightly cron

Everything in a world follows from its seed. Planning, estimates, the choice of what to start and
the transitions of runs are the product's; the network, the disks and the people are made up here.
"""
