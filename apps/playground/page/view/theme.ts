/** As in remembered-theme.ts, which sets the theme before there is anything to see. */
const KEY = "sluice-parlour-theme";

/** The switch between light, dark and what the system says. It is remembered. */
export function watchTheme(onChange: () => void): void {
  const inputs = [...document.querySelectorAll<HTMLInputElement>('input[name="theme"]')];
  const apply = (theme: string): void => {
    document.documentElement.dataset["theme"] = theme;
    onChange();
  };
  const stored = localStorage.getItem(KEY) ?? "auto";
  for (const input of inputs) {
    input.checked = input.value === stored;
    input.addEventListener("change", () => {
      localStorage.setItem(KEY, input.value);
      apply(input.value);
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  apply(stored);
}
