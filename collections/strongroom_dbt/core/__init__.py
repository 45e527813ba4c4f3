"""dbt by the names that scripts written for Prefect know: the runner, its settings, its hooks."""

from strongroom_dbt.core.hooks import DbtHookContext as DbtHookContext
from strongroom_dbt.core.runner import PrefectDbtRunner as PrefectDbtRunner
from strongroom_dbt.core.settings import PrefectDbtSettings as PrefectDbtSettings
