import json, csv, io
from datetime import date
from prefect import flow, task, get_run_logger
from prefect.artifacts import create_table_artifact, create_markdown_artifact, Artifact, MarkdownArtifact
from prefect.variables import Variable


@task(retries=1)
def extract(day: date) -> str:
    return "name,qty\na,1\nb,2\nb,oops\n"


@task
def parse(raw: str) -> tuple[list[dict], list[dict]]:
    good, bad = [], []
    for row in csv.DictReader(io.StringIO(raw)):
        (good if row["qty"].isdigit() else bad).append(row)
    return good, bad


@task
def publish(day, good, bad):
    table = [{"name": r["name"], "qty": int(r["qty"])} for r in good]
    create_table_artifact(key=f"daily-{day:%Y%m%d}", table=table, description=f"*{len(bad)} rejected*")
    return create_markdown_artifact(markdown=f"## {day}\n\n{len(good)} good", key="daily-summary")


@flow(name="daily report")
def report(day: date = date(2024, 3, 1)):
    good, bad = parse(extract(day))
    publish(day, good, bad)
    Variable.set("last_report", str(day), overwrite=True)
    return len(good), len(bad)


print(report(), report("2024-03-02"))
a = Artifact.get("daily-20240301")
print(a.type, json.loads(a.data), a.description, a.flow_run_id is not None, a.task_run_id is not None)
print(Artifact.get("daily-summary").data, Variable.get("last_report"))
m = MarkdownArtifact(key="manual", markdown="# x", description="d")
m.create()
print(Artifact.get("manual").data)
