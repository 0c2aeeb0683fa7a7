/* A link to a line of the log that is not on the page: load the lines around it. */
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    const number = (window.location.hash.match(/^#L(\d{1,9})$/) || [])[1];
    const query = new URLSearchParams(window.location.search);
    if (!number || document.getElementById(`L${number}`) || query.get("line") === number) return;
    query.set("line", number);
    window.location.search = query.toString();
  });
})();
