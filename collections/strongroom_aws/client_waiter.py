"""Waiting for what AWS does: the SDK's waiters as a task."""

from __future__ import annotations

from typing import Any

from strongroom import get_run_logger, task, task_twin

from strongroom_aws.credentials import AwsCredentials
from strongroom_aws.errors import JobFailed
from strongroom_aws.faults import told


@task
def client_waiter(
    client: str,
    waiter_name: str,
    aws_credentials: AwsCredentials,
    waiter_definition: dict[str, Any] | None = None,
    **waiter_kwargs: Any,
) -> None:
    """Wait until a service says that something is so.

    :param client: the SDK's name of the service, such as ``batch``.
    :param waiter_name: one of its waiters, such as ``bucket_exists``; of ``waiter_definition``, if that is given.
    :param waiter_definition: waiters of your own, in botocore's form.
    :param waiter_kwargs: what the waiter asks with, and ``WaiterConfig``.
    :raises JobFailed: it did not come to be so.
    """
    get_run_logger().info("Waiting on %s of %s", waiter_name, client)
    sdk_client = aws_credentials.get_client(client)
    with told():
        import botocore.exceptions
        from botocore.waiter import WaiterModel, create_waiter_with_client

        if waiter_definition is None:
            waiter = sdk_client.get_waiter(waiter_name)
        else:
            waiter = create_waiter_with_client(waiter_name, WaiterModel(waiter_definition), sdk_client)
        try:
            waiter.wait(**waiter_kwargs)
        except botocore.exceptions.WaiterError as failure:
            raise JobFailed(
                f"The waiter {waiter_name!r} of {client!r} ended: {failure.kwargs.get('reason', 'without a reason')}.",
                "Look at what it waited for; or wait longer, with WaiterConfig.",
            ) from None


aclient_waiter = task_twin(client_waiter)
