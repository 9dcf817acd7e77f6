// Numbers as text and scores as bars, as the pages have them before a script runs.
"use strict";
const cells = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const MARGIN = 3;
  const WIDTH = 120;
  const MISSING = "–";

  function element(name, text, attributes = {}) {
    const made = document.createElement(name);
    if (text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function shape(parent, name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  }

  // Three decimals; what would round to zero keeps three digits, written as in the page: 5.84e-05.
  function decimal(value) {
    if (value === 0 || Math.abs(value) >= 0.0005) return (value + 0).toFixed(3);
    if (Math.abs(value) >= 0.0001) return String(Number(value.toPrecision(3)));
    return value.toExponential(2).replace(/\.?0*e/, "e").replace(/e([+-])(\d)$/, "e$10$2");
  }

  // From zero or the lowest score to the highest; upper noise ceilings may go beyond.
  function scaleOf(board) {
    let low = 0;
    let high = 0;
    const include = (value) => {
      if (value === null || value === undefined) return;
      low = Math.min(low, value);
      high = Math.max(high, value);
    };
    for (const region of board.regions) include(region[2]);
    for (const scores of board.scores) scores.slice(0, 3).forEach(include);
    return { low, high: high > low ? high : low + 1 };
  }

  function at(value, scale, length) {
    const share = (Math.min(Math.max(value, scale.low), scale.high) - scale.low) / (scale.high - scale.low);
    return Math.round(10 * (MARGIN + share * (length - 2 * MARGIN))) / 10;
  }

  function label(board, region, [rho, lower, upper]) {
    let text = `${board.score} ${decimal(rho)}`;
    if (lower !== null && upper !== null) {
      const level = board.level === null ? "interval" : `${Number((100 * board.level).toPrecision(3))} % interval`;
      text += `, ${level} ${decimal(lower)} to ${decimal(upper)}`;
    }
    if (region[2] !== null) {
      text += `; lower noise ceiling ${decimal(region[2])}${region[4] ? ", not reliably above chance" : ""}`;
    }
    return text;
  }

  function bar(board, region, scores, scale) {
    const [, , ceiling, upperCeiling, isWeak] = region;
    const [rho, lower, upper] = scores;
    const x = (value) => at(value, scale, WIDTH);
    const svg = document.createElementNS(SVG, "svg");
    for (const [key, value] of [["class", "bar"], ["viewBox", "0 0 120 14"], ["role", "img"]]) {
      svg.setAttribute(key, value);
    }
    shape(svg, "title", {}).textContent = label(board, region, scores);
    if (ceiling !== null && upperCeiling !== null && !isWeak) {
      shape(svg, "path", { class: "b", d: `M${x(ceiling)} 1H${x(upperCeiling)}V13H${x(ceiling)}` });
    }
    shape(svg, "path", { class: "o", d: `M${x(0)} 0v14` });
    if (ceiling !== null) shape(svg, "path", { class: isWeak ? "c w" : "c", d: `M${x(ceiling)} 0v14` });
    if (lower !== null && upper !== null) shape(svg, "path", { class: "i", d: `M${x(lower)} 7H${x(upper)}` });
    shape(svg, "circle", { class: "d", cx: x(rho), cy: 7, r: 3 });
    return svg;
  }

  return { MISSING, SVG, at, bar, decimal, element, scaleOf, shape };
})();
