"""What object stores share: the verbs that follow from a few, and the means to write those few."""
