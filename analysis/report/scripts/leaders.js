// The leaderboard of the first screen: ten networks until all are asked for; one region, if one is selected.
function startLeaders() {
  const block = document.getElementById("leaders");
  if (!block || !data.networks) return;
  const table = block.querySelector("table");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const most = Number(block.dataset.most);
  const all = block.querySelector("button.all");
  const note = block.querySelector(".order");
  const said = note.textContent;
  let isWhole = false;

  for (const row of rows) {
    const pick = document.createElement("button");
    pick.type = "button";
    pick.className = "pick";
    pick.textContent = row.cells[0].textContent;
    pick.setAttribute("aria-label", `Select ${row.dataset.network}`);
    pick.addEventListener("click", () => toggleNetwork(row.dataset.network));
    row.cells[0].replaceChildren(pick);
    for (const event of ["pointerenter", "focusin"]) row.addEventListener(event, () => peek(row.dataset.network));
    for (const event of ["pointerleave", "focusout"]) row.addEventListener(event, () => peek(null));
  }
  const places = new Map(rows.map((row) => [row, row.cells[0].textContent]));

  function score(row, region) {
    return networkOf.get(row.dataset.network)?.best[region]?.[0] ?? -Infinity;
  }

  // The bar of a region that has no column here is a copy of the one in the network's own part.
  function scored(row, region) {
    const network = networkOf.get(row.dataset.network);
    const best = network?.best[region];
    if (!best) return "–";
    const rows = [...(document.getElementById(network.anchor)?.querySelectorAll("tr[data-region]") ?? [])];
    const bar = rows.find((each) => each.dataset.region === data.regions[region].name)?.querySelector("svg.bar");
    const box = document.createElement("span");
    box.className = "scored";
    box.append(...(bar ? [bar.cloneNode(true)] : []), three(best[0]));
    return box;
  }

  function columns(region) {
    for (const row of table.rows) {
      for (const cell of row.cells) {
        if (cell.dataset.region !== undefined) cell.hidden = Boolean(region);
        if (cell.classList.contains("chosen")) cell.hidden = !region;
        if (cell.classList.contains("mean")) cell.hidden = Boolean(region);
      }
    }
    table.querySelector("th.chosen").textContent = region;
  }

  function draw() {
    const region = data.regions.findIndex(({ name }) => name === selection.region);
    columns(selection.region);
    const ordered = region < 0 ? rows : [...rows].sort((a, b) => score(b, region) - score(a, region));
    const fitting = ordered.filter(({ dataset }) => isInGroup(dataset.network));
    const shown = new Set(isWhole ? fitting : fitting.slice(0, most));
    for (const row of fitting) if (selection.networks.has(row.dataset.network)) shown.add(row);
    ordered.forEach((row, index) => {
      row.hidden = !shown.has(row);
      const pick = row.cells[0].firstChild;
      const isPicked = selection.networks.has(row.dataset.network);
      pick.setAttribute("aria-pressed", String(isPicked));
      row.classList.toggle("picked", isPicked);
      pick.textContent = region < 0 ? places.get(row) : score(row, region) === -Infinity ? "–" : index + 1;
      const cell = row.querySelector(".chosen");
      if (!row.hidden) cell.replaceChildren(region < 0 ? "" : scored(row, region));
    });
    body.append(...ordered);
    note.textContent = region < 0 ? said : `By the score in ${selection.region}.`;
    all.hidden = fitting.length <= most;
    all.textContent = isWhole ? `Show the first ${most}` : `Show all ${fitting.length.toLocaleString("en")}`;
    all.setAttribute("aria-expanded", String(isWhole));
  }

  all.addEventListener("click", () => {
    isWhole = !isWhole;
    draw();
  });
  follow(draw);
  draw();
}
