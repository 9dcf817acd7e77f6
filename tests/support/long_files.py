"""The test files that take longest. They start first, so that no process works on one alone at the end."""

from __future__ import annotations

# Paths under tests/, longest first (CPU time of all their tests).
LONG_FILES = (
    "ingest/features/test_feature_paper_parity.py",
    "end_to_end/test_report.py",
    "end_to_end/test_settings_renew_tables.py",
    "end_to_end/test_own_networks.py",
    "end_to_end/test_figures.py",
    "end_to_end/test_networks_resumed.py",
    "kills/test_kills.py",
    "end_to_end/test_brain_data.py",
    "end_to_end/test_demo_study.py",
    "demo/test_demo_content.py",
    "analysis/report/test_report_page.py",
    "end_to_end/test_cichy78.py",
    "ingest/models/test_network_compat.py",
    "demo/test_demo_data.py",
    "ingest/features/test_feature_extract.py",
    "end_to_end/test_another_data_set.py",
    "end_to_end/test_rdm_studies.py",
    "docs/test_recipes.py",
    "end_to_end/test_bad_input.py",
)
