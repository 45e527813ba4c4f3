select order_id, product, quantity, unit_price, quantity * unit_price as amount
from {{ source('raw', 'items') }}
