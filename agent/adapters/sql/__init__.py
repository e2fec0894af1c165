"""The collector's database, SQLite or PostgreSQL; needs the extra ``collect``."""
