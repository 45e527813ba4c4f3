"""Targets of a profile, each made from a block or from the settings of its adapter."""

from strongroom_dbt.cli.configs.base import GlobalConfigs as GlobalConfigs
from strongroom_dbt.cli.configs.base import TargetConfigs as TargetConfigs
from strongroom_dbt.cli.configs.bigquery import BigQueryTargetConfigs as BigQueryTargetConfigs
from strongroom_dbt.cli.configs.postgres import PostgresTargetConfigs as PostgresTargetConfigs
from strongroom_dbt.cli.configs.snowflake import SnowflakeTargetConfigs as SnowflakeTargetConfigs
