// One selection for the whole page: a region, a group of networks, and networks by name. Tables, charts and the parts
// of networks follow it.
const data = JSON.parse(document.getElementById("chart-data")?.textContent || "{}");
const selection = { region: "", grouping: 0, group: "", networks: new Set() };
const networkOf = new Map((data.networks ?? []).map((network) => [network.name, network]));
const followers = [];

function follow(act) {
  followers.push(act);
}

function select(change) {
  Object.assign(selection, change);
  for (const act of followers) act();
}

function toggleNetwork(name) {
  const networks = new Set(selection.networks);
  if (!networks.delete(name)) networks.add(name);
  select({ networks });
}

function groupOf(network, grouping = selection.grouping) {
  return data.groupings[grouping]?.groups[network.groups[grouping]]?.name ?? "";
}

function colourOf(network) {
  const group = network.groups[selection.grouping];
  return group === undefined ? "currentColor" : `var(--g-${selection.grouping}-${group})`;
}

function isInGroup(name) {
  const network = networkOf.get(name);
  return !selection.group || !network || groupOf(network) === selection.group;
}

function fitsNetwork(name) {
  return (selection.networks.size === 0 || selection.networks.has(name)) && isInGroup(name);
}

// A row about groups fits unless it is about others of the same grouping.
function fitsGroups(groups) {
  if (!selection.group || groups.includes(selection.group)) return true;
  const known = data.groupings[selection.grouping].groups.map(({ name }) => name);
  return !groups.some((name) => known.includes(name));
}

function fitsRow(row) {
  const { network, region, groups } = row.dataset;
  return (!network || fitsNetwork(network))
    && (!region || !selection.region || region === selection.region)
    && (!groups || fitsGroups(groups.split("\n")));
}

function isAnythingSelected() {
  return Boolean(selection.region || selection.group || selection.networks.size);
}

function option(value, text) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}

// The bar of drop-downs, and the names of selected networks as buttons that drop them.
function startSelectionBar() {
  const form = document.getElementById("selection");
  if (!form || !data.networks) return;
  const { region, grouping, group, network } = form.elements;
  const chips = form.querySelector(".chips");
  const status = form.querySelector(".status");

  function listGroups() {
    const groups = data.groupings[selection.grouping]?.groups ?? [];
    group.replaceChildren(option("", "all groups"), ...groups.map(({ name }) => option(name, name)));
  }

  function tell() {
    const total = data.networks.length;
    const fitting = data.networks.filter(({ name }) => fitsNetwork(name)).length;
    status.textContent = isAnythingSelected()
      ? `${fitting.toLocaleString("en")} of ${total.toLocaleString("en")} networks${selection.region ? `, region ${selection.region}` : ""}`
      : "";
  }

  follow(() => {
    region.value = selection.region;
    if (Number(grouping.value) !== selection.grouping) {
      grouping.value = selection.grouping;
      listGroups();
    }
    group.value = selection.group;
    chips.replaceChildren(...[...selection.networks].map((name) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.className = "chip";
      chip.textContent = `${name} ×`;
      chip.setAttribute("aria-label", `Drop ${name} from the selection`);
      chip.addEventListener("click", () => toggleNetwork(name));
      return chip;
    }));
    form.elements.clear.disabled = !isAnythingSelected();
    tell();
  });
  region.addEventListener("change", () => select({ region: region.value }));
  grouping.addEventListener("change", () => {
    selection.grouping = Number(grouping.value);
    listGroups();
    select({ group: "" });
  });
  group.addEventListener("change", () => select({ group: group.value }));
  network.addEventListener("change", () => {
    if (!networkOf.has(network.value)) return;
    select({ networks: new Set(selection.networks).add(network.value) });
    network.value = "";
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    network.value = "";
    select({ region: "", group: "", networks: new Set() });
  });
  listGroups();
  form.hidden = false;
}
