"""An open warehouse for a notebook or a script: every answer is a polars DataFrame or an array with names.

Importing this module loads neither polars nor numpy; each method loads what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from alignhouse.notebook.choices import chosen, options_as_parameters
from alignhouse.notebook.contents import as_html, as_text, contents
from alignhouse.protocol_names import MEASURE, takes_measure, with_measure
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.questions import questions
from alignhouse.warehouse.reader import Warehouse
from alignhouse.warehouse.reading import refusals

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    from plotnine import ggplot

    from alignhouse.notebook.betas import SubjectBetas
    from alignhouse.notebook.rdms import Rdm
    from alignhouse.warehouse.progress import Progress
    from alignhouse.warehouse.results import AddedResult

# Bytes of betas that are loaded without a question.
MEMORY = 4e9


class OpenWarehouse:
    """A warehouse that is open for reading; a context manager. `alignhouse.open(folder)` makes one.

    It keeps the version of the warehouse that it has opened; `refresh` opens the newest one.

    Attributes
    ----------
    warehouse : the reader below, whose answers are DuckDB relations.

    Raises
    ------
    BadInput : `folder` has no warehouse.
    BrokenWarehouse : a newer version wrote it, or its tables are not those of a warehouse.
    """

    def __init__(self, folder: Path | str) -> None:
        self.warehouse = Warehouse(folder)

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """The warehouse at `folder`, read-only; the same as `OpenWarehouse(folder)`."""
        return cls(folder)

    @property
    def folder(self) -> Path:
        """The folder of the warehouse."""
        return self.warehouse.folder

    def ask(self, question: str, **parameters: Any) -> pl.DataFrame:
        """The answer to a named question; `questions` lists all, with their parameters.

        Where a question has `protocol`, `measure` asks for that protocol's scores by another measure.

        Raises
        ------
        BadInput : an unknown question or parameter, which the error lists; or an unknown value.
        """
        known = questions()
        asked = known[chosen("question", question, known)]
        names = [each.name for each in asked.parameters]
        if takes_measure(asked):
            names.append(MEASURE)
        for name in parameters:
            chosen("parameter", name, names, f" of question {question}")
        with options_as_parameters():
            return _frame(self.warehouse.ask(question, **with_measure(asked, parameters)))

    def sql(self, query: str, **parameters: Any) -> pl.DataFrame:
        """The answer to an SQL query; `$name` in it stands for the value of the parameter `name`.

        The query can read this warehouse alone: no other file, no network, no setting.

        Raises
        ------
        BadInput : the query is wrong, or does more than read.
        """
        return _frame(self.warehouse.sql(query, parameters))

    @property
    def questions(self) -> pl.DataFrame:
        """The named questions: question, asks, parameters."""
        import polars as pl

        return pl.DataFrame(
            [
                {
                    "question": each.name,
                    "asks": each.help.splitlines()[0],
                    "parameters": ", ".join(parameter.name for parameter in each.parameters),
                }
                for each in questions().values()
            ]
        )

    @property
    def networks(self) -> pl.DataFrame:
        """The networks in the warehouse, one row each."""
        return self.ask("networks")

    @property
    def regions(self) -> pl.DataFrame:
        """The regions of all data sets, one row each."""
        return self.ask("regions")

    @property
    def results(self) -> pl.DataFrame:
        """The statistics that users have added, one row each; see `add_results`."""
        return self.ask("results")

    def rdm(
        self,
        *,
        roi: str | None = None,
        subject: str | None = None,
        model: str | None = None,
        layer: str | None = None,
        dataset: str | None = None,
        split: str | None = None,
        protocol: str | None = None,
    ) -> Rdm:
        """The RDM of a region in one subject, or of one layer of a network, as it was scored.

        Parameters
        ----------
        roi, subject : of a brain RDM. model, layer : of a model RDM.
        dataset, split, protocol : may be left out if only one RDM fits. For the brain, protocols usually
            share one RDM.

        Raises
        ------
        BadInput : neither `roi` nor `model` is given, or both; or a name is unknown, or several RDMs fit. The
            error lists the choices.
        DamagedArtifact : the stored file is missing or has changed.
        """
        from alignhouse.notebook.rdms import brain_rdm, model_rdm

        scope = {"dataset": dataset, "split": split, "protocol": protocol}
        if model is None and layer is None and roi is not None:
            return brain_rdm(self.warehouse, roi, subject, **scope)
        if roi is None and subject is None and model is not None:
            return model_rdm(self.warehouse, model, layer, **scope)
        raise BadInput(
            "which RDM is meant?",
            expected="roi and subject, or model and layer",
            hint='for example w.rdm(roi="V1", subject="sub-01")',
        )

    def betas(
        self,
        *,
        roi: str | None = None,
        subject: str | None = None,
        dataset: str | None = None,
        split: str | None = None,
        protocol: str | None = None,
        memory: float = MEMORY,
    ) -> SubjectBetas:
        """The stored betas of a region in one subject: each voxel's response to each presentation.

        The voxels are those of the region's RDM. If the study keeps only reliable voxels (`min_ncsnr`), so
        does this.

        Parameters
        ----------
        dataset, split, protocol : may be left out if the warehouse has one. split : of the stimuli.
        memory : the largest size in bytes, with the buffers for reading.

        Raises
        ------
        BadInput : an unknown or ambiguous name, with the choices; the data set consists of ready RDMs and has
            no betas; or they are larger than `memory`.
        DamagedArtifact : a stored file is missing or has changed.
        """
        from alignhouse.notebook.betas import subject_betas

        return subject_betas(
            self.warehouse, roi, subject, dataset=dataset, split=split, protocol=protocol, memory=memory
        )

    def figure(self, name: str, **options: Any) -> ggplot:
        """A figure of the catalog as a plotnine plot: a notebook displays it, and `.save` writes it.

        Parameters
        ----------
        options : roi, model, layer (a name or several), dataset, split, protocol, group_by, other, most, and
            width in inches; a figure takes those that `alignhouse figure` lists for it. `measure` draws the
            protocol's scores by another measure of analysis.measures. `stimuli` is the folder of the stimuli,
            for thumbnails beside RDMs.

        Raises
        ------
        BadInput : an unknown figure or option, which the error lists; an unknown name; or nothing to show.
        """
        from alignhouse.notebook.drawing import plot_of

        return plot_of(self.warehouse, name, options)

    def add_results(
        self,
        frame: Any,
        *,
        name: str,
        description: str,
        author: str | None = None,
        replace: bool = False,
    ) -> AddedResult:
        """Store a statistic of your own. From then on, SQL finds it as `results.NAME`.

        It is stored like every other result: as Parquet, in one transaction, with who added it, when, with
        which version. A copy takes it along, `alignhouse check` checks it, `alignhouse rebuild` restores it.
        Afterwards, this object shows the newest version of the warehouse.

        Parameters
        ----------
        frame : a polars or pandas DataFrame, an Arrow table, a list of rows as dicts, or a dict of columns,
            with numbers, text, booleans, dates or times. The index of a pandas DataFrame is not stored.
        name : lower-case letters, digits and underscores.
        description : how the numbers were computed, in words.
        author : None for the name of the user who is logged in.
        replace : allow replacing a stored result of this name.

        Raises
        ------
        BadInput : the rows or the name cannot be used, or a result has this name and `replace` is False.
            Nothing is stored.
        WarehouseLocked : another process is writing.
        """
        from alignhouse.notebook.frames import as_polars
        from alignhouse.warehouse.results import add_result

        added = add_result(
            self.folder, as_polars(frame), name, description=description, author=author, replace=replace
        )
        self.refresh()
        return added

    def refresh(self) -> None:
        """Show the newest published version of the warehouse."""
        older, self.warehouse = self.warehouse, Warehouse(self.folder)
        older.close()

    def close(self) -> None:
        self.warehouse.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return as_text(self._title, contents(self.warehouse))

    def _repr_html_(self) -> str:
        return as_html(self._title, contents(self.warehouse))

    @property
    def _title(self) -> str:
        return f"alignhouse warehouse {self.folder}"


def report_of(
    warehouse: Warehouse | OpenWarehouse,
    folder: Path | str,
    *,
    dataset: str | None = None,
    split: str | None = None,
    group_by: Sequence[str] | None = None,
    measure: str | None = None,
    stimuli: Path | str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the report of an open warehouse to `folder`/index.html, unless it is up to date.

    Parameters and errors as in `analysis.report.gather.write_report_of`; but `stimuli` is the folder of the
    stimuli, for thumbnails beside RDMs.
    """
    from alignhouse.analysis.report.gather import write_report_of
    from alignhouse.stimulus_pictures import StimulusFolder

    reader = warehouse.warehouse if isinstance(warehouse, OpenWarehouse) else warehouse
    return write_report_of(
        reader,
        Path(folder),
        dataset=dataset,
        split=split,
        group_by=group_by,
        measure=measure,
        stimuli=StimulusFolder(stimuli) if stimuli is not None else None,
        progress=progress,
    )


def _frame(answer: duckdb.DuckDBPyRelation | None) -> pl.DataFrame:
    # A statement such as "set variable" has no answer.
    import polars as pl

    # DuckDB runs a query when its rows are fetched.
    with refusals():
        return pl.DataFrame() if answer is None else answer.pl()
