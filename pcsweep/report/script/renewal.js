// While the study is computed the page is read again now and then, and looks as before: place, choices, what is open, light or dark.
const chosenNow = () => [...document.querySelectorAll("select[id], input[id]")].filter((each) => !form.contains(each)).map((each) => [each.id, each.value]);
const folds = () => [...document.querySelectorAll("details")];
const foldName = (fold) => fold.querySelector("summary").textContent;
const reread = () => {
  if (!document.getSelection().isCollapsed) return; // somebody copies
  const focus = document.activeElement?.id ?? "";
  history.replaceState({ left: scrollX, top: scrollY, open: folds().filter((each) => each.open).map(foldName), chosen: chosenNow(), allRows, theme: root.dataset.theme ?? "", focus }, "", addressed());
  location.reload();
};
if (kept) {
  if (kept.theme) root.dataset.theme = kept.theme;
  allRows = kept.allRows;
  for (const each of folds()) each.open = kept.open.includes(foldName(each));
  for (const [id, value] of kept.chosen) {
    const element = byId(id);
    if (!element || ![...(element.options ?? [])].some((option) => option.value === value)) continue;
    element.value = value;
    element.dispatchEvent(new Event("change"));
  }
  everything();
  byId(kept.focus)?.focus({ preventScroll: true });
  scrollTo(kept.left, kept.top);
  history.replaceState(null, "", location.href); // or a reader's own reload would lead back to here
  history.scrollRestoration = "auto";
}
if (root.dataset.every) setInterval(reread, 1000 * Number(root.dataset.every));
root.dataset.ready = "yes";
