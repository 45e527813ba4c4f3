select airline_id, name, country, active = 'Y' as is_active
from {{ source('raw', 'airlines') }}
