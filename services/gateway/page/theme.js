// The reader's choice of dark or light -> `data-theme` on the page, before the first paint. Without a choice the system decides.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("twin.theme"); } catch { return null; } };
  const apply = (theme) => { if (theme === "dark" || theme === "light") root.dataset.theme = theme; };
  apply(stored());
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
      apply(dark ? "light" : "dark");
      try { localStorage.setItem("twin.theme", root.dataset.theme); } catch { /* private mode: the choice lasts for this page */ }
    });
  });
})();
