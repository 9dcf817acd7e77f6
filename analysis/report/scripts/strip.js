// Every network in every region by its best layer: a row a region, a point a network, groups beside one another.
function startStrip() {
  const figure = document.querySelector("figure[data-chart=strip]");
  if (!figure || !data.networks) return;
  const box = figure.querySelector(".chart");
  const plot = document.createElement("div");
  box.append(plot);
  let all = []; // points with their places in pixels
  let places = []; // those that fit the selection

  function shownRegions() {
    return data.regions.map((_, index) => index)
      .filter((index) => !selection.region || data.regions[index].name === selection.region);
  }

  function draw(width) {
    explored.forget();
    const shown = shownRegions();
    const groups = Math.max(1, data.groupings[selection.grouping]?.groups.length ?? 1);
    const alone = shown.length === 1;
    const row = alone ? Math.max(120, 26 * groups) : Math.max(18, Math.min(60, Math.floor(380 / shown.length)));
    const points = shown.flatMap((region, place) => data.networks.flatMap((network) => {
      const best = network.best[region];
      if (best === null) return [];
      const group = network.groups[selection.grouping] ?? 0;
      return [{
        network, region, best, rho: best[0], layer: best[4], depth: best[5],
        at: place + ((group + 0.5) / groups - 0.5) * 0.76,
        fits: fitsNetwork(network.name),
      }];
    }));
    const selected = points.filter((point) => selection.networks.has(point.network.name));
    const ceilings = shown.map((region, place) => ({ place, ...data.regions[region] }))
      .filter(({ lower, upper }) => lower !== null && upper !== null);
    const [top, bottom] = [({ place }) => place - 0.44, ({ place }) => place + 0.44];
    const bound = { x1: "lower", x2: "lower", y1: top, y2: bottom, strokeWidth: 1.5 };
    const chart = drawn({
      width,
      height: shown.length * row + 48,
      marginLeft: Math.min(110, 14 + 7 * Math.max(...shown.map((region) => data.regions[region].name.length))),
      marginRight: 12,
      marginTop: 6,
      marginBottom: 36,
      x: { label: data.score, nice: true, ticks: Math.max(3, Math.round(width / 110)), grid: true, labelArrow: "none", labelAnchor: "center" },
      y: { domain: [shown.length - 0.5, -0.5], axis: null },
      marks: [
        Plot.axisY(shown.map((_, place) => place), {
          anchor: "left", label: null, tickSize: 0, fontSize: 12, tickFormat: (place) => data.regions[shown[place]].name,
        }),
        Plot.ruleY(shown.slice(1).map((_, place) => place + 0.5), { strokeOpacity: 0.12 }),
        Plot.rect(ceilings.filter(({ reliable }) => reliable !== false), {
          x1: "lower", x2: "upper", y1: top, y2: bottom,
          fill: "currentColor", fillOpacity: 0.09,
        }),
        Plot.link(ceilings.filter(({ reliable }) => reliable !== false), { ...bound, strokeOpacity: 0.7 }),
        Plot.link(ceilings.filter(({ reliable }) => reliable === false), { ...bound, strokeOpacity: 0.7, strokeDasharray: "2 3" }),
        Plot.ruleX([0], { strokeOpacity: 0.5 }),
        Plot.line(selected, { x: "rho", y: "at", z: ({ network }) => network.name, stroke: "currentColor", strokeOpacity: 0.35 }),
        Plot.link(alone ? points.filter(({ best, fits }) => fits && best[1] !== null) : selected.filter(({ best }) => best[1] !== null), {
          x1: ({ best }) => best[1], x2: ({ best }) => best[2], y1: "at", y2: "at",
          stroke: ({ network }) => colourOf(network), strokeOpacity: 0.5, strokeWidth: alone && !selected.length ? 1 : 2,
        }),
        Plot.dot(points.filter(({ fits }) => !fits), { x: "rho", y: "at", r: 2, fill: "currentColor", fillOpacity: 0.15 }),
        Plot.dot(points.filter(({ fits }) => fits), {
          x: "rho", y: "at", r: alone ? 4 : groups > 3 ? 2.5 : 3, fill: ({ network }) => colourOf(network), fillOpacity: 0.85,
          symbol: ({ network }) => SYMBOLS[markerOf(network)], rotate: ({ network }) => ANGLES[markerOf(network)] ?? 0,
          stroke: ({ network }) => (selection.networks.has(network.name) ? "currentColor" : "none"),
        }),
      ],
    });
    chart.setAttribute("aria-hidden", "true");
    plot.replaceChildren(chart);
    const [x, y] = [chart.scale("x"), chart.scale("y")];
    all = points.map((point) => ({ ...point, x: x.apply(point.rho), y: y.apply(point.at) }));
    places = all.filter(({ fits }) => fits).sort((a, b) => a.y - b.y || b.rho - a.rho);
  }

  function move(from, direction) {
    if (direction === "Left" || direction === "Right") {
      const row = places.filter(({ region }) => region === from.region).sort((a, b) => a.rho - b.rho);
      return row[row.indexOf(row.find(({ network }) => network === from.network)) + (direction === "Right" ? 1 : -1)];
    }
    return neighbour(
      places.filter(({ network }) => network === from.network), ({ region }) => region, from.region,
      direction === "Down" ? 1 : -1);
  }

  let marks = [];
  function highlight(name) {
    for (const mark of marks) mark.remove();
    marks = all.filter(({ network }) => network.name === name).map(({ x, y }) => {
      const mark = document.createElement("div");
      mark.className = "peeked";
      mark.style.left = `${x}px`;
      mark.style.top = `${y}px`;
      return mark;
    });
    box.append(...marks);
  }

  const explored = explorable(box, {
    points: () => places, move, highlight, name: `${data.score} of the best layer of every network in every region.`,
  });
  legend(figure.querySelector(".legend"));
  figure.classList.add("interactive");
  redrawn(box, draw);
}
