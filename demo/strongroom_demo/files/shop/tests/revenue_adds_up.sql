-- No order may get lost or count twice on its way into the report.
select reported.revenue, sold.revenue
from (select sum(revenue) as revenue from {{ ref('revenue_by_country') }}) as reported,
     (select sum(amount) as revenue from {{ ref('orders') }} where status <> 'returned') as sold
where reported.revenue is distinct from sold.revenue
