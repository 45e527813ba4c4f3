select departures, routes from (
    select sum(departures) as departures, sum(arrivals) as arrivals, sum(routes) as routes
    from {{ ref('busiest_airports') }}
)
where departures <> arrivals or departures + arrivals <> routes
