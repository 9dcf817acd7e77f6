// Two networks side by side, named by the link: compare.html?a=NETWORK&b=NETWORK&board=RESULTS
"use strict";
(() => {
  const { MISSING, SVG, at, bar, decimal, element, scaleOf, shape } = cells;
  const names = new Map(Object.entries(JSON.parse(document.getElementById("names").textContent)));
  const form = document.getElementById("choice");
  const said = document.getElementById("said");
  const place = document.getElementById("compared");
  const { a: first, b: second, board: results } = form.elements;
  const WIDTH = 132;
  const HEIGHT = 44;
  const read = new Map();

  for (const select of [first, second]) {
    select.append(element("option", "choose a network", { value: "" }));
    for (const [slug, name] of names) select.append(element("option", name, { value: slug }));
  }

  // Each board is parsed when it is first shown.
  function boardOf(option) {
    const id = option.dataset.at;
    if (!read.has(id)) {
      const board = JSON.parse(document.getElementById(id).textContent);
      board.networks = new Map(Object.entries(board.networks));
      board.scores = [...board.networks.values()].flatMap((network) => network[2].filter(Boolean));
      board.scale = scaleOf(board);
      read.set(id, board);
    }
    return read.get(id);
  }

  function line(svg, depths, scores, best, scale, kind) {
    const x = (depth) => at(depth, { low: 0, high: 1 }, WIDTH);
    const y = (score) => HEIGHT - at(score, scale, HEIGHT);
    const points = depths.map((depth, layer) => `${x(depth / 1000)},${y(scores[layer] / 1000)}`);
    shape(svg, "polyline", { class: `l ${kind}`, points: points.join(" ") });
    const layer = best === null ? -1 : depths.findIndex((depth) => Math.abs(depth / 1000 - best) < 0.0006);
    if (layer >= 0) {
      shape(svg, "circle", { class: `d ${kind}`, cx: x(best), cy: y(scores[layer] / 1000), r: 2.4 });
    }
  }

  function profiles(board, region, rows, networks) {
    const values = rows.flatMap((row) => (row ? row[5].map((score) => score / 1000) : []));
    const low = Math.min(0, ...values);
    const scale = { low, high: Math.max(low + 0.001, region[2] ?? 0, ...values) };
    const svg = document.createElementNS(SVG, "svg");
    for (const [key, value] of [["class", "spark wide"], ["viewBox", `0 0 ${WIDTH} ${HEIGHT}`], ["role", "img"]]) {
      svg.setAttribute(key, value);
    }
    shape(svg, "title", {}).textContent = rows
      .map((row, number) => (row && row[5].length
        ? `${networks[number][0]}: ${board.score} ${decimal(row[5][0] / 1000)} in its first layer, `
          + `${decimal(row[5].at(-1) / 1000)} in its last`
        : `${networks[number][0]}: unknown`))
      .join("; ");
    const y = (score) => HEIGHT - at(score, scale, HEIGHT);
    shape(svg, "path", { class: "o", d: `M3 ${y(0)}h${WIDTH - 6}` });
    if (region[2] !== null) {
      shape(svg, "path", { class: region[4] ? "c w" : "c", d: `M3 ${y(region[2])}h${WIDTH - 6}` });
    }
    rows.forEach((row, number) => {
      if (row && row[5].length) line(svg, row[6] ?? networks[number][1], row[5], row[4], scale, "AB"[number]);
    });
    return svg;
  }

  function tableOf(board, networks) {
    const table = element("table", null, { class: "compared" });
    const caption = element("caption", null);
    const title = element("span", `${networks[0][0]} and ${networks[1][0]}: ${board.name}`);
    const remark = [...new Set(networks.map((network) => network[3]))].filter(Boolean).join("; ");
    if (remark) title.append(" ", element("strong", remark, { class: "remark" }));
    caption.append(title);
    const head = document.createElement("tr");
    const ofBest = "of the best layer, mean over subjects";
    const heads = [
      ["region", "The region of the brain."],
      ["region group", "The group that the region belongs to."],
      ["score", "Scores with their intervals and the noise ceiling."],
      [`${board.score}, A`, `${board.score} ${ofBest}.`, "n"],
      [`${board.score}, B`, `${board.score} ${ofBest}.`, "n"],
      ["A minus B", "Difference of the two scores, without a test.", "n"],
      ["over depth", "Scores of all layers, from the first to the last."],
      ["best layer, A", "The layer with the highest score."],
      ["best layer, B", "The layer with the highest score."],
      ["depth, A", "Relative depth of the best layer: 0 is the first layer, 1 the last.", "n"],
      ["depth, B", "Relative depth of the best layer: 0 is the first layer, 1 the last.", "n"],
    ];
    for (const [text, title, kind] of heads) {
      head.append(element("th", text, { scope: "col", title, ...(kind && { class: kind }) }));
    }
    const body = document.createElement("tbody");
    board.regions.forEach((region, number) => {
      const rows = networks.map((network) => network[2][number]);
      const [a, b] = rows;
      const made = document.createElement("tr");
      const bars = document.createElement("td");
      rows.forEach((row, at_) => {
        const pair = element("div", null, { class: `pair ${"AB"[at_]}` });
        pair.append(element("span", "AB"[at_], { class: "letter" }), row ? bar(board, region, row, board.scale) : MISSING);
        bars.append(pair);
      });
      const curves = document.createElement("td");
      curves.append(profiles(board, region, rows, networks));
      const value = (text) => element("td", text, { class: "n" });
      made.append(
        element("th", region[0], { scope: "row" }),
        element("td", region[1]),
        bars,
        value(a ? decimal(a[0]) : MISSING),
        value(b ? decimal(b[0]) : MISSING),
        value(a && b ? decimal(a[0] - b[0]) : MISSING),
        curves,
        element("td", a ? a[3] : MISSING),
        element("td", b ? b[3] : MISSING),
        value(a && a[4] !== null ? a[4].toFixed(2) : MISSING),
        value(b && b[4] !== null ? b[4].toFixed(2) : MISSING),
      );
      body.append(made);
    });
    const top = document.createElement("thead");
    top.append(head);
    table.append(caption, top, body);
    const frame = element("div", null, { class: "table", role: "region", tabindex: "0", "aria-label": "Comparison" });
    frame.append(table);
    return frame;
  }

  function legend(slugs) {
    const list = element("p", null, { class: "legend" });
    slugs.forEach((slug, number) => {
      const item = element("span", null, { class: "AB"[number] });
      item.append(element("span", "AB"[number], { class: "letter" }), " ",
        element("a", names.get(slug), { href: `networks/${slug}.html` }));
      list.append(item, " ");
    });
    return list;
  }

  function counted(board, networks) {
    const both = board.regions.map((_, number) => networks.map((network) => network[2][number]))
      .filter(([a, b]) => a && b);
    const higher = both.filter(([a, b]) => a[0] > b[0]).length;
    const lower = both.filter(([a, b]) => a[0] < b[0]).length;
    const regions = `${both.length} region${both.length === 1 ? "" : "s"}`;
    return `Of ${regions} in which both have a score, A scores higher in ${higher} and B in ${lower}.`;
  }

  function show() {
    const option = results.selectedOptions[0];
    const board = boardOf(option);
    const slugs = [first.value, second.value];
    place.replaceChildren();
    place.hidden = true;
    if (slugs.includes("")) {
      said.textContent = "Choose two networks.";
      return;
    }
    const networks = slugs.map((slug) => board.networks.get(slug));
    const lacking = slugs.filter((slug) => !board.networks.has(slug));
    if (lacking.length > 0) {
      said.textContent = `No score of ${[...new Set(lacking)].map((slug) => names.get(slug)).join(" and ")} `
        + `in ${board.name}. Choose other results.`;
      return;
    }
    said.textContent = counted(board, networks);
    place.append(legend(slugs), tableOf(board, networks));
    place.hidden = false;
  }

  function link() {
    const query = new URLSearchParams();
    for (const select of [first, second, results]) if (select.value) query.set(select.name, select.value);
    try {
      history.replaceState(null, "", `?${query}`);
    } catch {
      // Some browsers do not let a page opened from disk change its address.
      location.search = query.toString();
    }
    show();
  }

  // The link may be from anywhere: what it names may not exist.
  function fromLink() {
    const query = new URLSearchParams(location.search);
    const unknown = [];
    for (const select of [first, second, results]) {
      const asked = query.get(select.name);
      if (asked === null) continue;
      if ([...select.options].some((option) => option.value === asked)) select.value = asked;
      else unknown.push(asked);
    }
    if (!query.has("board") && first.value && second.value) {
      const fits = [...results.options].find((option) =>
        [first.value, second.value].every((slug) => boardOf(option).networks.has(slug)));
      if (fits) fits.selected = true;
    }
    show();
    if (unknown.length > 0) said.textContent = `Not on this site: ${unknown.join(", ")}. ${said.textContent}`;
  }

  for (const select of [first, second, results]) select.addEventListener("change", link);
  form.elements.swap.addEventListener("click", () => {
    [first.value, second.value] = [second.value, first.value];
    link();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  document.getElementById("needs").hidden = true;
  fromLink();
})();
