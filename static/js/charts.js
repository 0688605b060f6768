// Draws the charts of a page from their tables (templates/components/charts.html) with uPlot. Scales, ticks and words come
// with the page; here is only what is drawn, in the colours that the style sheet gives the legend, and the pointer:
// a crosshair with the numbers under it, by a tap as well, and a press that leads to the tasks of a column.

const drawn = new Map(); // where a chart is → how it is drawn there
const scheme = ["(prefers-color-scheme: dark)", "(forced-colors: active)"].map((query) => matchMedia(query));
const LABEL = 12; // px between the labels of an axis, at least

const list = (text) => JSON.parse(text || "[]");
const numberIn = (cell) => (cell.dataset.value === undefined ? null : Number(cell.dataset.value));

// What the page says of a figure, read anew at each change of it.
function read(figure) {
  const rows = [...figure.querySelectorAll("tr[data-at]")];
  const keys = [...figure.querySelectorAll(".figure-key")];
  const { chart: form, span, top, ticks, times } = figure.dataset;
  const columns = keys.map((_, n) => rows.map((row) => numberIn(row.cells[n + 1])));
  // Upon each other: a column reaches as high as all below it, which are drawn over it.
  if (form === "stacked") {
    for (let n = 1; n < columns.length; n += 1) {
      columns[n] = columns[n].map((value, place) => (value ?? 0) + (columns[n - 1][place] ?? 0));
    }
  }
  const at = rows.map((row) => Number(row.dataset.at) + span / 2);
  const ends = at.length ? [at[0] - span / 2, at.at(-1) + span / 2] : [0, 1];
  return { form, rows, keys, columns, at, ends, top: Number(top), ticks: list(ticks), times: list(times) };
}

const colourOf = (key) => getComputedStyle(key.firstElementChild).color;

// The last is drawn first where one covers the other.
const inOrder = ({ form, columns }) => (form === "lines" ? columns : columns.toReversed());
const dataOf = (said) => [said.at, ...inOrder(said)];

function alone(plot, series, show, gaps) {
  const values = plot.data[series];
  return values.flatMap((value, n) => (value !== null && (values[n - 1] ?? null) === null && (values[n + 1] ?? null) === null ? [n] : []));
}

function seriesOf(said) {
  const keys = said.form === "lines" ? said.keys : said.keys.toReversed();
  return keys.map((key) => {
    const colour = colourOf(key);
    if (said.form === "lines") return { stroke: colour, width: 1.75, points: { filter: alone, size: 4, fill: colour } };
    return { fill: colour, width: 0, points: { show: false }, paths: window.uPlot.paths.bars({ size: [0.8, 48] }) };
  });
}

function widthOf(plot, words) {
  plot.ctx.save();
  plot.ctx.font = plot.axes[1].font[0];
  const widest = Math.max(...words.map((word) => plot.ctx.measureText(word).width));
  plot.ctx.restore();
  return widest / devicePixelRatio;
}

function axesOf(state, style) {
  const { color, borderBlockEndColor: line, fontFamily, fontSize } = style;
  const shared = { stroke: color, font: `${fontSize} ${fontFamily}`, grid: { stroke: line, width: 1 } };
  // As many as there is room for: every one, every other one, …
  const thin = (plot, words) => {
    const room = plot.bbox.width / devicePixelRatio / (words.length || 1);
    const every = Math.ceil((widthOf(plot, words) + LABEL) / room);
    return words.map((word, n) => (n % every ? "" : word));
  };
  return [
    {
      ...shared,
      size: 24,
      gap: 4,
      ticks: { stroke: line, width: 1, size: 4 },
      splits: () => state.said.times.map(([at]) => at),
      values: (plot) => thin(plot, state.said.times.map(([, word]) => word)),
    },
    {
      ...shared,
      gap: 6,
      ticks: { show: false },
      size: (plot, words) => (words ? Math.ceil(widthOf(plot, words)) + 8 : 32),
      splits: () => state.said.ticks.map(([value]) => value),
      values: () => state.said.ticks.map(([, word]) => word),
    },
  ];
}

// A column that is cut off says how high it is.
function mark({ said, style }, plot) {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio, size = 4 * scale;
  ctx.save();
  ctx.fillStyle = ctx.strokeStyle = style.color;
  ctx.font = plot.axes[1].font[0];
  ctx.textBaseline = "top";
  ctx.textAlign = "left";
  const half = Math.max((bbox.width / said.at.length) * 0.4, size); // of a column
  let free = -Infinity;
  for (const [n, at] of said.at.entries()) {
    const word = said.rows[n].dataset.above;
    if (!word) continue;
    const x = plot.valToPos(at, "x", true), y = bbox.top;
    ctx.beginPath();
    ctx.moveTo(x - size, y);
    ctx.lineTo(x, y - size * 1.5);
    ctx.lineTo(x + size, y);
    ctx.fill();
    const width = ctx.measureText(word).width, right = x + half + size, left = x - half - size - width;
    const start = right + width <= bbox.left + bbox.width ? right : left;
    if (start < free) continue;
    free = start + width + size;
    ctx.fillText(word, start, y);
  }
  ctx.restore();
}

function line(className, ...children) {
  const made = document.createElement("span");
  made.className = className;
  made.append(...children);
  return made;
}

function tell(state, plot) {
  const { place, said, tip } = state, { idx, left } = plot.cursor;
  const row = idx === null || idx === undefined || left < 0 ? null : said.rows[idx];
  tip.hidden = !row || !place.matches(":hover, [data-touched]");
  place.toggleAttribute("data-leads", Boolean(row?.querySelector("a")));
  if (tip.hidden) return;
  const cells = said.keys.flatMap((key, n) => {
    const value = document.createElement("b");
    value.textContent = row.cells[n + 1].textContent;
    return [key.firstElementChild.cloneNode(), key.textContent, value].map((each) => line("", each));
  });
  const hint = row.querySelector("a") ? [line("figure-tip-hint", place.dataset.touched === undefined ? "Click for tasks" : "Tap again for tasks")] : [];
  tip.replaceChildren(line("figure-tip-line", row.cells[0].textContent), ...cells, ...hint);
  const from = plot.over.offsetLeft + left;
  const beside = from + 12 + tip.offsetWidth <= place.clientWidth ? from + 12 : Math.max(from - 12 - tip.offsetWidth, 0);
  tip.style.transform = `translate(${beside}px, ${plot.over.offsetTop}px)`;
}

function lead(state, pointer, before) {
  const { idx } = state.plot.cursor;
  const link = state.said.rows[idx ?? -1]?.querySelector("a");
  if (!link || (pointer === "touch" && before !== idx)) return;
  link.click();
}

function draw(figure) {
  const place = figure.querySelector(".figure-plot");
  const tip = line("figure-tip");
  tip.hidden = true;
  const state = { figure, place, tip, said: read(figure), style: getComputedStyle(place) };
  place.replaceChildren();
  const options = {
    width: place.clientWidth,
    height: place.clientHeight,
    padding: [10, 4, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { show: state.said.form === "lines" }, sync: { key: "charts" } },
    scales: { x: { time: false, range: () => state.said.ends }, y: { range: () => [0, state.said.top] } },
    axes: axesOf(state, state.style),
    series: [{}, ...seriesOf(state.said)],
    hooks: { setCursor: [(plot) => tell(state, plot)], draw: [(plot) => mark(state, plot)] },
  };
  state.plot = new window.uPlot(options, dataOf(state.said), place);
  place.append(tip);
  let touchedAt = null;
  state.plot.over.addEventListener("pointerdown", ({ pointerType }) => {
    touchedAt = pointerType === "touch" && place.dataset.touched !== undefined ? state.plot.cursor.idx : null;
    place.toggleAttribute("data-touched", pointerType === "touch");
  });
  state.plot.over.addEventListener("click", ({ pointerType }) => {
    tell(state, state.plot);
    lead(state, pointerType, touchedAt);
  });
  drawn.set(place, state);
  sizes.observe(place);
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const { plot } = drawn.get(target) ?? {};
    const { clientWidth: width, clientHeight: height } = target;
    if (plot && width && (plot.width !== width || plot.height !== height)) plot.setSize({ width, height });
  }
});

const names = (said) => said.form + said.keys.map((key) => key.textContent).join("\n");

function remove(place) {
  drawn.get(place)?.plot.destroy();
  drawn.delete(place);
  sizes.unobserve(place);
}

// All of the page: what is there already gets the numbers of now, without being drawn from nothing.
function refresh({ anew = false } = {}) {
  for (const place of drawn.keys()) if (!place.isConnected || anew) remove(place);
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const place = figure.querySelector(".figure-plot"), state = drawn.get(place), said = read(figure);
    if (state && names(state.said) === names(said)) {
      state.said = said;
      state.plot.setData(dataOf(said));
      tell(state, state.plot);
    } else {
      remove(place);
      draw(figure);
    }
  }
}

function withoutPictures() {
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    figure.querySelector(".figure-plot").hidden = true;
    figure.querySelector("details").open = true;
  }
}

if (window.uPlot) {
  refresh();
  document.addEventListener("htmx:afterSettle", () => refresh());
  for (const each of scheme) each.addEventListener("change", () => refresh({ anew: true }));
  new MutationObserver(() => refresh({ anew: true })).observe(document.documentElement, { attributeFilter: ["data-theme"] });
} else withoutPictures();
