from prefect import flow, task
from prefect.assets import Asset, AssetProperties, materialize

raw = Asset(key="postgres://db/raw")
clean = Asset(
    key="postgres://db/clean", properties=AssetProperties(name="Clean", url="https://x.y", owners=["a", "b"])
)


@materialize(raw)
def load():
    return [3, 1, 2]


@materialize(clean, asset_deps=[raw])
def tidy(rows):
    clean.add_metadata({"rows": len(rows)})
    return sorted(rows)


@materialize("s3://lake/a.csv", "s3://lake/b.csv")
def both(rows):
    return len(rows)


@flow
def f():
    a = load()
    b = tidy(a)
    c = both.submit(b).result()
    d = tidy.with_options(retries=2)
    return a, b, c, d.retries, type(d).__name__


print(f())
print(str(raw), raw == Asset(key="postgres://db/raw"), repr(clean)[:5])
