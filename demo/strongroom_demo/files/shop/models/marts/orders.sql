select o.order_id, o.customer_id, o.ordered_at, o.month, o.status, sum(i.amount) as amount, sum(i.quantity) as pieces
from {{ ref('stg_orders') }} as o
join {{ ref('stg_items') }} as i using (order_id)
group by all
