"""Strongroom for AWS: credentials, S3 buckets, secrets, functions and jobs, tasks over them, and keys in KMS.

Needs ``pip install "strongroom[aws]"``.
"""

from strongroom_aws.assume_role_parameters import AssumeRoleParameters as AssumeRoleParameters
from strongroom_aws.bucket import S3Bucket as S3Bucket
from strongroom_aws.client_parameters import AwsClientParameters as AwsClientParameters
from strongroom_aws.credentials import AwsCredentials as AwsCredentials
from strongroom_aws.credentials import MinIOCredentials as MinIOCredentials
from strongroom_aws.glue_job import GlueJobBlock as GlueJobBlock
from strongroom_aws.kms_key import AwsKmsKey as AwsKmsKey
from strongroom_aws.lambda_function import LambdaFunction as LambdaFunction
from strongroom_aws.parameter_store import AwsParameterStore as AwsParameterStore
from strongroom_aws.secret import AwsSecret as AwsSecret
from strongroom_aws.secret_listing import ListedSecret as ListedSecret
from strongroom_aws.secret_listing import secrets_below as secrets_below
from strongroom_aws.secrets_manager import AwsSecretsManager as AwsSecretsManager
from strongroom_aws.write_options import S3WriteOptions as S3WriteOptions
