"""Jobs of AWS Batch."""

from __future__ import annotations

from typing import Any

from strongroom import get_run_logger, task, task_twin

from strongroom_aws.credentials import AwsCredentials
from strongroom_aws.verdicts import answered


@task
def batch_submit(
    job_name: str, job_queue: str, job_definition: str, aws_credentials: AwsCredentials, **batch_kwargs: Any
) -> str:
    """Submit a job to AWS Batch; returns its id, with which ``client_waiter`` and the console find it.

    :param batch_kwargs: further parameters of ``SubmitJob``.
    :raises AwsError: it was refused.
    """
    get_run_logger().info("Submitting job %s to queue %s", job_name, job_queue)
    client = aws_credentials.get_client("batch")
    found = answered(
        f"the job {job_name!r} in the queue {job_queue!r}",
        lambda: client.submit_job(jobName=job_name, jobQueue=job_queue, jobDefinition=job_definition, **batch_kwargs),
    )
    return str(found["jobId"])


abatch_submit = task_twin(batch_submit)
