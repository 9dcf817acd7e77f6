"""The test files that take longest. They start first, so that no process works on one alone at the end."""

from __future__ import annotations

# Paths under tests/, longest first (CPU time of all their tests).
LONG_FILES = (
    "ingest/features/test_feature_paper_parity.py",
    "kills/test_kills.py",
    "end_to_end/test_settings_renew_tables.py",
    "end_to_end/test_own_networks.py",
    "end_to_end/test_brain_data.py",
    "end_to_end/test_report.py",
    "end_to_end/test_figures.py",
    "end_to_end/test_stopped.py",
    "end_to_end/test_machine_faults.py",
    "end_to_end/test_networks_resumed.py",
    "end_to_end/test_demo_study.py",
    "end_to_end/test_study_runs.py",
    "demo/test_demo_content.py",
    "ingest/datasets/bmd/test_brain_pickles.py",
    "benchmarks/test_benchmarks_of_extraction.py",
    "demo/test_demo_data.py",
    "warehouse/test_copies.py",
    "analysis/report/test_report_page.py",
    "end_to_end/test_layer_order.py",
    "docs/test_recipes.py",
    "end_to_end/test_bad_input.py",
    "end_to_end/test_rdm_studies.py",
    "analysis/statistics/test_error_rates.py",
    "test_floors.py",
    "end_to_end/test_another_data_set.py",
    "ingest/models/test_network_builders.py",
    "ingest/models/test_network_compat.py",
    "end_to_end/test_statistics_tables.py",
    "ingest/features/test_feature_extract.py",
)
