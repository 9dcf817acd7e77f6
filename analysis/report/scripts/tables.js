// Sorting and filtering of the tables marked "live". Without it the page shows all rows in their first order.
function startTables() {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const MISSING = "–";

  function live(block) {
    const table = block.querySelector("table");
    const form = block.querySelector("form");
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const first = [...body.rows];
    let rows = first;
    const foot = table.tFoot ? [...table.tFoot.rows] : [];
    const status = form.querySelector(".status");
    const find = form.elements.find;
    const choices = [...form.querySelectorAll("select[data-column]")];
    const sets = form.querySelector("select[data-sets]");
    const texts = new Map();

    const keyOf = (cell) => cell.dataset.v ?? cell.textContent;
    const textOf = (row) => {
      if (!texts.has(row)) texts.set(row, [...row.cells].map((cell) => cell.textContent).join("\n").toLowerCase());
      return texts.get(row);
    };

    function sort(column, direction) {
      const numeric = heads[column].classList.contains("n");
      const sign = direction === "ascending" ? 1 : -1;
      const keyed = rows.map((row) => {
        const key = keyOf(row.cells[column]);
        const missing = key === MISSING || key === "";
        return { row, missing, key: numeric ? Number(key.replace(/[*,]/g, "")) : key };
      });
      // What is missing comes last either way; equal rows keep their order.
      keyed.sort((a, b) =>
        a.missing || b.missing
          ? a.missing - b.missing
          : sign * (numeric ? a.key - b.key : collator.compare(a.key, b.key)));
      rows = keyed.map((each) => each.row);
      body.append(...rows);
      for (const head of heads) head.removeAttribute("aria-sort");
      heads[column].setAttribute("aria-sort", direction);
    }

    function next(column) {
      const now = heads[column].getAttribute("aria-sort");
      if (now) return now === "ascending" ? "descending" : "ascending";
      return heads[column].hasAttribute("data-descends") ? "descending" : "ascending";
    }

    function filter() {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = choices
        .filter((choice) => choice.value !== "")
        .map((choice) => [Number(choice.dataset.column), choice.value]);
      let shown = 0;
      for (const row of rows) {
        const fits = fitsRow(row)
          && wanted.every(([column, value]) => row.cells[column].textContent === value)
          && (words.length === 0 || words.every((word) => textOf(row).includes(word)));
        row.hidden = !fits;
        shown += fits;
      }
      for (const row of foot) {
        row.hidden = !wanted.every(([column, value]) => ["", value].includes(row.cells[column].textContent));
      }
      tell(shown);
    }

    function tell(shown) {
      const sorted = heads.find((head) => head.hasAttribute("aria-sort"));
      const order = sorted ? `, by ${sorted.textContent}, ${sorted.getAttribute("aria-sort")}` : "";
      const total = rows.length.toLocaleString("en");
      status.textContent = shown === 0
        ? `no row fits; ${total} in all`
        : `${shown === rows.length ? total : `${shown.toLocaleString("en")} of ${total}`} rows${order}`;
    }

    function chooseSet() {
      const isShown = heads.map((head) => !head.dataset.sets || head.dataset.sets.split("|").includes(sets.value));
      for (const row of [table.tHead.rows[0], ...rows, ...foot]) {
        isShown.forEach((shown, column) => {
          if (row.cells[column].hidden === shown) row.cells[column].hidden = !shown;
        });
      }
      const sorted = heads.findIndex((head) => head.hasAttribute("aria-sort"));
      if (sorted >= 0 && !isShown[sorted]) {
        sort(isShown.findIndex((shown, column) => shown && heads[column].classList.contains("n")), "ascending");
      }
    }

    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => {
        sort(column, next(column));
        filter();
      });
      head.append(button);
    });
    const atFirst = heads.find((head) => head.hasAttribute("aria-sort"));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => {
      rows = first;
      body.append(...rows);
      for (const head of heads) head.removeAttribute("aria-sort");
      if (atFirst) atFirst.setAttribute("aria-sort", "ascending");
      if (sets) chooseSet();
      filter();
    }));
    let waiting = 0;
    find.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 80);
    });
    for (const choice of choices) choice.addEventListener("change", filter);
    if (sets) sets.addEventListener("change", () => {
      chooseSet();
      filter();
    });
    form.hidden = false;
    follow(filter);
    filter();
  }

  // Tables without a form have few rows; they follow the selection alone.
  function plain(block) {
    const rows = [...block.querySelectorAll("tbody tr")].filter(({ dataset }) => dataset.network || dataset.region || dataset.groups);
    if (rows.length > 1) follow(() => rows.forEach((row) => {
      row.hidden = !fitsRow(row);
    }));
  }

  for (const block of document.querySelectorAll(".block")) {
    if (block.querySelector("form.filters")) live(block);
    else plain(block);
  }
}
