from prefect import flow, get_client
from prefect.client.orchestration import get_client as gc


@flow
def f():
    return 5


st = f(return_state=True)
with get_client(sync_client=True) as c:
    r = c.read_flow_run(st.state_details.flow_run_id)
    print(
        r.state.is_completed(),
        r.name != "",
        r.flow_id is not None,
        r.deployment_id,
        list(r.tags),
        r.run_count,
    )
    print(c.read_flow_runs(limit=1)[0].id is not None)
