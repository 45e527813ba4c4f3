from prefect import flow, task
from prefect.events import emit_event, Event
from prefect.assets import Asset, AssetProperties, materialize, add_asset_metadata

e = emit_event(
    event="orc.thing",
    resource={"prefect.resource.id": "orc.1", "prefect.resource.name": "n"},
    payload={"a": 1},
    related=[{"prefect.resource.id": "r.2", "prefect.resource.role": "x"}],
)
print(type(e).__name__, e.event, e.payload, e.resource["prefect.resource.id"])
raw = Asset(key="s3://bucket/raw.csv", properties=AssetProperties(name="Raw", owners=["me"], description="d"))


@materialize(raw)
def make():
    add_asset_metadata(raw, {"rows": 3})
    raw.add_metadata({"more": 1})
    return [1, 2, 3]


@materialize("s3://bucket/clean.csv", asset_deps=["s3://bucket/other.csv"], by="dbt", retries=1)
def clean(rows):
    return [r for r in rows if r > 1]


@task(asset_deps=[raw])
def report(x):
    return len(x)


@flow
def f():
    a = make()
    b = clean(a)
    return report(b), a


print(f(), raw.key, raw.properties.name)
for bad in ("no-scheme", "s3://a b"):
    try:
        Asset(key=bad)
        print("ok?")
    except Exception as ex:
        print(type(ex).__name__)
