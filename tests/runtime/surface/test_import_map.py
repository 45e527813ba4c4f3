"""Every import of a script written for Prefect, with ``prefect`` changed to ``strongroom``."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

MAP = """
strongroom: Flow State Task Transaction allow_failure apause_flow_run aresume_flow_run aserve asuspend_flow_run deploy \
    flow get_client get_run_logger pause_flow_run resume_flow_run serve suspend_flow_run tags task unmapped
strongroom.main: Flow State Task allow_failure flow get_client get_run_logger tags task unmapped
strongroom.artifacts: Artifact ImageArtifact LinkArtifact MarkdownArtifact ProgressArtifact TableArtifact \
    acreate_image_artifact acreate_link_artifact acreate_markdown_artifact acreate_progress_artifact \
    acreate_table_artifact aupdate_progress_artifact create_image_artifact create_link_artifact \
    create_markdown_artifact create_progress_artifact create_table_artifact update_progress_artifact
strongroom.assets: Asset AssetProperties add_asset_metadata materialize
strongroom.blocks.abstract: CredentialsBlock DatabaseBlock JobBlock JobRun NotificationBlock ObjectStorageBlock \
    SecretBlock
strongroom.blocks.core: Block
strongroom.blocks.fields: SecretDict
strongroom.blocks.system: Secret
strongroom.cache_policies: CacheKeyFnPolicy CachePolicy CompoundCachePolicy DEFAULT FLOW_PARAMETERS INPUTS Inputs \
    NONE NO_CACHE RUN_ID RunId TASK_SOURCE TaskSource FlowParameters
strongroom.client: get_client
strongroom.client.orchestration: PrefectClient SyncPrefectClient get_client
strongroom.client.schemas: FlowRun State StateType TaskRun
strongroom.client.schemas.actions: DeploymentScheduleCreate GlobalConcurrencyLimitCreate GlobalConcurrencyLimitUpdate
strongroom.client.schemas.filters: ArtifactFilter DeploymentFilter DeploymentFilterName FlowFilter FlowFilterName \
    FlowRunFilter FlowRunFilterId FlowRunFilterName FlowRunFilterStartTime FlowRunFilterState FlowRunFilterStateName \
    FlowRunFilterStateType FlowRunFilterTags LogFilter LogFilterFlowRunId LogFilterTaskRunId TaskRunFilter \
    TaskRunFilterFlowRunId TaskRunFilterState VariableFilter
strongroom.client.schemas.objects: Artifact Deployment Flow FlowRun Log State StateDetails StateType \
    TERMINAL_STATES TaskRun Variable WorkPool
strongroom.client.schemas.responses: DeploymentResponse OrchestrationResult SetStateStatus
strongroom.client.schemas.schedules: CronSchedule IntervalSchedule RRuleSchedule
strongroom.client.schemas.sorting: DeploymentSort FlowRunSort FlowSort LogSort TaskRunSort
strongroom.concurrency.asyncio: concurrency rate_limit
strongroom.concurrency.sync: concurrency rate_limit
strongroom.context: EngineContext FlowRunContext RunContext TagsContext TaskRunContext get_run_context \
    hydrated_context serialize_context tags with_context
strongroom.deployments: arun_deployment deploy run_deployment
strongroom.deployments.flow_runs: arun_deployment run_deployment
strongroom.deployments.runner: RunnerDeployment deploy
strongroom.events: Event RelatedResource Resource emit_event
strongroom.events.schemas.events: Event RelatedResource Resource
strongroom.exceptions: CancelledRun ConfigurationError CrashedRun FailedRun FlowPauseTimeout FlowRunWaitTimeout \
    HashError InvalidNameError MappingLengthMismatch MappingMissingIterable MissingContextError MissingFlowError \
    MissingResult NotPausedError ObjectAlreadyExists ObjectNotFound ParameterBindError ParameterTypeError PausedRun \
    PrefectException ReservedArgumentError ScriptError SerializationError SignatureMismatchError TerminationSignal \
    UnfinishedRun UpstreamTaskError
strongroom.filesystems: LocalFileSystem
strongroom.flow_runs: apause_flow_run aresume_flow_run asuspend_flow_run pause_flow_run resume_flow_run \
    suspend_flow_run wait_for_flow_run
strongroom.flows: Flow aserve flow load_flow_from_entrypoint serve
strongroom.futures: DoneAndNotDoneFutures PrefectConcurrentFuture PrefectDistributedFuture PrefectFuture \
    PrefectFutureList PrefectTaskRunFuture PrefectWrappedFuture as_completed resolve_futures_to_results \
    resolve_futures_to_states wait
strongroom.input: RunInput receive_input send_input
strongroom.input.run_input: RunInput receive_input send_input
strongroom.locking.filesystem: FileSystemLockManager
strongroom.locking.memory: MemoryLockManager
strongroom.locking.protocol: LockManager
strongroom.logging: disable_run_logger get_logger get_run_logger
strongroom.logging.configuration: load_logging_config setup_logging
strongroom.logging.formatters: JsonFormatter PrefectFormatter
strongroom.logging.handlers: APILogHandler PrefectConsoleHandler
strongroom.logging.highlighters: LevelHighlighter NameHighlighter PrefectConsoleHighlighter StateHighlighter \
    UrlHighlighter
strongroom.logging.loggers: PrefectLogAdapter disable_logger disable_run_logger flow_run_logger get_logger \
    get_run_logger task_run_logger
strongroom.results: ResultStore get_result_store should_persist_result
strongroom.runner: Runner
strongroom.runner.storage: GitRepository LocalStorage
strongroom.runtime: deployment flow_run task_run
strongroom.runtime.deployment: id name parameters version
strongroom.runtime.flow_run: id name parameters scheduled_start_time
strongroom.runtime.task_run: id name parameters
strongroom.schedules: Cron Interval RRule Schedule
strongroom.serializers: CompressedJSONSerializer CompressedPickleSerializer CompressedSerializer JSONSerializer \
    PickleSerializer Serializer
strongroom.settings: PREFECT_API_URL PREFECT_HOME PREFECT_LOCAL_STORAGE_PATH PREFECT_LOGGING_LEVEL \
    PREFECT_RESULTS_PERSIST_BY_DEFAULT PREFECT_UI_URL Setting Settings get_current_settings temporary_settings
strongroom.states: AwaitingConcurrencySlot AwaitingRetry Cancelled Cancelling Completed Crashed Failed \
    InfrastructurePending Late Paused Pending Retrying Running Scheduled State StateGroup Submitting Suspended \
    aget_state_exception araise_state_exception get_state_exception get_state_result is_state_iterable \
    raise_state_exception
strongroom.task_runners: ConcurrentTaskRunner DaskTaskRunner PrefectTaskRunner ProcessPoolTaskRunner TaskRunner \
    ThreadPoolTaskRunner
strongroom.task_worker: TaskWorker serve
strongroom.tasks: MaterializingTask Task TaskOptions exponential_backoff task task_input_hash
strongroom.testing.utilities: prefect_test_harness
strongroom.transactions: CommitMode IsolationLevel Transaction TransactionState atransaction get_transaction transaction
strongroom.utilities.annotations: BaseAnnotation NotSet allow_failure freeze opaque quote unmapped
strongroom.utilities.asyncutils: run_coro_as_sync sync_compatible
strongroom.utilities.hashing: file_hash hash_objects stable_hash
strongroom.utilities.names: generate_slug
strongroom.variables: Variable
"""
LINES = [line.partition(": ") for line in MAP.strip().splitlines()]
SUBMODULES = [
    "artifacts",
    "context",
    "events",
    "flow_runs",
    "flows",
    "futures",
    "runtime",
    "settings",
    "states",
    "tasks",
]


@pytest.mark.parametrize(("module", "names"), [(module, names.split()) for module, _, names in LINES])
def test_a_module_has_the_names_that_scripts_import(module: str, names: list[str]) -> None:
    found = import_module(module)
    assert [name for name in names if not hasattr(found, name)] == []


@pytest.mark.parametrize("module", [module for module, _, _ in LINES])
def test_a_name_that_there_is_not_is_an_import_error(module: str) -> None:
    with pytest.raises(ImportError):
        exec(f"from {module} import NoSuchName")


def test_modules_are_attributes_after_the_import_of_the_package() -> None:
    reads = "; ".join(f"strongroom.{name}" for name in SUBMODULES)
    subprocess.run([sys.executable, "-c", f"import strongroom; {reads}; strongroom.runtime.flow_run.name"], check=True)
