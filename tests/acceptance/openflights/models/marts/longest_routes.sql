with pairs as (
    select distinct
        least(source_airport_id, destination_airport_id) as one_id,
        greatest(source_airport_id, destination_airport_id) as other_id
    from {{ ref('stg_routes') }}
    where stops = 0
)

select
    pairs.one_id,
    pairs.other_id,
    one.name as one_name,
    other.name as other_name,
    {{ great_circle_km('one.latitude', 'one.longitude', 'other.latitude', 'other.longitude') }} as distance_km
from pairs
inner join {{ ref('stg_airports') }} as one on one.airport_id = pairs.one_id
inner join {{ ref('stg_airports') }} as other on other.airport_id = pairs.other_id
