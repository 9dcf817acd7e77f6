"""The schema, views, named questions and data checks of the warehouse, as plain .sql files."""
