// A line at the top while a page that was asked for is on its way: after a moment, so that a quick one shows none.

const MOMENT = 150; // milliseconds
const root = document.documentElement;
let timer;

const stay = () => {
  clearTimeout(timer);
  root.removeAttribute("data-leaving");
};

window.addEventListener("beforeunload", () => {
  clearTimeout(timer);
  timer = setTimeout(() => root.setAttribute("data-leaving", ""), MOMENT);
});
window.addEventListener("pageshow", stay);
window.addEventListener("pagehide", stay);
// A file that is saved leaves the page where it is.
document.addEventListener("click", ({ target }) => target.closest("a[download]") && setTimeout(stay, MOMENT));
