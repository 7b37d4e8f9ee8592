// Runs before the first drawing: a browser that follows the system's theme is told which one that is.
(() => {
  const page = document.documentElement;
  if (page.dataset.theme !== "system") return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const draw = () => { page.dataset.bsTheme = dark.matches ? "dark" : "light"; };
  dark.addEventListener("change", draw);
  draw();
})();
