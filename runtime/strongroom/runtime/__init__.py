"""What code can ask about the run that it is part of: ``from strongroom.runtime import flow_run, task_run``.

Outside of a run there are no tags and parameters, 0 attempts, the scheduled start is now, and everything else is None.
A test gives an attribute a value by a variable: ``STRONGROOM__RUNTIME__FLOW_RUN__NAME=mine``.
"""

from strongroom.runtime import deployment as deployment
from strongroom.runtime import flow_run as flow_run
from strongroom.runtime import task_run as task_run
