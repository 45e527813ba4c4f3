"""Task runs that another process carries out: sent by ``task.delay``, taken by ``task.serve``."""
