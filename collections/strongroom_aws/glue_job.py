"""GlueJobBlock: a job of AWS Glue, to run and wait for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ConfigDict, Field
from strongroom import Block, async_twin

from strongroom_aws.checks import checking, client_for
from strongroom_aws.credentials import AwsCredentials
from strongroom_aws.errors import JobFailed
from strongroom_aws.verdicts import answered

_WELL = "SUCCEEDED"
_BADLY = {"FAILED", "STOPPED", "ERROR", "TIMEOUT", "EXPIRED"}
_SLICE_SECONDS = 0.25  # an exception that is planted in a thread strikes between two waits


@dataclass(frozen=True, slots=True)
class GlueJobRun:
    """One run of a job, which can be found again by its id."""

    job_name: str
    job_id: str
    credentials: AwsCredentials
    poll_seconds: float = 60.0

    def wait_for_completion(self) -> None:
        """Wait until the run ends. A run that is left by an interrupt or a timeout is stopped.

        :raises JobFailed: it did not succeed; says what Glue says of it.
        """
        try:
            while (state := str((found := self._found())["JobRunState"])) != _WELL:
                if state in _BADLY:
                    raise JobFailed(
                        f"Run {self.job_id} of the Glue job {self.job_name!r} ended as {state}: "
                        f"{found.get('ErrorMessage', 'without a reason')}.",
                        "See its log in CloudWatch.",
                    )
                _sleep(self.poll_seconds)
        except (KeyboardInterrupt, TimeoutError):
            self.stop()
            raise

    await_for_completion: ClassVar = async_twin(wait_for_completion)

    def fetch_result(self) -> str:
        """The state that the run is in, as Glue calls it."""
        return str(self._found()["JobRunState"])

    afetch_result: ClassVar = async_twin(fetch_result)

    def stop(self) -> None:
        """Stop the run."""
        client = self._client
        answered(self._what, lambda: client.batch_stop_job_run(JobName=self.job_name, JobRunIds=[self.job_id]))

    def _found(self) -> dict[str, Any]:
        client = self._client
        found = answered(self._what, lambda: client.get_job_run(JobName=self.job_name, RunId=self.job_id))
        return dict(found["JobRun"])

    @property
    def _client(self) -> Any:
        return self.credentials.get_client("glue")

    @property
    def _what(self) -> str:
        return f"run {self.job_id} of the Glue job {self.job_name!r}"


class GlueJobBlock(Block, slug="glue-job", title="Glue Job"):
    """A job of AWS Glue that flows run."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"job_name": "nightly", "arguments": {"--day": "today"}}]}
    )

    job_name: str = Field(min_length=1, description="The job's name.")
    arguments: dict[str, str] | None = Field(None, description="What this run's script is called with.")
    job_watch_poll_interval: float = Field(60.0, gt=0, description="Seconds between two questions whether it is done.")
    aws_credentials: AwsCredentials = Field(
        default_factory=AwsCredentials, title="AWS Credentials", description="Who runs it."
    )

    def check(self, timeout: float) -> str:
        """Ask for the job's definition; it is not run.

        :raises CheckAbsent: there is no such job.
        :raises CheckDenied: the credentials are not accepted, or may not see it.
        :raises CheckUnreachable: nobody answers.
        """
        with checking():
            client = client_for(self.aws_credentials._login(), "glue", timeout)
            answered(self._what, lambda: client.get_job(JobName=self.job_name))
        return "is there"

    acheck: ClassVar = async_twin(check)

    def trigger(self) -> GlueJobRun:
        """Run the job; returns the run, to wait for."""
        client = self.aws_credentials.get_client("glue")
        wanted = {"Arguments": self.arguments} if self.arguments else {}
        found = answered(self._what, lambda: client.start_job_run(JobName=self.job_name, **wanted))
        return GlueJobRun(self.job_name, str(found["JobRunId"]), self.aws_credentials, self.job_watch_poll_interval)

    atrigger: ClassVar = async_twin(trigger)

    @property
    def _what(self) -> str:
        return f"the Glue job {self.job_name!r}"


def _sleep(seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _SLICE_SECONDS))
