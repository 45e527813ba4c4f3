from datetime import timedelta
from prefect import flow, task
from prefect.tasks import task_input_hash, exponential_backoff

attempts = {"fetch": 0}


@task(retries=3, retry_delay_seconds=[0.01, 0.02, 0.03], name="Fetch page")
def fetch(page: int) -> list[dict]:
    attempts["fetch"] += 1
    if attempts["fetch"] < 3:
        raise ConnectionError("flaky")
    return [{"id": page * 10 + i, "amount": i * 1.5} for i in range(3)]


@task(cache_key_fn=task_input_hash, cache_expiration=timedelta(hours=1), persist_result=True)
def clean(rows: list[dict]) -> list[dict]:
    print("cleaning", len(rows))
    return [r for r in rows if r["amount"] > 0]


@task
def load(rows, table="sales"):
    return f"{len(rows)} rows into {table}"


@flow(name="Sales ETL", log_prints=False)
def etl(pages: list[int] = [1, 2]):
    out = []
    for p in pages:
        rows = clean(fetch(p))
        rows = clean(fetch(p))
        out.append(load(rows, table=f"sales_{p}"))
    return out


if __name__ == "__main__":
    print(etl())
    print(attempts)
    state = etl([1], return_state=True)
    print(state.type.value, state.name, state.is_completed(), state.result())
