/** Copy the code from an invitation link into the form. The code follows `#`, so no server or log sees it. */
const code = decodeURIComponent(location.hash.slice(1));
if (code) {
  document.getElementById("code").value = code;
  history.replaceState(null, "", location.pathname + location.search);
}
