select
    airlines.country,
    count(*)::integer as airlines,
    count(*) filter (where airlines.is_active)::integer as active,
    count(*) filter (where flying.airline_id is not null)::integer as flying
from {{ ref('stg_airlines') }} as airlines
left join (select distinct airline_id from {{ ref('stg_routes') }}) as flying using (airline_id)
where airlines.country is not null
group by all
