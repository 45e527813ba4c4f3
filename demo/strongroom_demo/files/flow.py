"""The nightly load of a small shop: from raw files in a lake to tested tables in a warehouse.

Nothing here says where the lake or the warehouse is, or what the signing key is. The blocks know, and a new version
of a block moves the flow without a change of code.
"""

import csv
import hmac
import io
import json
from datetime import date

from shop_api import ShopApi
from strongroom import Block, DuckDB, ObjectStore, flow, get_run_logger, task
from strongroom_dbt import DbtProject, dbt_build

COLUMNS = {
    "customers": {"customer_id": "text", "name": "text", "country": "text"},
    "orders": {"order_id": "text", "customer_id": "text", "ordered_at": "date", "status": "text"},
    "items": {"order_id": "text", "product": "text", "quantity": "integer", "unit_price": "decimal(10, 2)"},
}
FILES = {"customers": "customers.csv", "orders": "orders.jsonl", "items": "items.csv"}


@task(task_run_name="fetch {name}", retries=2, retry_delay_seconds=1)
def fetch(lake: ObjectStore, shop: ShopApi, name: str) -> list[dict]:
    """Read a file of the export, if the shop signed it."""
    content = lake.read_path(f"raw/{name}")
    signed = json.loads(lake.read_path("raw/signatures.json"))[name]
    if not hmac.compare_digest(signed, shop.sign(content)):
        raise ValueError(f"raw/{name} is not what the shop signed")
    text = content.decode()
    if name.endswith(".csv"):
        return list(csv.DictReader(io.StringIO(text)))
    return [json.loads(line) for line in text.splitlines()]


@task
def clean_customers(rows: list[dict]) -> list[dict]:
    """One row a customer; without an id it is nobody. E-mail addresses stay behind."""
    return report("customers", rows, {row["customer_id"]: row for row in rows if row["customer_id"]})


@task
def clean_orders(rows: list[dict], customers: list[dict]) -> list[dict]:
    """One row an order, of a known customer, on a day that the calendar has."""
    known = {customer["customer_id"] for customer in customers}
    kept = {}
    for row in rows:
        day = day_of(row["ordered_at"])
        if day and row["customer_id"] in known:
            kept[row["order_id"]] = {**row, "ordered_at": day}
    return report("orders", rows, kept)


@task
def clean_items(rows: list[dict], orders: list[dict]) -> list[dict]:
    """One row an order and product, of an order that was kept, with a quantity above zero."""
    known = {order["order_id"] for order in orders}
    kept = {
        (row["order_id"], row["product"]): row
        for row in rows
        if row["order_id"] in known and row["quantity"].isdigit() and int(row["quantity"]) > 0
    }
    return report("items", rows, kept)


@task(task_run_name="load {table}")
def load(table: str, rows: list[dict]) -> int:
    """Replace a table of the warehouse by these rows."""
    types = COLUMNS[table]
    values = [[row[name] for row in rows] for name in types]
    with DuckDB.load("warehouse").connection() as warehouse:
        warehouse.execute("create schema if not exists raw")
        warehouse.execute(f"create or replace table raw.{table} ({', '.join(f'{n} {t}' for n, t in types.items())})")
        warehouse.execute(f"insert into raw.{table} select {', '.join('unnest(?)' for _ in types)}", values)
    return len(rows)


@task
def revenue() -> list[tuple]:
    """What dbt made of it: revenue by country, the highest first."""
    return DuckDB.load("warehouse").fetch_all("select * from revenue_by_country order by revenue desc")


@flow
def nightly() -> list[tuple]:
    """Fetch, clean, load, build and test; returns the revenue by country."""
    lake, shop = Block.load("lake"), ShopApi.load("shop-api")
    raw = {table: fetch.submit(lake, shop, name) for table, name in FILES.items()}
    customers = clean_customers(raw["customers"])
    orders = clean_orders(raw["orders"], customers)
    items = clean_items(raw["items"], orders)
    for table, rows in (("customers", customers), ("orders", orders), ("items", items)):
        load(table, rows)
    dbt_build(DbtProject.load("shop-dbt"))
    return revenue()


def day_of(text: str | None) -> date | None:
    """A day in one of the two notations that the shop uses, or None."""
    try:
        day, month, year = (text or "").split(".") if "." in (text or "") else reversed((text or "").split("-"))
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def report(table: str, rows: list[dict], kept: dict) -> list[dict]:
    """Log how many rows stay."""
    get_run_logger().info("%s: kept %d of %d rows", table, len(kept), len(rows))
    return list(kept.values())


if __name__ == "__main__":
    for row in nightly():
        print(*row)
