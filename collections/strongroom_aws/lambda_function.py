"""LambdaFunction: a function of AWS Lambda, to call."""

from __future__ import annotations

import base64
import json
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field
from strongroom import Block, async_twin

from strongroom_aws.checks import checking, client_for
from strongroom_aws.credentials import AwsCredentials
from strongroom_aws.verdicts import answered


class LambdaFunction(Block, slug="lambda-function", title="Lambda Function"):
    """A function of AWS Lambda that flows call."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"function_name": "resize-images"}]})

    function_name: str = Field(min_length=1, description="The function's name, ARN, or part of that.")
    qualifier: str | None = Field(None, description="A version or an alias.")
    aws_credentials: AwsCredentials = Field(
        default_factory=AwsCredentials, title="AWS Credentials", description="Who calls it."
    )

    def check(self, timeout: float) -> str:
        """Ask for the function's configuration; it is not called.

        :raises CheckAbsent: there is no such function.
        :raises CheckDenied: the credentials are not accepted, or may not see it.
        :raises CheckUnreachable: nobody answers.
        """
        with checking():
            client = client_for(self.aws_credentials._login(), "lambda", timeout)
            found = answered(self._what, lambda: client.get_function_configuration(**self._named))
        return f"is {found.get('State', 'there').lower()}, with {found.get('Runtime', 'an image')}"

    acheck: ClassVar = async_twin(check)

    def invoke(
        self,
        payload: dict[str, Any] | None = None,
        invocation_type: Literal["RequestResponse", "Event", "DryRun"] = "RequestResponse",
        tail: bool = False,
        client_context: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Call the function; returns AWS' answer, whose ``Payload`` is a stream to ``read()``, and which has a
        ``FunctionError`` if the function failed.

        :param payload: what it is called with.
        :param invocation_type: ``Event`` does not wait for it, ``DryRun`` does not call it.
        :param tail: also give the end of its log, as ``LogResult``.
        :param client_context: what it learns of who calls it.
        :raises AwsError: it was not called.
        """
        wanted: dict[str, Any] = self._named | {"InvocationType": invocation_type}
        if payload is not None:
            wanted["Payload"] = json.dumps(payload).encode()
        if tail:
            wanted["LogType"] = "Tail"
        if client_context is not None:
            wanted["ClientContext"] = base64.b64encode(json.dumps(client_context).encode()).decode()
        client = self.aws_credentials.get_client("lambda")
        return answered(self._what, lambda: dict(client.invoke(**wanted)))

    ainvoke: ClassVar = async_twin(invoke)

    @property
    def _named(self) -> dict[str, Any]:
        named = {"FunctionName": self.function_name, "Qualifier": self.qualifier}
        return {name: value for name, value in named.items() if value}

    @property
    def _what(self) -> str:
        return f"the function {self.function_name!r}"
