from pydantic import BaseModel, field_validator
from prefect import flow, task


class Item(BaseModel):
    sku: str
    qty: int

    @field_validator("qty")
    @classmethod
    def pos(cls, v):
        if v < 0:
            raise ValueError("qty must be positive")
        return v


class Batch(BaseModel):
    items: list[Item]
    note: str | None = None


@task
def total(b: Batch) -> int:
    return sum(i.qty for i in b.items)


@task
def bump(item: Item, by: int) -> Item:
    return item.model_copy(update={"qty": item.qty + by})


@flow
def f(batch: Batch, by: int = 1) -> dict:
    new = bump.map(batch.items, by=by)
    b2 = Batch(items=new.result())
    return {"before": total(batch), "after": total(b2), "skus": [i.sku for i in b2.items]}


print(f({"items": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": "2"}]}))
print(f(Batch(items=[])))
try:
    f({"items": [{"sku": "a", "qty": -1}]})
except Exception as e:
    print(type(e).__name__)


@task
def submodel(b: Batch):
    return b


@flow
def g():
    b = submodel.submit(Batch(items=[Item(sku="q", qty=1)]))
    return total(b)


print(g())
