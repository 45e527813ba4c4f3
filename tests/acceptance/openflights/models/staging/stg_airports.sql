select airport_id, name, city, country, iata, latitude, longitude
from {{ source('raw', 'airports') }}
