"""What the pages about AWS find in their account: a key by an alias, two secrets and a parameter."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from typing import Any

KEY = "alias/strongroom"


def furnish() -> None:
    """Put all of it into the account that the environment names, unless it is there."""
    import boto3

    kms = boto3.client("kms")
    if KEY not in {alias["AliasName"] for alias in kms.list_aliases()["Aliases"]}:
        kms.create_alias(AliasName=KEY, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    manager: Any = boto3.client("secretsmanager")
    for name in ("prod/crm", "prod/erp"):
        with suppress(manager.exceptions.ResourceExistsException):
            manager.create_secret(Name=name, SecretString=json.dumps({"password": secrets.token_urlsafe()}))
    store = boto3.client("ssm")
    store.put_parameter(Name="/prod/crm/api-key", Value=secrets.token_urlsafe(), Type="SecureString", Overwrite=True)
