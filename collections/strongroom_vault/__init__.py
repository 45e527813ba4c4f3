"""Strongroom for HashiCorp Vault and OpenBao: credentials, keys in the transit engine, secrets that stay in Vault.

Needs ``pip install "strongroom[vault]"``.
"""

from strongroom_vault.auth import AppRoleAuth as AppRoleAuth
from strongroom_vault.auth import JWTAuth as JWTAuth
from strongroom_vault.auth import KubernetesAuth as KubernetesAuth
from strongroom_vault.auth import TokenAuth as TokenAuth
from strongroom_vault.credentials import VaultCredentials as VaultCredentials
from strongroom_vault.kv_metadata import SecretMetadata as SecretMetadata
from strongroom_vault.leases import DatabaseLogin as DatabaseLogin
from strongroom_vault.reference import VaultReference as VaultReference
from strongroom_vault.secret import VaultSecret as VaultSecret
from strongroom_vault.source import VaultSource as VaultSource
from strongroom_vault.transit_key import TransitKey as TransitKey
