"""Refuses arrays that could be condensed RDMs as well as something else, unless somebody says what they are.

20 x 190 could be the RDMs of 20 subjects (190 = 20 x 19 / 2), or betas of 20 stimuli in 190 voxels. A square
array is no such case: its values show that it is symmetric and zero on the diagonal.
"""

from __future__ import annotations

import re
from pathlib import Path

from alignhouse.ingest.datasets.rdms.arrays import StoredRdms
from alignhouse.ingest.rdm import n_conditions
from alignhouse.warehouse.errors import BadInput

CONDENSED = "condensed"
_SAYS_RDM = re.compile("rdm|dissimilarit", re.IGNORECASE)


def check_form(stored: StoredRdms, path: Path, form: str | None) -> None:
    """Raise BadInput for a condensed array (S, P) that nothing says to be RDMs.

    One of these says so: `form` is "condensed"; the layout of the file (rsatoolbox, RSA toolbox); "RDM" or
    "dissimilarities" in the name of the file or of the array; or names in the file that its rows cannot be:
    n conditions, where S is another number than n, or as many subjects as rows.

    Parameters
    ----------
    form : "condensed" if the user says that arrays are condensed RDMs, else None.

    Raises
    ------
    BadInput : nothing says so; or `form` is "condensed", and the array is square.
    """
    if stored.stack.ndim == 3:
        if form == CONDENSED:
            raise BadInput(
                stored.label,
                expected='condensed RDMs, as brain.rdm_form = "condensed" says',
                found=f"{len(stored.stack)} square arrays of shape {stored.stack.shape[1:]}",
            )
        return
    n_rows, n_pairs = stored.stack.shape
    n = n_conditions(n_pairs)
    if form == CONDENSED or stored.is_known or _SAYS_RDM.search(path.name) or _SAYS_RDM.search(stored.name):
        return
    if stored.conditions is not None and len(stored.conditions) == n != n_rows:
        return
    if stored.subjects is not None and len(stored.subjects) == n_rows:
        return
    raise BadInput(
        f"{stored.label} does not say that it holds RDMs",
        expected='RDM in the name of the file or array, square RDMs, or brain.rdm_form = "condensed"',
        found=f"shape {stored.stack.shape}: condensed RDMs of {n} conditions, or {n_rows} rows of "
        f"{n_pairs} values",
        hint='betas and features are no RDMs; for betas, see kind = "arrays"',
    )
