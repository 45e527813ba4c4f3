"""Transactions: work that counts as a whole or not at all. Names and behaviour are those that Prefect 3 documents.

A transaction begins, stages a value, and then either commits (its hooks ``on_commit`` run, and a record is written
under its key) or rolls back (its hooks ``on_rollback`` run, the latest work first). What runs inside of another
transaction is its child, and shares its end unless it is eager::

    with transaction(key="load-2026-01-01") as txn:
        if txn.is_committed():
            return
        write_file(contents)            # its on_rollback hook runs if anything below fails
        quality_test()
"""

from strongroom.locking.isolation import IsolationLevel as IsolationLevel
from strongroom.transactions.around import get_transaction as get_transaction
from strongroom.transactions.opening import atransaction as atransaction
from strongroom.transactions.opening import transaction as transaction
from strongroom.transactions.states import CommitMode as CommitMode
from strongroom.transactions.states import TransactionState as TransactionState
from strongroom.transactions.transaction import AsyncTransaction as AsyncTransaction
from strongroom.transactions.transaction import BaseTransaction as BaseTransaction
from strongroom.transactions.transaction import Transaction as Transaction
