"""Saves as many blocks as told to the server of ``PREFECT_API_URL``; prints the id of one of them."""

from __future__ import annotations

import json
import secrets
import sys

from prefect.blocks.system import Secret

documents = [Secret(value=secrets.token_hex(20)).save(f"doc-{number:03}") for number in range(int(sys.argv[1]))]
print(json.dumps({"document": str(documents[42])}))
