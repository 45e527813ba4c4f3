"""The orchestrator under the path that its documentation for Prefect has."""

from strongroom_dbt.core.node_cache import CacheConfig as CacheConfig
from strongroom_dbt.core.orchestrator import ExecutionMode as ExecutionMode
from strongroom_dbt.core.orchestrator import PrefectDbtOrchestrator as PrefectDbtOrchestrator
from strongroom_dbt.core.orchestrator import TestStrategy as TestStrategy
from strongroom_dbt.core.plan import BuildPlan as BuildPlan
