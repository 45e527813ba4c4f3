"""Stands in for the shop: makes up its nightly export and puts it into the lake, signed.

The figures are invented but behave like real ones: orders follow the weekday, a few customers order a lot. The files
are as untidy as real ones, too: rows that come twice, dates in another notation or none, ids that are missing or point
nowhere, quantities below zero.
"""

from __future__ import annotations

import csv
import io
import json
import random
from datetime import date, timedelta
from typing import Any

from shop_api import ShopApi
from strongroom import Block, flow

FIRST_NAMES = [
    "Ada", "Ben", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Hana", "Inês", "Jonas", "Kofi", "Lena", "Mina", "Noor",
    "Oskar", "Priya", "Quinn", "Rosa",
]  # fmt: skip
LAST_NAMES = [
    "Almeida", "Bauer", "Costa", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ito", "Jansen", "Kowalski",
    "Lund", "Moreau", "Novak",
]  # fmt: skip
COUNTRIES = ["DE", "PT", "FR", "PL", "NL"]
PRODUCTS = {
    "tea-sencha": 12.50, "tea-assam": 9.80, "kettle": 49.00, "mug-blue": 11.90, "mug-white": 11.90,
    "teapot": 34.50, "strainer": 6.20, "honey": 7.40, "gift-box": 24.00,
}  # fmt: skip
STATUSES = ["paid", "shipped", "returned"]


@flow
def publish(country: str = "DE", seed: int = 7, orders: int = 600) -> list[str]:
    """Put one export into the lake; returns the keys of its files."""
    lake, shop = Block.load("lake"), ShopApi.load("shop-api")
    files = export(seed, country=country, orders=orders)
    files["signatures.json"] = json.dumps({name: shop.sign(content) for name, content in files.items()}).encode()
    return [lake.write_path(f"raw/{name}", content) for name, content in files.items()]


def export(seed: int, *, country: str, orders: int, until: date = date(2026, 3, 31)) -> dict[str, bytes]:
    """The files of one export; the same seed gives the same bytes."""
    chance = random.Random(seed)  # noqa: S311  made-up figures
    customers = _customers(chance, country, count=orders // 5)
    sold = _orders(chance, [row["customer_id"] for row in customers], orders, until)
    items = _items(chance, sold)
    return {
        "customers.csv": _csv(_untidy(chance, customers, "customer_id")),
        "orders.jsonl": _json_lines(_untidy(chance, sold, "customer_id", dates="ordered_at")),
        "items.csv": _csv(_untidy(chance, items, "order_id", numbers="quantity")),
    }


def _customers(chance: random.Random, country: str, count: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(1, count + 1):
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        rows.append({
            "customer_id": f"C{number:04d}",
            "name": f"{first} {last}",
            "email": f"{first}.{last}{number}@example.com".lower(),
            "country": country if chance.random() < 0.6 else chance.choice(COUNTRIES),
        })  # fmt: skip
    return rows


def _orders(chance: random.Random, customers: list[str], count: int, until: date) -> list[dict[str, Any]]:
    days = [until - timedelta(days=back) for back in range(90)]
    weights = [3 if day.weekday() in (4, 5) else 2 if day.weekday() == 6 else 1 for day in days]
    loyalty = [chance.paretovariate(1.4) for _ in customers]
    return [
        {
            "order_id": f"O{number:05d}",
            "customer_id": chance.choices(customers, loyalty)[0],
            "ordered_at": chance.choices(days, weights)[0].isoformat(),
            "status": chance.choices(STATUSES, [20, 70, 10])[0],
        }
        for number in range(1, count + 1)
    ]


def _items(chance: random.Random, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for order in orders:
        for product in chance.sample(list(PRODUCTS), k=chance.choices([1, 2, 3, 4], [40, 30, 20, 10])[0]):
            quantity = chance.choices([1, 2, 3, 6], [60, 25, 10, 5])[0]
            rows.append({
                "order_id": order["order_id"],
                "product": product,
                "quantity": quantity,
                "unit_price": f"{PRODUCTS[product]:.2f}",
            })  # fmt: skip
    return rows


def _untidy(
    chance: random.Random, rows: list[dict[str, Any]], key: str, dates: str | None = None, numbers: str | None = None
) -> list[dict[str, Any]]:
    """Some rows of a hundred come twice, lose their key, or hold a date or a number that is none."""
    result = []
    for row in rows:
        luck = chance.random()
        if luck < 0.015:
            row = {**row, key: ""}
        elif luck < 0.03 and dates:
            day = date.fromisoformat(row[dates])
            row = {**row, dates: chance.choice([day.strftime("%d.%m.%Y"), "0000-00-00", None])}
        elif luck < 0.03 and numbers:
            row = {**row, numbers: chance.choice([-1, 0, "n/a"])}
        result += [row, row] if 0.03 <= luck < 0.05 else [row]
    return result


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
