// Not a module, so that it runs before anything is painted. The key is that of view/theme.ts.
document.documentElement.dataset["theme"] = localStorage.getItem("sluice-parlour-theme") ?? "auto";
