"""How much may happen at once, and how often: limits that all processes share.

:mod:`strongroom.concurrency.sync` and :mod:`strongroom.concurrency.asyncio` take slots of limits;
:mod:`strongroom.concurrency.limits` makes, changes and shows them.
"""
