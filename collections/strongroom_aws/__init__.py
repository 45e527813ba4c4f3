"""Strongroom for AWS: credentials, S3 buckets, and tasks over them. Needs ``pip install "strongroom[aws]"``."""

from strongroom_aws.assume_role_parameters import AssumeRoleParameters as AssumeRoleParameters
from strongroom_aws.bucket import S3Bucket as S3Bucket
from strongroom_aws.client_parameters import AwsClientParameters as AwsClientParameters
from strongroom_aws.credentials import AwsCredentials as AwsCredentials
from strongroom_aws.credentials import MinIOCredentials as MinIOCredentials
