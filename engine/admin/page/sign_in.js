// The question for the token, asked when the engine wants one.

import { byId, put } from "./dom.js";

export class SignIn {
  constructor(feed) {
    this.dialog = byId("sign-in");
    this.field = byId("token");
    this.leave = byId("sign-out");
    byId("sign-in-form").addEventListener("submit", (event) => {
      event.preventDefault();
      feed.sign(this.field.value.trim());
    });
    this.dialog.addEventListener("cancel", (event) => event.preventDefault()); // without the token there is nothing to go back to
    this.leave.addEventListener("click", () => feed.sign(null));
  }

  /** Follow the connection's state: ask where a token is missing or wrong, vanish once it was right. */
  show(link, signed) {
    this.leave.hidden = !(signed && link.name === "live");
    if (link.name === "sign-in") {
      put(byId("sign-in-fault"), link.detail);
      this.field.setAttribute("aria-invalid", Boolean(link.detail));
      if (!this.dialog.open) this.dialog.showModal();
      this.field.select();
    } else if (link.name === "live" && this.dialog.open) {
      this.field.value = "";
      this.dialog.close();
    }
  }
}
