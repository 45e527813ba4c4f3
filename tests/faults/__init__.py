"""What happens when processes are killed, rows changed, disks fail and keys are wrong: a module a row of the evidence.

Each has ``run(work: Work) -> Iterator[Figure]``. The tests run it in a short form, ``python tests/evidence.py`` in
full.
"""
