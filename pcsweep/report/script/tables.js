// Tables that the script fills, and texts that can be copied.
const entries = (row, texts, tag) => texts.forEach((text) => {
  const cell = document.createElement(tag);
  if (tag === "th") cell.scope = "col";
  cell.append(text);
  row.append(cell);
});
const fill = (table, heads, rows) => {
  table.replaceChildren();
  table.style.setProperty("--columns", heads.length); // on paper, more columns are in smaller print
  entries(table.createTHead().insertRow(), heads, "th");
  const body = table.createTBody();
  rows.forEach((texts) => entries(body.insertRow(), texts, "td"));
};

// Rows of values as CSV.
const csv = (rows) => {
  const quote = (value) => (/[",\n\r]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  return `${rows.map((row) => row.map(quote).join(",")).join("\n")}\n`;
};

const BRIEF = 12; // letters of an identity
const shortened = (text) => {
  const code = document.createElement("code");
  code.textContent = text.slice(0, BRIEF);
  code.title = text;
  return code;
};
const copier = (what, text) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.setAttribute("aria-label", `Copy the ${what}`);
  button.addEventListener("click", async () => {
    if (!(await copied(text))) return;
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  });
  return button;
};
const copied = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // a browser that asks, or an older one
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
};
for (const block of document.querySelectorAll("pre.command")) block.after(copier("command", block.textContent));
