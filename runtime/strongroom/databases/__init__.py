"""Where the runtime keeps what outlives a process: SQLite files and PostgreSQL databases, opened with care."""
