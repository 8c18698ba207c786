/** Put the code of an invitation's link into the form. It stands behind `#`, so no server and no log sees it. */
const code = decodeURIComponent(location.hash.slice(1));
if (code) {
  document.getElementById("code").value = code;
  history.replaceState(null, "", location.pathname + location.search);
}
