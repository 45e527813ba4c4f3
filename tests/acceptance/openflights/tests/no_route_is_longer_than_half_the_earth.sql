select * from {{ ref('longest_routes') }}
where distance_km is null or distance_km > pi() * 6371.0088
