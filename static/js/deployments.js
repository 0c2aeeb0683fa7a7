/* A link to a line of the log: load the lines around it if it is not on the page, then go there. */
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    const query = new URLSearchParams(window.location.search);
    const inHash = (window.location.hash.match(/^#(?:L|line-)(\d{1,9})$/) || [])[1];
    const number = inHash || (window.location.hash ? null : query.get("line"));
    if (!number) return;
    if (document.getElementById(`L${number}`)) {
      if (window.location.hash !== `#L${number}`) window.location.replace(`#L${number}`);
      return;
    }
    if (!inHash || query.get("line") === number) return;
    query.set("line", number);
    window.location.search = query.toString();
  });
})();
