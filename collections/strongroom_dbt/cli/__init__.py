"""dbt's command line by the names that scripts written for Prefect know: profiles from blocks, operations, tasks."""

from strongroom_dbt.cli.commands import DbtCoreOperation as DbtCoreOperation
from strongroom_dbt.cli.commands import run_dbt_build as run_dbt_build
from strongroom_dbt.cli.commands import run_dbt_model as run_dbt_model
from strongroom_dbt.cli.commands import run_dbt_seed as run_dbt_seed
from strongroom_dbt.cli.commands import run_dbt_snapshot as run_dbt_snapshot
from strongroom_dbt.cli.commands import run_dbt_source_freshness as run_dbt_source_freshness
from strongroom_dbt.cli.commands import run_dbt_test as run_dbt_test
from strongroom_dbt.cli.commands import trigger_dbt_cli_command as trigger_dbt_cli_command
from strongroom_dbt.cli.configs import BigQueryTargetConfigs as BigQueryTargetConfigs
from strongroom_dbt.cli.configs import GlobalConfigs as GlobalConfigs
from strongroom_dbt.cli.configs import PostgresTargetConfigs as PostgresTargetConfigs
from strongroom_dbt.cli.configs import SnowflakeTargetConfigs as SnowflakeTargetConfigs
from strongroom_dbt.cli.configs import TargetConfigs as TargetConfigs
from strongroom_dbt.cli.credentials import DbtCliProfile as DbtCliProfile
