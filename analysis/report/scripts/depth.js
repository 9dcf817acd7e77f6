// Alignment over the depth of layers: a panel a region, a line a network, and the mean of each group with its band.
function startDepth() {
  const figure = document.querySelector("figure[data-chart=depth]");
  const hasLayers = (data.networks ?? []).some(({ curves, depths }) => curves.length > 0 && depths.some((depth) => depth !== null));
  if (!figure || !hasLayers) return;
  const box = figure.querySelector(".chart");
  const panels = document.createElement("div");
  panels.className = "panels";
  box.append(panels);
  let places = [];

  function shownRegions() {
    const wanted = data.regions.findIndex(({ name }) => name === selection.region);
    return wanted < 0 ? data.shown : [wanted];
  }

  function pointsOf(network, region) {
    const best = network.best[region];
    return (network.curves[region] ?? []).flatMap((rho, index) => {
      const depth = network.depths[index];
      if (rho === null || depth === null) return [];
      const layer = network.layers[index];
      return [{ network, region, rho, depth, layer, best: best && best[4] === layer ? best : null }];
    });
  }

  function panel(region, width, points, limits) {
    const { lower, upper, reliable } = data.regions[region];
    const here = points.filter((point) => point.region === region);
    const named = here.filter(({ network }) => selection.networks.has(network.name));
    const bands = (data.bands[selection.grouping] ?? []).filter(([group, of]) =>
      of === region && selection.networks.size === 0
      && (!selection.group || data.groupings[selection.grouping].groups[group].name === selection.group));
    const groups = data.groupings[selection.grouping]?.groups.length ?? 0;
    const band = { x: ([, , depth]) => depth, z: ([group]) => group };
    const colour = ([group]) => `var(--g-${selection.grouping}-${group})`;
    const chart = drawn({
      width,
      height: Math.max(190, Math.min(320, width * 0.62)),
      marginLeft: 44,
      marginTop: 26,
      marginBottom: 36,
      x: { domain: [0, 1], label: "depth of the layer: 0 first, 1 last", labelArrow: "none", labelAnchor: "center", ticks: 5 },
      y: { domain: limits, label: null, grid: true, ticks: 5 },
      marks: [
        lower === null || upper === null || reliable === false ? null : Plot.rect([0], { x1: 0, x2: 1, y1: lower, y2: upper, fill: "currentColor", fillOpacity: 0.09 }),
        lower === null ? null : Plot.ruleY([lower], { strokeOpacity: 0.7, strokeDasharray: reliable === false ? "2 3" : null }),
        Plot.ruleY([0], { strokeOpacity: 0.5 }),
        Plot.line(here.filter(({ network }) => !selection.networks.has(network.name)), {
          x: "depth", y: "rho", z: ({ network }) => network.name, stroke: ({ network }) => colourOf(network), strokeWidth: 1,
          strokeOpacity: data.networks.length > 30 ? 0.16 : 0.35,
        }),
        // The bands of many groups hide one another: those of one group are shown on demand.
        Plot.areaY(groups > 3 && !selection.group ? [] : bands.filter(([, , , , low]) => low !== null), { ...band, y1: ([, , , , low]) => low, y2: ([, , , , , high]) => high, fill: colour, fillOpacity: 0.2 }),
        Plot.line(bands, { ...band, y: ([, , , mean]) => mean, stroke: colour, strokeWidth: 2.5 }),
        Plot.line(named, { x: "depth", y: "rho", z: ({ network }) => network.name, stroke: ({ network }) => colourOf(network), strokeWidth: 2.5 }),
        Plot.dot(named, { x: "depth", y: "rho", fill: ({ network }) => colourOf(network), r: ({ best }) => (best ? 5 : 2.5) }),
        Plot.text([data.regions[region].name], { frameAnchor: "top-left", dy: -20, dx: -30, fontSize: 13, fontWeight: "bold" }),
      ],
    });
    chart.setAttribute("aria-hidden", "true");
    return chart;
  }

  function draw(width) {
    explored.forget();
    const shown = shownRegions();
    const abreast = shown.length === 1 ? 1 : Math.max(1, Math.min(shown.length, Math.floor(width / 290)));
    const wide = Math.floor((width - 12 * (abreast - 1)) / abreast);
    const points = shown.flatMap((region) =>
      data.networks.filter(({ name }) => fitsNetwork(name)).flatMap((network) => pointsOf(network, region)));
    const all = [0, ...points.map(({ rho }) => rho), ...shown.flatMap((region) => {
      const { lower, upper, reliable } = data.regions[region];
      return reliable === false ? [] : [lower, upper].filter((bound) => bound !== null);
    })];
    const limits = d3.nice(Math.min(...all), Math.max(...all) || 0.01, 5);
    panels.style.gridTemplateColumns = `repeat(${abreast}, ${wide}px)`;
    const made = shown.map((region) => panel(region, wide, points, limits));
    panels.replaceChildren(...made);
    const origin = box.getBoundingClientRect();
    places = made.flatMap((chart, place) => {
      const [x, y] = [chart.scale("x"), chart.scale("y")];
      const { left, top } = chart.getBoundingClientRect();
      return points.filter(({ region }) => region === shown[place]).map((point) => ({
        ...point, x: left - origin.left + x.apply(point.depth), y: top - origin.top + y.apply(point.rho),
      }));
    });
  }

  function move(from, direction) {
    const here = places.filter(({ region }) => region === from.region);
    if (direction === "Left" || direction === "Right") {
      return neighbour(here.filter(({ network }) => network === from.network), ({ depth }) => depth, from.depth, direction === "Right" ? 1 : -1);
    }
    // Up and down lead to the networks that score next to this one at about the same depth, then to the next region.
    const closest = new Map();
    for (const point of here) {
      const held = closest.get(point.network);
      if (!held || Math.abs(point.depth - from.depth) < Math.abs(held.depth - from.depth)) closest.set(point.network, point);
    }
    const next = neighbour([...closest.values()].filter(({ network }) => network !== from.network), ({ rho }) => rho, from.rho, direction === "Up" ? 1 : -1);
    if (next) return next;
    const regions = shownRegions();
    const other = regions[regions.indexOf(from.region) + (direction === "Up" ? -1 : 1)];
    return places.find(({ region }) => region === other);
  }

  function highlight(name) {
    const found = places.filter(({ network }) => network.name === name);
    for (const line of panels.querySelectorAll(".peeked-line")) line.remove();
    if (!found.length) return;
    const charts = [...panels.children];
    const origin = box.getBoundingClientRect();
    d3.groups(found, ({ region }) => region).forEach(([region, points]) => {
      const chart = charts[shownRegions().indexOf(region)];
      const { left, top } = chart.getBoundingClientRect();
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      line.setAttribute("class", "peeked-line");
      line.setAttribute("d", d3.line(({ x }) => x - left + origin.left, ({ y }) => y - top + origin.top)(points));
      chart.append(line);
    });
  }

  const explored = explorable(box, {
    points: () => places, move, highlight, name: `${data.score} of every layer of every network over depth.`,
  });
  legend(figure.querySelector(".legend"));
  figure.classList.add("interactive");
  redrawn(box, draw);
}
