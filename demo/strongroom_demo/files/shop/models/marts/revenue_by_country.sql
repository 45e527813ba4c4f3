select
    c.country,
    count(*) as orders,
    count(distinct c.customer_id) as customers,
    sum(o.amount) as revenue,
    sum(o.amount) / count(*) as per_order
from {{ ref('orders') }} as o
join {{ ref('stg_customers') }} as c using (customer_id)
where o.status <> 'returned'
group by c.country
