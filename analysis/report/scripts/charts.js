// What the interactive charts share: their points answer to the pointer and to the keyboard.
const REACH = 24; // pixels from the pointer to a point
// Markers of the figures -> filled symbols of D3, and the angles by which they are turned.
const SYMBOLS = { o: "circle", "^": "triangle", s: "square", D: "diamond2", v: "triangle", P: "cross", X: "cross", "*": "star" };
const ANGLES = { v: 180, X: 45 };
const charts = [];

function three(value) {
  return value === null || value === undefined ? "–" : value.toFixed(3);
}

function markerOf(network) {
  return data.groupings[selection.grouping]?.groups[network.groups[selection.grouping]]?.marker ?? "o";
}

// The text of a point: lines of [heading, value].
function described(point) {
  const { network, region, rho, layer, depth, best } = point;
  const lines = [["region", data.regions[region].name], [data.short, three(rho)]];
  if (best) {
    const [, lower, upper, p] = best;
    if (lower !== null && upper !== null) lines.push(["interval", `${three(lower)} to ${three(upper)}`]);
    if (p !== null) lines.push(["p", p]);
  }
  if (layer) lines.push(["layer", depth === null ? layer : `${layer} (depth ${depth.toFixed(2)})`]);
  const group = groupOf(network);
  if (group) lines.push([data.groupings[selection.grouping].name, group]);
  return lines;
}

function peek(name) {
  for (const chart of charts) chart.highlight(name);
  for (const row of document.querySelectorAll("tr.peek")) row.classList.remove("peek");
  if (name === null) return;
  for (const row of document.querySelectorAll("#leaders tr[data-network]")) {
    if (row.dataset.network === name) row.classList.add("peek");
  }
}

// Makes `box` a chart that is explored point by point. `points` gives all points with their places in pixels;
// `move` gives the point that an arrow key leads to.
function explorable(box, { points, move, highlight, name }) {
  box.tabIndex = 0;
  box.setAttribute("role", "application");
  box.setAttribute("aria-roledescription", "interactive chart");
  box.setAttribute("aria-label", `${name} Arrow keys move between networks and regions, Enter selects a network.`);
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  const said = document.createElement("div");
  said.className = "unseen";
  said.setAttribute("aria-live", "polite");
  const ring = document.createElement("div");
  ring.className = "ring";
  ring.hidden = true;
  box.append(tip, ring, said);
  let now = null;

  function show(point) {
    now = point;
    tip.hidden = ring.hidden = point === null;
    if (point === null) {
      peek(null);
      return;
    }
    const title = document.createElement("strong");
    title.textContent = point.network.name;
    const lines = described(point);
    tip.replaceChildren(title, ...lines.map(([heading, value]) => {
      const line = document.createElement("span");
      line.textContent = `${heading} ${value}`;
      return line;
    }));
    ring.style.left = `${point.x}px`;
    ring.style.top = `${point.y}px`;
    const { offsetWidth: wide, offsetHeight: high } = tip;
    const left = point.x + 14 + wide > box.clientWidth ? point.x - 14 - wide : point.x + 14;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${Math.max(0, Math.min(point.y - high / 2, box.clientHeight - high))}px`;
    peek(point.network.name);
  }

  function nearest(x, y, reach) {
    let found = null;
    let least = reach * reach;
    for (const point of points()) {
      const distance = (point.x - x) ** 2 + (point.y - y) ** 2;
      if (distance <= least) [found, least] = [point, distance];
    }
    return found;
  }

  function under(event) {
    const { left, top } = box.getBoundingClientRect();
    return nearest(event.clientX - left, event.clientY - top, REACH);
  }

  box.addEventListener("pointermove", (event) => {
    const point = under(event);
    if (point !== now) show(point);
  });
  box.addEventListener("pointerleave", () => show(null));
  box.addEventListener("click", (event) => {
    const point = under(event);
    if (point) toggleNetwork(point.network.name);
  });
  box.addEventListener("blur", () => show(null));
  box.addEventListener("keydown", (event) => {
    if (event.key.startsWith("Arrow")) {
      const point = now ? move(now, event.key.slice(5)) : points()[0];
      if (point) {
        show(point);
        said.textContent = [point.network.name, ...described(point).map((line) => line.join(" "))].join(", ");
      }
    } else if ((event.key === "Enter" || event.key === " ") && now) {
      const { network: { name: chosen }, region, layer } = now;
      toggleNetwork(chosen);
      // The selection draws the chart anew; the keyboard stays at the same point.
      const same = points().find((point) => point.network.name === chosen && point.region === region && point.layer === layer);
      if (same) show(same);
      said.textContent = `${chosen} ${selection.networks.has(chosen) ? "selected" : "not selected"}`;
    } else if (event.key === "Escape") {
      show(null);
    } else {
      return;
    }
    event.preventDefault();
  });
  charts.push({ highlight });
  return { forget: () => show(null) };
}

// The neighbour in one direction: the next of `candidates` by `place`, or none.
function neighbour(candidates, place, from, sign) {
  let found = null;
  for (const each of candidates) {
    const step = sign * (place(each) - from);
    if (step > 0 && (found === null || step < sign * (place(found) - from))) found = each;
  }
  return found;
}

// Observable Plot adds its style sheet to each chart; the page has these rules itself, and its policy forbids others.
function drawn(options) {
  const chart = Plot.plot({ className: "plot", ...options });
  for (const style of chart.querySelectorAll("style")) style.remove();
  return chart;
}

// Buttons that name the groups and select one.
function legend(box) {
  const draw = () => {
    const groups = data.groupings[selection.grouping]?.groups ?? [];
    box.replaceChildren(...groups.map((group, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(selection.group === group.name));
      const swatch = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      swatch.setAttribute("viewBox", "-8 -8 16 16");
      swatch.setAttribute("class", `swatch g-${selection.grouping}-${index}`);
      swatch.setAttribute("aria-hidden", "true");
      const mark = document.createElementNS(swatch.namespaceURI, "path");
      const name = SYMBOLS[group.marker];
      mark.setAttribute("d", d3.symbol(d3[`symbol${name[0].toUpperCase()}${name.slice(1)}`], 90)());
      mark.setAttribute("transform", `rotate(${ANGLES[group.marker] ?? 0})`);
      swatch.append(mark);
      const number = data.networks.filter((network) => network.groups[selection.grouping] === index).length;
      button.append(swatch, `${group.name} (${number})`);
      button.addEventListener("click", () => select({ group: selection.group === group.name ? "" : group.name }));
      return button;
    }));
  };
  follow(draw);
  draw();
}

// Draw when the box has a width, and again when that or the selection changes.
function redrawn(box, draw) {
  let width = 0;
  new ResizeObserver(() => {
    const now = Math.floor(box.clientWidth);
    if (now > 0 && now !== width) {
      width = now;
      draw(width);
    }
  }).observe(box);
  follow(() => {
    if (width) draw(width);
  });
}
