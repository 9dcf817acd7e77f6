// Folding, links to folded parts, printing; then everything starts.
function unfold(element) {
  for (let each = element; each; each = each.parentElement) {
    if (each.tagName === "DETAILS") each.open = true;
  }
}

function showTarget() {
  const name = decodeURIComponent(location.hash.slice(1));
  const target = name ? document.getElementById(name) : null;
  if (!target) return;
  unfold(target);
  target.scrollIntoView();
}

function startFolding() {
  let folded = [];
  const openAll = () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const each of folded) each.open = true;
  };
  const foldAgain = () => {
    for (const each of folded) each.open = false;
    folded = [];
  };
  addEventListener("beforeprint", openAll);
  addEventListener("afterprint", foldAgain);
  const button = document.getElementById("unfold");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const isFolded = folded.length === 0;
      if (isFolded) openAll();
      else foldAgain();
      button.textContent = isFolded ? "Fold" : "Unfold all";
    });
  }
  addEventListener("hashchange", showTarget);
  showTarget();
}

function startNetworks() {
  const parts = [...document.querySelectorAll("details.network")];
  const rows = parts.map((part) => [...part.querySelectorAll("tr[data-region]")]);
  follow(() => parts.forEach((part, index) => {
    part.hidden = !fitsNetwork(part.dataset.network);
    for (const row of rows[index]) row.hidden = !fitsRow(row);
  }));
}

startTables();
startSelectionBar();
startLeaders();
startNetworks();
startStrip();
startDepth();
startFolding();
