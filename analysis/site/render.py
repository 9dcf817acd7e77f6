"""Fills the templates of a site: each page is one file with its style, its scripts and its data inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alignhouse.analysis.report import page as report_page
from alignhouse.analysis.report.scripts import as_json, csp_hash
from alignhouse.analysis.report.tables import column_of
from alignhouse.analysis.site.content import Site

HERE = Path(__file__).parent
REPORT = Path(report_page.__file__).parent


class Pages:
    """Renders pages of one site. Every text is escaped; scripts and styles are allowed by their hash."""

    def __init__(self, site: Site) -> None:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        self._site = site
        self._templates = Environment(
            loader=FileSystemLoader([HERE / "templates", REPORT]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["column_of"] = column_of
        files = (REPORT / "style.css", REPORT / "bars.css", HERE / "site.css")
        self._style = "".join(file.read_text(encoding="utf-8") for file in files)
        self._style_hash = csp_hash(self._style)

    def page(
        self,
        template: str,
        path: str,
        *,
        title: str,
        remark: str,
        scripts: tuple[str, ...] = (),
        data: dict[str, Any] | None = None,
        **values: Any,
    ) -> str:
        """The text of a page.

        Parameters
        ----------
        path : of the page in the site, which its links start from. scripts : files of `scripts/`.
        data : identifier of an element -> what the scripts read there.
        """
        script = "".join((HERE / "scripts" / name).read_text(encoding="utf-8") for name in scripts)
        return self._templates.get_template(f"{template}.html.j2").render(
            site=self._site,
            root="../" * path.count("/"),
            title=title,
            remark=remark,
            style=self._style,
            style_hash=self._style_hash,
            script=script,
            script_hash=csp_hash(script),
            data={name: as_json(value) for name, value in (data or {}).items()},
            **values,
        )
