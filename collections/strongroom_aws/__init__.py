"""Strongroom for AWS: credentials, S3 buckets and tasks over them, keys in KMS, secrets that stay where they are.

Needs ``pip install "strongroom[aws]"``.
"""

from strongroom_aws.assume_role_parameters import AssumeRoleParameters as AssumeRoleParameters
from strongroom_aws.bucket import S3Bucket as S3Bucket
from strongroom_aws.client_parameters import AwsClientParameters as AwsClientParameters
from strongroom_aws.credentials import AwsCredentials as AwsCredentials
from strongroom_aws.credentials import MinIOCredentials as MinIOCredentials
from strongroom_aws.kms_key import AwsKmsKey as AwsKmsKey
from strongroom_aws.parameter_store import AwsParameterStore as AwsParameterStore
from strongroom_aws.secret_listing import ListedSecret as ListedSecret
from strongroom_aws.secret_listing import secrets_below as secrets_below
from strongroom_aws.secrets_manager import AwsSecretsManager as AwsSecretsManager
