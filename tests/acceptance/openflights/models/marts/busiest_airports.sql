with ends as (
    select source_airport_id as airport_id, 1 as departures, 0 as arrivals from {{ ref('stg_routes') }}
    union all
    select destination_airport_id, 0, 1 from {{ ref('stg_routes') }}
)

select
    airports.airport_id,
    airports.name,
    airports.country,
    sum(ends.departures)::integer as departures,
    sum(ends.arrivals)::integer as arrivals,
    count(*)::integer as routes
from ends
inner join {{ ref('stg_airports') }} as airports using (airport_id)
group by all
