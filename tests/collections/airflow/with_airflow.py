"""What Airflow itself does with the backend: run by an interpreter that has Airflow, in an empty folder.

Airflow reads its configuration, loads the backend by its name, makes connections of what it hands out, and takes an
option of its own from it. Ends with "all is well" and 0, else with the assertion that failed.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

HERE = Path.cwd()
os.environ |= {
    "STRONGROOM_HOME": str(HERE / "strongroom"),
    "XDG_CONFIG_HOME": str(HERE / "config"),
    "AIRFLOW_HOME": str(HERE / "airflow"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__FERNET_KEY_SECRET": "fernet",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HERE}/airflow.db",
    "AIRFLOW__SECRETS__BACKEND": "strongroom_airflow.StrongroomBackend",
    "AIRFLOW__SECRETS__BACKEND_KWARGS": '{"variables_prefix": "var-"}',
}

from cryptography.fernet import Fernet  # noqa: E402
from strongroom import JSON, Connection, Secret  # noqa: E402

password = "p/w@ :%é\"'" + secrets.token_hex(4)
fernet_key = Fernet.generate_key().decode()
Connection(
    conn_type="postgres", host="db", port=5432, login="ada", password=password, extra={"sslmode": "require"}
).save("my_postgres")
Secret(value="the text").save("var-my-key")
JSON(value={"a": [1]}).save("var-my-json")
Secret(value=fernet_key).save("fernet")

import airflow  # noqa: E402
from airflow.configuration import conf, ensure_secrets_loaded  # noqa: E402
from airflow.models import Connection as AirflowConnection  # noqa: E402
from airflow.models import Variable  # noqa: E402
from airflow.secrets import BaseSecretsBackend  # noqa: E402

print("Airflow", airflow.__version__)
backend = ensure_secrets_loaded()[0]
assert type(backend).__name__ == "StrongroomBackend"
assert isinstance(backend, BaseSecretsBackend)
assert conf.get("core", "fernet_key") == fernet_key
for found in (backend.get_connection("My_Postgres"), AirflowConnection.get_connection_from_secrets("my_postgres")):
    assert (found.conn_type, found.host, found.port, found.login) == ("postgres", "db", 5432, "ada")
    assert found.password == password
    assert found.extra_dejson == {"sslmode": "require"}
assert Variable.get("my-key") == "the text"
assert Variable.get("my-json", deserialize_json=True) == {"a": [1]}
assert backend.get_connection("missing") is None
if airflow.__version__.startswith("3"):
    from airflow.sdk.configuration import ensure_secrets_loaded as of_workers

    found = of_workers()[0].get_connection(conn_id="my_postgres")
    assert type(found).__module__.startswith("airflow.sdk")
    assert found.password == password
print("all is well")
