"""Strongroom for Google Cloud: credentials, buckets, secrets and tasks over them, keys in Cloud KMS.

Needs ``pip install "strongroom[gcp]"``.
"""

from strongroom_gcp.bucket import GcsBucket as GcsBucket
from strongroom_gcp.credentials import GcpCredentials as GcpCredentials
from strongroom_gcp.dataframes import DataFrameSerializationFormat as DataFrameSerializationFormat
from strongroom_gcp.gcp_secret import GcpSecret as GcpSecret
from strongroom_gcp.gcs_object import GcsObject as GcsObject
from strongroom_gcp.kms_key import GcpKmsKey as GcpKmsKey
from strongroom_gcp.secret_reference import SecretVersion as SecretVersion
from strongroom_gcp.secret_source import SecretManagerSource as SecretManagerSource
