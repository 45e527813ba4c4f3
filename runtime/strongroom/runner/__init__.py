"""Processes that run deployments."""

from strongroom.runner.runner import Runner as Runner
from strongroom.runner.serving import serve as serve
