"""What holds for every vector and for whatever is asked in whatever order: a module a row of the evidence, as in
``tests/faults``."""
