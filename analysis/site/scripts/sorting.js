// Sorting and searching of the tables marked "sortable", whose rows are all in the page.
"use strict";
(() => {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const MISSING = "–";

  function live(table) {
    const form = table.closest("section")?.querySelector("form");
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const rows = [...body.rows];
    if (rows.length < 2) return;

    // "< 0.001" and "12 %" are numbers too.
    const number = (text) => Number(text.replace(/[,%*†]/g, "").replace(/^[<≈]\s*/, "")) - (text.startsWith("<") ? 1e-12 : 0);

    function sort(column, direction) {
      const isNumeric = heads[column].classList.contains("n");
      const sign = direction === "ascending" ? 1 : -1;
      const keyed = [...body.rows].map((row) => {
        const text = row.cells[column].textContent.trim();
        return { row, missing: text === MISSING || text === "", key: isNumeric ? number(text) : text };
      });
      keyed.sort((a, b) =>
        a.missing || b.missing
          ? a.missing - b.missing
          : sign * (isNumeric ? a.key - b.key : collator.compare(a.key, b.key)));
      body.append(...keyed.map((each) => each.row));
      for (const head of heads) head.removeAttribute("aria-sort");
      heads[column].setAttribute("aria-sort", direction);
    }

    heads.forEach((head, column) => {
      if (head.hasAttribute("data-fixed")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const begins = head.hasAttribute("data-descends") ? "descending" : "ascending";
        const other = now === "ascending" ? "descending" : "ascending";
        sort(column, now ? other : begins);
      });
      head.append(button);
    });
    if (!form) return;
    const status = form.querySelector(".status");
    const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const filter = () => {
      const words = form.elements.find.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        row.hidden = !words.every((word) => texts.get(row).includes(word));
        shown += !row.hidden;
      }
      const all = rows.length.toLocaleString("en");
      status.textContent = shown === rows.length ? `${all} rows` : `${shown.toLocaleString("en")} of ${all} rows`;
    };
    let waiting = 0;
    form.elements.find.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 80);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    filter();
  }

  document.querySelectorAll("table.sortable").forEach(live);
})();
