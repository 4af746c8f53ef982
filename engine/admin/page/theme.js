// Light or dark: the system's choice, until the button chooses otherwise for this browser.

const KEPT = "cueline.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export class Theme {
  constructor(button, onChange) {
    this.button = button;
    this.onChange = onChange;
    button.addEventListener("click", () => this.#choose(this.#now === "dark" ? "light" : "dark"));
    dark.addEventListener("change", () => this.#show());
    this.#show();
  }

  get #now() {
    return localStorage.getItem(KEPT) ?? (dark.matches ? "dark" : "light");
  }

  #choose(theme) {
    localStorage.setItem(KEPT, theme);
    this.#show();
    this.onChange();
  }

  #show() {
    document.documentElement.dataset.theme = this.#now;
    this.button.textContent = this.#now === "dark" ? "Light" : "Dark";
    this.button.setAttribute("aria-label", `Use ${this.#now === "dark" ? "light" : "dark"} colours`);
  }
}
