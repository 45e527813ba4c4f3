"""``prefect.testing.utilities`` under its name; see :mod:`strongroom.testing.harness`."""

from strongroom.testing.harness import strongroom_test_harness as strongroom_test_harness

prefect_test_harness = strongroom_test_harness
