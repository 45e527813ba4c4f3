select airline_id, source_airport_id, destination_airport_id, stops
from {{ source('raw', 'routes') }}
