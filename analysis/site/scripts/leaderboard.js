// Sorts and searches all networks of a leaderboard. The page itself holds only the first rows.
"use strict";
(() => {
  const ALL = "all regions";
  const { MISSING, bar, decimal, element, scaleOf } = cells;
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const board = JSON.parse(document.getElementById("board").textContent);
  board.scores = board.networks.flatMap((network) => network[7]);
  const scale = scaleOf(board);
  const table = document.querySelector("table.leaderboard");
  // As many rows as the page had before the script ran.
  const FIRST = Number(table.dataset.first);
  const form = document.querySelector("form.filters");
  const status = form.querySelector(".status");
  const heads = [...table.tHead.rows[0].cells];
  const group = form.elements.group;
  const REGIONS = heads.length - board.regions.length;
  let sorted = { column: REGIONS - 1, direction: "ascending" };
  let most = FIRST;

  for (const name of [ALL, ...board.groups]) group.append(element("option", name));
  if (board.groups.length < 2) group.parentElement.hidden = true;

  const rank = (network) =>
    group.value === ALL ? network[5] : network[6][board.groups.indexOf(group.value)];

  // Columns: name, type, architecture, weights, mean rank, then regions.
  function key(network, column) {
    if (column === 0) return network[0];
    if (column < REGIONS - 1) return network[column + 1];
    if (column === REGIONS - 1) return rank(network);
    return network[7][column - REGIONS][0] ?? null;
  }

  function chosen() {
    const words = form.elements.find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (network) => network.slice(0, 5).join("\n").toLowerCase();
    const fitting = board.networks.filter((network) => words.every((word) => text(network).includes(word)));
    const sign = sorted.direction === "ascending" ? 1 : -1;
    const isMissing = (value) => value === null || value === MISSING;
    return fitting
      .map((network) => ({ network, key: key(network, sorted.column) }))
      .sort((a, b) => {
        // What is missing comes last either way; equal rows keep their order.
        const missing = isMissing(a.key) - isMissing(b.key);
        if (missing !== 0 || isMissing(a.key)) return missing;
        return sign * (typeof a.key === "number" ? a.key - b.key : collator.compare(a.key, b.key));
      })
      .map((each) => each.network);
  }

  // A row of a thousand takes longer to draw than to move.
  const drawn = new Map();
  function row(network) {
    if (!drawn.has(network)) drawn.set(network, newRow(network));
    return drawn.get(network);
  }

  function newRow(network) {
    const made = document.createElement("tr");
    const name = element("th", null, { scope: "row" });
    name.append(element("a", network[0], { href: `${table.dataset.root}networks/${network[1]}.html` }));
    made.append(name, ...network.slice(2, 5).map((text) => element("td", text)));
    const place = rank(network);
    made.append(element("td", place === null ? MISSING : place.toFixed(1), { class: "n" }));
    board.regions.forEach((region, number) => {
      if (group.value !== ALL && region[1] !== group.value) return;
      const scores = network[7][number];
      const cell = element("td", scores.length ? null : MISSING, { class: "n" });
      if (scores.length) {
        cell.append(element("span", decimal(scores[0]), { class: "value" }), bar(board, region, scores, scale));
      }
      made.append(cell);
    });
    return made;
  }

  function show() {
    for (const cell of table.querySelectorAll("[data-group]")) {
      cell.hidden = group.value !== ALL && cell.dataset.group !== group.value;
    }
    if (heads[sorted.column].hidden) sorted = { column: REGIONS - 1, direction: "ascending" };
    heads.forEach((head, column) => {
      if (column === sorted.column) head.setAttribute("aria-sort", sorted.direction);
      else head.removeAttribute("aria-sort");
    });
    const networks = chosen();
    const shown = networks.slice(0, most);
    table.tBodies[0].replaceChildren(...shown.map(row));
    tell(networks.length, shown.length);
  }

  const count = (number) => number.toLocaleString("en");

  function tell(fitting, shown) {
    const all = board.networks.length;
    const found = fitting === all ? `${count(all)} networks` : `${count(fitting)} of ${count(all)} networks`;
    const order = `by ${heads[sorted.column].textContent}, ${sorted.direction}`;
    status.textContent = fitting === 0 ? `no network fits; ${count(all)} in all` : `${found}, ${order}`;
    more.hidden = shown === fitting;
    more.textContent = `Show all ${count(fitting)}`;
    first.hidden = shown === fitting;
    first.textContent = `The first ${count(shown)} are shown. `;
  }

  const note = document.querySelector(".more");
  const more = element("button", "", { type: "button" });
  const first = element("span", "");
  if (note.firstChild.nodeType === Node.TEXT_NODE) note.firstChild.remove();
  note.prepend(first, more, " ");
  more.addEventListener("click", () => {
    most = Infinity;
    show();
  });

  heads.forEach((head, column) => {
    const button = element("button", null, { type: "button" });
    button.append(...head.childNodes);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const begins = column >= REGIONS ? "descending" : "ascending";
      const other = now === "ascending" ? "descending" : "ascending";
      sorted = { column, direction: now ? other : begins };
      show();
    });
    head.append(button);
  });
  let waiting = 0;
  form.elements.find.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 80);
  });
  group.addEventListener("change", () => {
    drawn.clear();
    show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => {
    sorted = { column: REGIONS - 1, direction: "ascending" };
    most = FIRST;
    drawn.clear();
    show();
  }));
  if (form.elements.board) {
    form.elements.board.addEventListener("change", (event) => { location.href = event.target.value; });
    document.getElementById("boards").hidden = true;
  }
  form.hidden = false;
  // The rows are there already.
  tell(board.networks.length, Math.min(FIRST, board.networks.length));
})();
