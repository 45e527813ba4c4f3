select order_id, customer_id, ordered_at, date_trunc('month', ordered_at)::date as month, status
from {{ source('raw', 'orders') }}
