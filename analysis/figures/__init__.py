"""Figures of a study: functions from query results to plots; nothing is tested or estimated here."""
