"""When something that recurs is due: dates of cron expressions, of intervals, and of iCalendar's rules."""
