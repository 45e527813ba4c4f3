"""Strongroom for Google Cloud: credentials, keys in Cloud KMS, secrets that stay in Secret Manager.

Needs ``pip install "strongroom[gcp]"``.
"""

from strongroom_gcp.credentials import GcpCredentials as GcpCredentials
from strongroom_gcp.kms_key import GcpKmsKey as GcpKmsKey
from strongroom_gcp.secret_manager import SecretManagerSource as SecretManagerSource
from strongroom_gcp.secret_reference import SecretVersion as SecretVersion
